"""ELBv2: load balancers, listeners, certificates, rules, target groups, targets, attributes, tags, limits."""

FIXED = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "ContentType": "text/plain", "MessageBody": "no"}}


def drive(t):
    elb = t.client("elbv2")
    balancer = load_balancers(t, elb)
    certificate = elb.describe_listeners(
        ListenerArns=[t.account["listener"]])["Listeners"][0]["Certificates"][0]["CertificateArn"]
    listener = listeners(t, elb, balancer, certificate)
    certificates(t, elb, listener, certificate)
    group = target_groups(t, elb)
    rules(t, elb, balancer, listener, group)
    targets(t, elb, group)
    tags(t, elb, balancer, listener, group)
    policies(t, elb)
    parents(t, elb, balancer, listener, group)
    refused_load_balancers(t, elb)


def load_balancers(t, elb):
    name = t.unique("made")
    asked = {"Name": name, "Subnets": t.account["subnets"], "SecurityGroups": t.account["security_groups"][1:]}
    made = elb.create_load_balancer(**asked, Tags=[{"Key": "a", "Value": "b"}])["LoadBalancers"][0]
    arn = made["LoadBalancerArn"]
    t.same("a load balancer is provisioned", made["State"], {"Code": "provisioning"})
    t.until("and becomes active", lambda: elb.describe_load_balancers(Names=[name])["LoadBalancers"][0]["State"]["Code"],
            "active")
    read = elb.describe_load_balancers(LoadBalancerArns=[arn])["LoadBalancers"][0]
    t.same("it reads back", [read[key] for key in ("LoadBalancerName", "Scheme", "VpcId", "Type", "IpAddressType",
                                                   "SecurityGroups")],
           [name, "internet-facing", t.account["vpc"], "application", "ipv4", t.account["security_groups"][1:]])
    t.same("with its zones", [(zone["ZoneName"], zone["SubnetId"]) for zone in read["AvailabilityZones"]],
           [("us-east-1a", t.account["subnets"][0]), ("us-east-1b", t.account["subnets"][1])])
    t.same("and a name in DNS",
           (read["DNSName"].startswith(name + "-"), read["DNSName"].endswith(".us-east-1.elb.amazonaws.com")), (True, True))
    t.same("the same request gives the same one", elb.create_load_balancer(**asked)["LoadBalancers"][0]["LoadBalancerArn"], arn)
    t.refused("a load balancer of that name, otherwise", "DuplicateLoadBalancerName", elb.create_load_balancer,
              **{**asked, "Scheme": "internal"})
    t.refused("an unknown load balancer", "LoadBalancerNotFound", elb.describe_load_balancers, Names=["absent"])
    t.refused("a page of no size", "ValidationError", elb.describe_load_balancers, PageSize=0)

    attributes = {one["Key"]: one["Value"] for one in elb.describe_load_balancer_attributes(LoadBalancerArn=arn)["Attributes"]}
    want = {"idle_timeout.timeout_seconds": "60", "deletion_protection.enabled": "false", "routing.http2.enabled": "true",
            "client_keep_alive.seconds": "3600", "routing.http.desync_mitigation_mode": "defensive",
            "routing.http.xff_header_processing.mode": "append", "load_balancing.cross_zone.enabled": "true",
            "access_logs.s3.enabled": "false", "access_logs.s3.bucket": "", "waf.fail_open.enabled": "false"}
    t.same("attributes have AWS's defaults", {key: attributes.get(key) for key in want}, want)
    changed = elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[
        {"Key": "idle_timeout.timeout_seconds", "Value": "120"}])["Attributes"]
    t.same("attributes are changed", {one["Key"]: one["Value"] for one in changed}["idle_timeout.timeout_seconds"], "120")
    for what, key, value in (("unknown", "idle.timeout", "1"), ("out of range", "idle_timeout.timeout_seconds", "4001"),
                             ("fixed", "load_balancing.cross_zone.enabled", "false"),
                             ("that needs another", "access_logs.s3.enabled", "true")):
        t.refused(f"an attribute {what}", "ValidationError", elb.modify_load_balancer_attributes, LoadBalancerArn=arn,
                  Attributes=[{"Key": key, "Value": value}])
    t.refused("more than twenty attributes at once", "ValidationError", elb.modify_load_balancer_attributes, LoadBalancerArn=arn,
              Attributes=[{"Key": "waf.fail_open.enabled", "Value": "false"}] * 21)
    t.refused("attributes of an unknown load balancer", "LoadBalancerNotFound", elb.describe_load_balancer_attributes,
              LoadBalancerArn=arn + "0")

    zones = elb.set_subnets(LoadBalancerArn=arn, Subnets=t.account["subnets"][::-1])["AvailabilityZones"]
    t.same("subnets are set", sorted(zone["SubnetId"] for zone in zones), sorted(t.account["subnets"]))
    t.refused("subnets of one zone", "InvalidConfigurationRequest", elb.set_subnets, LoadBalancerArn=arn,
              Subnets=t.account["subnets"][:1])
    groups = elb.set_security_groups(LoadBalancerArn=arn, SecurityGroups=t.account["security_groups"])["SecurityGroupIds"]
    t.same("security groups are set", sorted(groups), sorted(t.account["security_groups"]))
    t.refused("a security group that is not there", "InvalidSecurityGroup", elb.set_security_groups, LoadBalancerArn=arn,
              SecurityGroups=["sg-0"])
    t.same("the address type is set", elb.set_ip_address_type(LoadBalancerArn=arn, IpAddressType="ipv4")["IpAddressType"], "ipv4")
    t.refused("IPv6 in subnets without", "InvalidConfigurationRequest", elb.set_ip_address_type, LoadBalancerArn=arn,
              IpAddressType="dualstack")
    return arn


def listeners(t, elb, balancer, certificate):
    http = elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[FIXED])["Listeners"][0]
    t.same("an HTTP listener reads back", [http.get(key) for key in ("Protocol", "Port", "SslPolicy", "DefaultActions")],
           ["HTTP", 80, None, [FIXED]])
    https = {"LoadBalancerArn": balancer, "Protocol": "HTTPS", "Port": 443, "DefaultActions": [FIXED],
             "Certificates": [{"CertificateArn": certificate}]}
    made = elb.create_listener(**https)["Listeners"][0]
    arn = made["ListenerArn"]
    t.same("an HTTPS listener reads back", [made.get(key) for key in ("Protocol", "Port", "SslPolicy", "Certificates")],
           ["HTTPS", 443, "ELBSecurityPolicy-2016-08", [{"CertificateArn": certificate}]])
    t.same("the same request again gives the same one", elb.create_listener(**https)["Listeners"][0]["ListenerArn"], arn)
    t.refused("another listener on its port", "DuplicateListener", elb.create_listener, LoadBalancerArn=balancer, Protocol="HTTP",
              Port=443, DefaultActions=[FIXED])
    for what, code, change in (
        ("without a certificate", "ValidationError", {"Certificates": []}),
        ("with an unknown certificate", "CertificateNotFound", {"Certificates": [{"CertificateArn": certificate + "0"}]}),
        ("with an unknown policy", "SSLPolicyNotFound", {"SslPolicy": "ELBSecurityPolicy-2015"}),
        ("of another protocol", "ValidationError", {"Protocol": "GOPHER"}),
        ("of no port", "ValidationError", {"Port": 0}),
        ("that does nothing", "ValidationError", {"DefaultActions": []}),
        ("of no load balancer", "LoadBalancerNotFound", {"LoadBalancerArn": balancer + "0"}),
        ("to no target group", "TargetGroupNotFound", {"DefaultActions": [{"Type": "forward", "TargetGroupArn": balancer}]}),
    ):
        t.refused(f"a listener {what}", code, elb.create_listener, **{**https, "Port": 444, **change})
    listed = elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    t.same("a load balancer's listeners", sorted(one["Port"] for one in listed), [80, 443])
    t.refused("an unknown listener", "ListenerNotFound", elb.describe_listeners, ListenerArns=[arn + "0"])

    read = elb.modify_listener(ListenerArn=arn, Port=8443, SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06")["Listeners"][0]
    t.same("a listener is changed, and keeps the rest",
           [read[key] for key in ("Port", "SslPolicy", "Protocol", "DefaultActions")],
           [8443, "ELBSecurityPolicy-TLS13-1-2-2021-06", "HTTPS", [FIXED]])
    t.refused("a port that is taken", "DuplicateListener", elb.modify_listener, ListenerArn=arn, Port=80)
    attributes = {one["Key"]: one["Value"] for one in elb.describe_listener_attributes(ListenerArn=arn)["Attributes"]}
    want = {"routing.http.response.server.enabled": "true", "routing.http.response.x_frame_options.header_value": "",
            "routing.http.request.x_amzn_tls_version.header_name": "X-Amzn-Tls-Version"}
    t.same("a listener's attributes have AWS's defaults", {key: attributes.get(key) for key in want}, want)
    changed = elb.modify_listener_attributes(ListenerArn=arn, Attributes=[
        {"Key": "routing.http.response.server.enabled", "Value": "false"}])["Attributes"]
    t.same("a listener's attribute is changed", {"Key": "routing.http.response.server.enabled", "Value": "false"} in changed,
           True)
    t.refused("attributes of an unknown listener", "ListenerNotFound", elb.describe_listener_attributes, ListenerArn=arn + "0")
    t.refused("an unknown attribute of a listener", "ValidationError", elb.modify_listener_attributes, ListenerArn=arn,
              Attributes=[{"Key": "routing.http.response.colour", "Value": "red"}])
    t.refused("an HTTPS attribute of an HTTP listener", "ValidationError", elb.modify_listener_attributes,
              ListenerArn=http["ListenerArn"],
              Attributes=[{"Key": "routing.http.request.x_amzn_tls_version.header_name", "Value": "X-Version"}])
    elb.delete_listener(ListenerArn=http["ListenerArn"])
    t.refused("deleting a listener again", "ListenerNotFound", elb.delete_listener, ListenerArn=http["ListenerArn"])
    return arn


def certificates(t, elb, listener, certificate):
    one = [{"CertificateArn": certificate}]
    t.same("a listener's default certificate", elb.describe_listener_certificates(ListenerArn=listener)["Certificates"],
           [{"CertificateArn": certificate, "IsDefault": True}])
    elb.add_listener_certificates(ListenerArn=listener, Certificates=one)
    elb.add_listener_certificates(ListenerArn=listener, Certificates=one)
    t.same("added to the list it stands twice, and no more",
           [entry["IsDefault"] for entry in elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]],
           [True, False])
    elb.remove_listener_certificates(ListenerArn=listener, Certificates=one)
    t.refused("the default certificate is not removed", "OperationNotPermitted", elb.remove_listener_certificates,
              ListenerArn=listener,
              Certificates=one)
    t.refused("an unknown certificate", "CertificateNotFound", elb.add_listener_certificates, ListenerArn=listener,
              Certificates=[{"CertificateArn": certificate + "0"}])
    t.refused("certificates of an unknown listener", "ListenerNotFound", elb.describe_listener_certificates,
              ListenerArn=listener + "0")


def target_groups(t, elb):
    name = t.unique("group")
    asked = {"Name": name, "Protocol": "HTTP", "Port": 3001, "VpcId": t.account["vpc"], "TargetType": "ip"}
    made = elb.create_target_group(**asked)["TargetGroups"][0]
    arn = made["TargetGroupArn"]
    want = {"HealthCheckProtocol": "HTTP", "HealthCheckPort": "traffic-port", "HealthCheckEnabled": True,
            "HealthCheckIntervalSeconds": 30,
            "HealthCheckTimeoutSeconds": 5, "HealthyThresholdCount": 5, "UnhealthyThresholdCount": 2, "HealthCheckPath": "/",
            "Matcher": {"HttpCode": "200"}, "ProtocolVersion": "HTTP1", "IpAddressType": "ipv4", "LoadBalancerArns": [],
            "TargetType": "ip"}
    t.same("a target group has AWS's defaults", {key: made.get(key) for key in want}, want)
    t.same("the same target group again", elb.create_target_group(**asked)["TargetGroups"][0]["TargetGroupArn"], arn)
    t.refused("a target group of that name, otherwise", "DuplicateTargetGroupName", elb.create_target_group,
              **{**asked, "Port": 3002})
    t.refused("a timeout above the interval", "ValidationError", elb.create_target_group, **{**asked, "Name": "other"},
              HealthCheckIntervalSeconds=10, HealthCheckTimeoutSeconds=20)
    t.refused("an unknown target group", "TargetGroupNotFound", elb.describe_target_groups, Names=["absent"])
    read = elb.modify_target_group(TargetGroupArn=arn, HealthCheckPath="/health",
                                   HealthCheckIntervalSeconds=10)["TargetGroups"][0]
    t.same("its health check is changed", (read["HealthCheckPath"], read["HealthCheckIntervalSeconds"]), ("/health", 10))
    t.refused("a threshold out of range", "ValidationError", elb.modify_target_group, TargetGroupArn=arn,
              HealthyThresholdCount=11)
    t.same("it is described", elb.describe_target_groups(TargetGroupArns=[arn])["TargetGroups"], [read])
    attributes = {one["Key"]: one["Value"] for one in elb.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]}
    want = {"deregistration_delay.timeout_seconds": "300", "stickiness.enabled": "false", "stickiness.type": "lb_cookie",
            "slow_start.duration_seconds": "0", "load_balancing.algorithm.type": "round_robin"}
    t.same("its attributes have AWS's defaults", {key: attributes.get(key) for key in want}, want)
    changed = elb.modify_target_group_attributes(TargetGroupArn=arn, Attributes=[
        {"Key": "deregistration_delay.timeout_seconds", "Value": "5"}])["Attributes"]
    t.same("an attribute of it is changed", {"Key": "deregistration_delay.timeout_seconds", "Value": "5"} in changed, True)
    t.refused("a delay out of range", "ValidationError", elb.modify_target_group_attributes, TargetGroupArn=arn,
              Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "3601"}])
    t.refused("attributes of an unknown target group", "TargetGroupNotFound", elb.describe_target_group_attributes,
              TargetGroupArn=arn + "0")
    return arn


def rules(t, elb, balancer, listener, group):
    host = [{"Field": "host-header", "HostHeaderConfig": {"Values": ["a.hokus.ai"]}}]
    forward = [{"Type": "forward", "TargetGroupArn": group}]
    rule = elb.create_rule(ListenerArn=listener, Priority=10, Conditions=host, Actions=forward)["Rules"][0]
    arn = rule["RuleArn"]
    t.same("a rule reads back in both forms",
           (rule["Priority"], rule["IsDefault"], rule["Conditions"][0]["Values"], rule["Actions"]),
           ("10", False, ["a.hokus.ai"], [{**forward[0], "ForwardConfig": {
               "TargetGroups": [{"TargetGroupArn": group, "Weight": 1}], "TargetGroupStickinessConfig": {"Enabled": False}}}]))
    t.refused("a priority in use", "PriorityInUse", elb.create_rule, ListenerArn=listener, Priority=10, Conditions=host,
              Actions=forward)
    t.refused("a rule of no listener", "ListenerNotFound", elb.create_rule, ListenerArn=listener + "0", Priority=11,
              Conditions=host,
              Actions=forward)
    t.refused("a rule to no target group", "TargetGroupNotFound", elb.create_rule, ListenerArn=listener, Priority=11,
              Conditions=host,
              Actions=[{"Type": "forward", "TargetGroupArn": group + "0"}])
    t.refused("a group of another load balancer", "TargetGroupAssociationLimit", elb.create_rule,
              ListenerArn=t.account["listener"],
              Priority=11, Conditions=host, Actions=forward)
    read = elb.modify_rule(RuleArn=arn, Actions=[FIXED])["Rules"][0]
    t.same("a rule is changed, and keeps its conditions", (read["Actions"], read["Conditions"]), ([FIXED], rule["Conditions"]))
    t.refused("changing an unknown rule", "RuleNotFound", elb.modify_rule, RuleArn=arn + "0", Actions=[FIXED])
    other = elb.create_rule(ListenerArn=listener, Priority=20, Conditions=host, Actions=[FIXED])["Rules"][0]["RuleArn"]
    elb.set_rule_priorities(RulePriorities=[{"RuleArn": arn, "Priority": 20}, {"RuleArn": other, "Priority": 10}])
    listed = elb.describe_rules(ListenerArn=listener)["Rules"]
    t.same("rules swap places, the default one is last", [one["Priority"] for one in listed], ["10", "20", "default"])
    t.same("the other is the first", [one["RuleArn"] for one in listed][:2], [other, arn])
    t.refused("priorities that clash", "PriorityInUse", elb.set_rule_priorities,
              RulePriorities=[{"RuleArn": arn, "Priority": 10}])
    t.refused("an unknown rule", "RuleNotFound", elb.describe_rules, RuleArns=[arn + "0"])
    t.refused("rules of an unknown listener", "ListenerNotFound", elb.describe_rules, ListenerArn=listener + "0")
    t.refused("deleting a default rule", "OperationNotPermitted", elb.delete_rule, RuleArn=listed[2]["RuleArn"])
    elb.delete_rule(RuleArn=other)
    t.refused("deleting a rule again", "RuleNotFound", elb.delete_rule, RuleArn=other)
    elb.modify_rule(RuleArn=arn, Actions=forward)
    t.same("a group knows its load balancer",
           elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"],
           [balancer])
    t.refused("a target group in use", "ResourceInUse", elb.delete_target_group, TargetGroupArn=group)


def targets(t, elb, group):
    target = [{"Id": "10.0.2.7", "Port": 3001}]
    elb.register_targets(TargetGroupArn=group, Targets=target)
    health = elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    t.same("a new target is initial", [(one["Target"]["Id"], one["TargetHealth"]["State"]) for one in health],
           [("10.0.2.7", "initial")])
    t.refused("a target that is no address", "InvalidTarget", elb.register_targets, TargetGroupArn=group, Targets=[{"Id": "i-0"}])
    t.refused("targets of an unknown group", "TargetGroupNotFound", elb.describe_target_health, TargetGroupArn=group + "0")
    elb.deregister_targets(TargetGroupArn=group, Targets=target)
    health = elb.describe_target_health(TargetGroupArn=group, Targets=target)["TargetHealthDescriptions"][0]["TargetHealth"]
    t.same("a deregistered target drains", (health["State"], health["Reason"]), ("draining", "Target.DeregistrationInProgress"))
    t.refused("deregistering from an unknown group", "TargetGroupNotFound", elb.deregister_targets, TargetGroupArn=group + "0",
              Targets=target)


def tags(t, elb, balancer, listener, group):
    arns = [balancer, listener, group]
    elb.add_tags(ResourceArns=arns, Tags=[{"Key": "x", "Value": "1"}, {"Key": "y", "Value": "2"}])
    elb.remove_tags(ResourceArns=arns, TagKeys=["x"])
    described = elb.describe_tags(ResourceArns=arns)["TagDescriptions"]
    t.same("tags of every kind", {one["ResourceArn"]: one["Tags"] for one in described},
           {balancer: [{"Key": "a", "Value": "b"}, {"Key": "y", "Value": "2"}], listener: [{"Key": "y", "Value": "2"}],
            group: [{"Key": "y", "Value": "2"}]})
    t.refused("a tag twice", "DuplicateTagKeys", elb.add_tags, ResourceArns=[group],
              Tags=[{"Key": "x", "Value": "1"}, {"Key": "x", "Value": "2"}])
    t.refused("tags taken from nothing", "TargetGroupNotFound", elb.remove_tags, ResourceArns=[group + "0"], TagKeys=["x"])
    t.refused("tags of nothing", "LoadBalancerNotFound", elb.describe_tags, ResourceArns=[balancer + "0"])
    t.refused("more than twenty", "ValidationError", elb.describe_tags, ResourceArns=[group] * 21)


def policies(t, elb):
    policy = elb.describe_ssl_policies(Names=["ELBSecurityPolicy-TLS13-1-3-2021-06"])["SslPolicies"][0]
    t.same("a security policy", (policy["SslProtocols"], [one["Name"] for one in policy["Ciphers"]]),
           (["TLSv1.3"], ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]))
    t.refused("an unknown security policy", "SSLPolicyNotFound", elb.describe_ssl_policies, Names=["ELBSecurityPolicy-2015"])
    limits = {one["Name"]: one["Max"] for one in elb.describe_account_limits()["Limits"]}
    want = {"application-load-balancers": "50", "listeners-per-application-load-balancer": "50", "target-groups": "3000"}
    t.same("quotas", {name: limits.get(name) for name in want}, want)
    t.refused("quotas after nothing", "ValidationError", elb.describe_account_limits, Marker="nothing")


def parents(t, elb, balancer, listener, group):
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    t.refused("a deleted load balancer", "LoadBalancerNotFound", elb.describe_load_balancers, LoadBalancerArns=[balancer])
    t.refused("takes its listeners", "ListenerNotFound", elb.describe_listeners, ListenerArns=[listener])
    t.same("and leaves its target groups",
           elb.describe_target_groups(TargetGroupArns=[group])["TargetGroups"][0]["LoadBalancerArns"], [])
    elb.delete_load_balancer(LoadBalancerArn=balancer)
    elb.delete_target_group(TargetGroupArn=group)
    t.refused("a deleted target group", "TargetGroupNotFound", elb.describe_target_groups, TargetGroupArns=[group])


def refused_load_balancers(t, elb):
    asked = {"Name": t.unique("made"), "Subnets": t.account["subnets"], "SecurityGroups": t.account["security_groups"][1:]}
    arn = elb.create_load_balancer(**asked)["LoadBalancers"][0]["LoadBalancerArn"]
    for what, code, change in (
        ("in one zone", "InvalidConfigurationRequest", {"Subnets": t.account["subnets"][:1]}),
        ("in no subnet", "ValidationError", {"Subnets": []}),
        ("in a subnet that is not there", "SubnetNotFound", {"Subnets": ["subnet-0", t.account["subnets"][0]]}),
        ("in a group that is not there", "InvalidSecurityGroup", {"SecurityGroups": ["sg-0"]}),
        ("of a name too long", "ValidationError", {"Name": "x" * 33}),
        ("of a reserved name", "ValidationError", {"Name": "internal-x"}),
    ):
        t.refused(f"a load balancer {what}", code, elb.create_load_balancer, **{**asked, "Name": "other", **change})
    protection = "deletion_protection.enabled"
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": protection, "Value": "true"}])
    t.refused("a protected load balancer", "OperationNotPermitted", elb.delete_load_balancer, LoadBalancerArn=arn)
    elb.modify_load_balancer_attributes(LoadBalancerArn=arn, Attributes=[{"Key": protection, "Value": "false"}])
    elb.delete_load_balancer(LoadBalancerArn=arn)
