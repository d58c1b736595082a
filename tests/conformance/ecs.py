"""ECS on Fargate: clusters, task definitions, services with their deployments, standalone tasks, settings, tags."""

# A deployment pauses at a hook only once hooks are run, which the simulator does not do yet.
EXEMPT = {"ContinueServiceDeployment": "a deployment waits only once its tasks serve; tests/ecs/shifting.rs continues one"}


def drive(t):
    ecs = t.client("ecs")
    account_settings(t, ecs)
    cluster = clusters(t, ecs)
    providers(t, ecs, cluster)
    family = task_definitions(t, ecs)
    services(t, ecs, cluster, family)
    deployment_configurations(t, ecs, cluster, family)
    refused_services(t, ecs, cluster, family)
    deployments(t, ecs, cluster, family)
    load_balanced(t, ecs, cluster, family)
    standalone(t, ecs, cluster, family)
    deleted_definitions(t, ecs, family)
    deleted_cluster(t, ecs, cluster)


def network(t):
    return {"awsvpcConfiguration": {"subnets": t.account["subnets"], "securityGroups": t.account["security_groups"][:1]}}


def image(t, tag="0.1.0"):
    return f"{t.account['id']}.dkr.ecr.{t.account['region']}.amazonaws.com/{t.account['repository']}:{tag}"


def account_settings(t, ecs):
    t.same("no setting is set", ecs.list_account_settings()["settings"], [])
    effective = ecs.list_account_settings(name="serviceLongArnFormat", effectiveSettings=True)["settings"]
    t.same("but in effect", [(one["name"], one["value"]) for one in effective], [("serviceLongArnFormat", "enabled")])
    put = ecs.put_account_setting(name="containerInsights", value="enhanced")["setting"]
    t.same("a setting is put", (put["name"], put["value"]), ("containerInsights", "enhanced"))
    ecs.put_account_setting_default(name="tagResourceAuthorization", value="on")
    t.same("settings are listed", sorted(one["name"] for one in ecs.list_account_settings()["settings"]),
           ["containerInsights", "tagResourceAuthorization"])
    t.refused("a setting of a bad value", "InvalidParameterException", ecs.put_account_setting, name="containerInsights",
              value="much")
    t.refused("a default of an unknown setting", "InvalidParameterException", ecs.put_account_setting_default, name="x",
              value="on")
    t.refused("listing an unknown setting", "InvalidParameterException", ecs.list_account_settings, name="x")
    t.refused("deleting an unknown setting", "InvalidParameterException", ecs.delete_account_setting, name="x")


def clusters(t, ecs):
    name = t.unique("cluster")
    made = ecs.create_cluster(clusterName=name, tags=[{"key": "a", "value": "b"}], capacityProviders=["FARGATE"])["cluster"]
    want = {"clusterName": name, "status": "ACTIVE", "runningTasksCount": 0, "pendingTasksCount": 0, "activeServicesCount": 0,
            "registeredContainerInstancesCount": 0, "statistics": [], "tags": [{"key": "a", "value": "b"}],
            "settings": [{"name": "containerInsights", "value": "enhanced"}], "capacityProviders": ["FARGATE"],
            "defaultCapacityProviderStrategy": []}
    t.same("a cluster takes the account's setting", {key: made.get(key) for key in want}, want)
    ecs.delete_account_setting(name="containerInsights")
    read = ecs.describe_clusters(clusters=[name])["clusters"][0]
    t.same("tags and settings read back when included only", (read["tags"], read["settings"], read["statistics"]), ([], [], []))
    read = ecs.describe_clusters(clusters=[made["clusterArn"]], include=["TAGS", "SETTINGS", "STATISTICS"])["clusters"][0]
    t.same("included they do", (read["tags"], read["settings"], len(read["statistics"])), (want["tags"], want["settings"], 3))
    failures = ecs.describe_clusters(clusters=["absent"])["failures"]
    t.same("an unknown cluster is a failure", [(one["arn"].rsplit("/")[-1], one["reason"]) for one in failures],
           [("absent", "MISSING")])
    t.refused("too many clusters", "InvalidParameterException", ecs.describe_clusters, clusters=["x"] * 101)
    t.same("a cluster that is there comes back", ecs.create_cluster(clusterName=name)["cluster"]["clusterArn"],
           made["clusterArn"])
    t.refused("but not one made otherwise", "InvalidParameterException", ecs.create_cluster, clusterName=name,
              tags=[{"key": "a", "value": "c"}])
    t.refused("a cluster of a bad name", "InvalidParameterException", ecs.create_cluster, clusterName="a b")
    pages = [page["clusterArns"] for page in ecs.get_paginator("list_clusters").paginate(PaginationConfig={"PageSize": 1})]
    t.same("clusters are listed in pages", [len(page) for page in pages], [1, 1])
    t.refused("a page that is none", "InvalidParameterException", ecs.list_clusters, nextToken="x")

    execute = {"executeCommandConfiguration": {"logging": "DEFAULT"}}
    updated = ecs.update_cluster(cluster=name, configuration=execute)["cluster"]
    t.same("a cluster's configuration is kept", updated["configuration"], execute)
    t.refused("updating an unknown cluster", "ClusterNotFoundException", ecs.update_cluster, cluster="absent")
    updated = ecs.update_cluster_settings(cluster=name, settings=[{"name": "containerInsights", "value": "disabled"}])["cluster"]
    t.same("a cluster's setting is changed", updated["settings"], [{"name": "containerInsights", "value": "disabled"}])
    t.refused("a setting's bad value", "InvalidParameterException", ecs.update_cluster_settings, cluster=name,
              settings=[{"name": "containerInsights", "value": "much"}])
    return name


def providers(t, ecs, cluster):
    strategy = [{"capacityProvider": "FARGATE", "weight": 1, "base": 1}, {"capacityProvider": "FARGATE_SPOT", "weight": 4}]
    put = ecs.put_cluster_capacity_providers(cluster=cluster, capacityProviders=["FARGATE", "FARGATE_SPOT"],
                                             defaultCapacityProviderStrategy=strategy)["cluster"]
    t.same("a default strategy reads back", put["defaultCapacityProviderStrategy"], [strategy[0], {**strategy[1], "base": 0}])
    for what, arguments in {
        "a provider that is not the cluster's": {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": strategy},
        "an unknown provider": {"capacityProviders": ["EC2"], "defaultCapacityProviderStrategy": []},
        "two bases": {"capacityProviders": ["FARGATE", "FARGATE_SPOT"],
                      "defaultCapacityProviderStrategy": [{**one, "base": 1} for one in strategy]},
        "no weight": {"capacityProviders": ["FARGATE", "FARGATE_SPOT"],
                      "defaultCapacityProviderStrategy": [{**one, "weight": 0} for one in strategy]},
    }.items():
        t.refused(what, "InvalidParameterException", ecs.put_cluster_capacity_providers, cluster=cluster, **arguments)
    reply = ecs.describe_capacity_providers(capacityProviders=["FARGATE", "mine"])
    t.same("Fargate's providers are everybody's", ([(one["name"], one["status"]) for one in reply["capacityProviders"]],
                                                   [one["reason"] for one in reply["failures"]]),
                                                   ([("FARGATE", "ACTIVE")], ["MISSING"]))
    t.refused("providers of an unknown cluster", "ClusterNotFoundException", ecs.describe_capacity_providers, cluster="absent")


def definition(t, family, **more):
    return {"family": family, "requiresCompatibilities": ["FARGATE"], "networkMode": "awsvpc", "cpu": "256", "memory": "512",
            "containerDefinitions": [{"name": "api", "image": image(t), "portMappings": [{"containerPort": 3001}]}], **more}


def task_definitions(t, ecs):
    family = t.unique("family")
    made = ecs.register_task_definition(**definition(t, family), tags=[{"key": "a", "value": "b"}])
    read = made["taskDefinition"]
    want = {"family": family, "revision": 1, "status": "ACTIVE", "compatibilities": ["EC2", "FARGATE"], "networkMode": "awsvpc",
            "cpu": "256", "memory": "512", "volumes": [], "placementConstraints": [], "requiresCompatibilities": ["FARGATE"]}
    t.same("a task definition reads back", {key: read.get(key) for key in want}, want)
    want = {"cpu": 0, "essential": True, "portMappings": [{"containerPort": 3001, "hostPort": 3001, "protocol": "tcp"}],
            "environment": [], "mountPoints": [], "volumesFrom": [], "systemControls": [], "versionConsistency": "enabled"}
    container = read["containerDefinitions"][0]
    t.same("with AWS's defaults for its container", {key: container.get(key) for key in want}, want)
    for what, more in {
        "a size Fargate does not have": {"memory": "300"},
        "secrets without an execution role": {"containerDefinitions": [
            {"name": "api", "image": "x", "secrets": [{"name": "KEY", "valueFrom": "/key"}]}]},
        "two containers of one name": {"containerDefinitions": [{"name": "api", "image": "x"}, {"name": "api", "image": "x"}]},
        "no container": {"containerDefinitions": []},
        "a network mode that is not Fargate's": {"networkMode": "bridge"},
    }.items():
        t.refused(what, "ClientException", ecs.register_task_definition, **definition(t, "refused", **more))
    ecs.register_task_definition(**definition(t, family))
    read = ecs.describe_task_definition(taskDefinition=family, include=["TAGS"])
    t.same("a family means its newest revision", (read["taskDefinition"]["revision"], read["tags"]), (2, []))
    t.same("tags belong to a revision", ecs.describe_task_definition(taskDefinition=f"{family}:1", include=["TAGS"])["tags"],
           [{"key": "a", "value": "b"}])
    t.refused("an unknown revision", "ClientException", ecs.describe_task_definition, taskDefinition=f"{family}:9")
    listed = ecs.list_task_definitions(familyPrefix=family, sort="DESC")["taskDefinitionArns"]
    t.same("revisions are listed", [arn.rsplit(":")[-1] for arn in listed], ["2", "1"])
    t.refused("revisions of a bad status", "InvalidParameterException", ecs.list_task_definitions, status="GONE")
    t.same("families are listed", ecs.list_task_definition_families(familyPrefix=family)["families"], [family])
    t.refused("families of a bad status", "InvalidParameterException", ecs.list_task_definition_families, status="GONE")
    return family


def service_request(t, cluster, family, name, **more):
    return {"cluster": cluster, "serviceName": name, "taskDefinition": family, "desiredCount": 0, "launchType": "FARGATE",
            "networkConfiguration": network(t), **more}


def services(t, ecs, cluster, family):
    name = t.unique("service")
    request = service_request(t, cluster, family, name, tags=[{"key": "a", "value": "b"}], clientToken="token-1")
    made = ecs.create_service(**request)["service"]
    want = {"serviceName": name, "status": "ACTIVE", "desiredCount": 0, "launchType": "FARGATE", "platformVersion": "LATEST",
            "platformFamily": "Linux", "schedulingStrategy": "REPLICA", "deploymentController": {"type": "ECS"},
            "healthCheckGracePeriodSeconds": 0, "enableECSManagedTags": False, "enableExecuteCommand": False,
            "propagateTags": "NONE",
            "availabilityZoneRebalancing": "ENABLED", "placementConstraints": [], "placementStrategy": [], "loadBalancers": [],
            "serviceRegistries": [], "tags": [{"key": "a", "value": "b"}],
            "deploymentConfiguration": {
                "strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 200, "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {"enable": False, "rollback": False, "resetOnHealthyTask": True,
                                             "thresholdConfiguration": {"type": "BOUNDED_PERCENT", "value": 50}},
                "alarms": {"alarmNames": [], "enable": False, "rollback": False}}}
    t.same("a service has AWS's defaults", {key: made.get(key) for key in want}, want)
    t.same("its role is the service-linked one", made["roleArn"].rsplit("/")[-1], "AWSServiceRoleForECS")
    t.same("it asks for no public address", made["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"], "DISABLED")
    t.same("the same request again gives the same service", ecs.create_service(**request)["service"]["serviceArn"],
           made["serviceArn"])
    spot = ecs.create_service(**{key: value for key, value in service_request(t, cluster, family, t.unique("service")).items()
                                 if key != "launchType"})["service"]
    t.same("without a launch type it takes the cluster's strategy", ("launchType" in spot, len(spot["capacityProviderStrategy"])),
           (False, 2))
    t.refused("a provider in use", "ResourceInUseException", ecs.put_cluster_capacity_providers, cluster=cluster,
              capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[])

    described = ecs.describe_services(cluster=cluster, services=[made["serviceArn"], "absent"])
    t.same("tags of a service read back when included only", "tags" in described["services"][0], False)
    t.same("an unknown service is a failure", [one["reason"] for one in described["failures"]], ["MISSING"])
    t.refused("services of an unknown cluster", "ClusterNotFoundException", ecs.describe_services, cluster="absent",
              services=[name])
    t.refused("eleven services at once", "InvalidParameterException", ecs.describe_services, cluster=cluster, services=["x"] * 11)
    t.same("services are listed", sorted(ecs.list_services(cluster=cluster)["serviceArns"]),
           sorted([made["serviceArn"], spot["serviceArn"]]))
    t.refused("listing services of an unknown cluster", "ClusterNotFoundException", ecs.list_services, cluster="absent")
    t.same("none uses a namespace", ecs.list_services_by_namespace(namespace=t.account["namespace_name"])["serviceArns"], [])
    t.refused("services of an unknown namespace", "NamespaceNotFoundException", ecs.list_services_by_namespace,
              namespace="absent")

    updated = ecs.update_service(cluster=cluster, service=name, healthCheckGracePeriodSeconds=30, enableExecuteCommand=True,
                                 availabilityZoneRebalancing="DISABLED", propagateTags="SERVICE")["service"]
    t.same("a service is updated", [updated[key] for key in ("healthCheckGracePeriodSeconds", "enableExecuteCommand",
                                                             "availabilityZoneRebalancing", "propagateTags")],
           [30, True, "DISABLED", "SERVICE"])
    t.refused("an update to no task definition", "ClientException", ecs.update_service, cluster=cluster, service=name,
              taskDefinition="absent")
    t.refused("an update of an unknown service", "ServiceNotFoundException", ecs.update_service, cluster=cluster,
              service="absent")

    ecs.tag_resource(resourceArn=made["serviceArn"], tags=[{"key": "c", "value": "d"}])
    ecs.untag_resource(resourceArn=made["serviceArn"], tagKeys=["a"])
    t.same("a service's tags", ecs.list_tags_for_resource(resourceArn=made["serviceArn"])["tags"], [{"key": "c", "value": "d"}])
    for kind, arn in (("cluster", made["clusterArn"]), ("task definition", made["taskDefinition"])):
        ecs.tag_resource(resourceArn=arn, tags=[{"key": "c", "value": "d"}])
        t.same(f"a {kind}'s tags", {"key": "c", "value": "d"} in ecs.list_tags_for_resource(resourceArn=arn)["tags"], True)
    t.refused("a tag of AWS's own", "InvalidParameterException", ecs.tag_resource, resourceArn=made["serviceArn"],
              tags=[{"key": "aws:x", "value": "y"}])
    t.refused("tags of nothing", "InvalidParameterException", ecs.list_tags_for_resource, resourceArn=made["serviceArn"] + "0")
    t.refused("untagging nothing", "InvalidParameterException", ecs.untag_resource, resourceArn=made["serviceArn"] + "0",
              tagKeys=["a"])

    ecs.update_service(cluster=cluster, service=spot["serviceName"], desiredCount=1, taskDefinition=family)
    t.refused("a service that wants tasks is not deleted", "InvalidParameterException", ecs.delete_service, cluster=cluster,
              service=spot["serviceName"])
    t.refused("deleting in an unknown cluster", "ClusterNotFoundException", ecs.delete_service, cluster="absent", service=name)
    gone = ecs.delete_service(cluster=cluster, service=spot["serviceName"], force=True)["service"]
    t.same("but by force", (gone["status"], gone["desiredCount"]), ("DRAINING", 0))
    t.until("then it is gone", lambda: status(ecs, cluster, spot["serviceName"]), "INACTIVE")
    t.refused("a service that is gone is not updated", "ServiceNotActiveException", ecs.update_service, cluster=cluster,
              service=spot["serviceName"], desiredCount=0)
    t.refused("a service of that name, otherwise", "InvalidParameterException", ecs.create_service,
              **{**request, "desiredCount": 1})
    ecs.delete_service(cluster=cluster, service=name)
    t.until("so is the other", lambda: status(ecs, cluster, name), "INACTIVE")


def refused_services(t, ecs, cluster, family):
    other = service_request(t, cluster, family, "other")
    for what, code, change in (
        ("in no cluster", "ClusterNotFoundException", {"cluster": "absent"}),
        ("of no task definition", "ClientException", {"taskDefinition": "absent"}),
        ("of a bad name", "InvalidParameterException", {"serviceName": "a b"}),
        ("of a bad scheduling strategy", "InvalidParameterException", {"schedulingStrategy": "SOMETIMES"}),
        ("without a network", "InvalidParameterException", {"networkConfiguration": None}),
        ("in no subnet", "InvalidParameterException",
         {"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}}),
        ("of a bad platform", "PlatformUnknownException", {"platformVersion": "0.1"}),
        ("with launch type and strategy", "InvalidParameterException",
         {"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}),
        ("for a container that is not there", "InvalidParameterException", {
            "loadBalancers": [{"targetGroupArn": t.account["load_balancer"], "containerName": "x", "containerPort": 3001}]}),
        ("for a target group that is not there", "InvalidParameterException", {
            "loadBalancers": [{"targetGroupArn": t.account["load_balancer"], "containerName": "api", "containerPort": 3001}]}),
        ("in no registry", "InvalidParameterException", {"serviceRegistries": [{"registryArn": t.account["load_balancer"]}]}),
    ):
        arguments = {key: value for key, value in {**other, **change}.items() if value is not None}
        t.refused(f"a service {what}", code, ecs.create_service, **arguments)


def status(ecs, cluster, service):
    return ecs.describe_services(cluster=cluster, services=[service])["services"][0]["status"]


def deployment_configurations(t, ecs, cluster, family):
    request = service_request(t, cluster, family, t.unique("strategy"))
    made = ecs.create_service(**request, deploymentConfiguration={
        "maximumPercent": 150, "minimumHealthyPercent": 50,
        "deploymentCircuitBreaker": {"enable": True, "rollback": True, "resetOnHealthyTask": False,
                                     "thresholdConfiguration": {"type": "COUNT", "value": 4}},
        "earlySuccessCriteria": {"enable": True, "healthyPercent": 80, "sourceServiceRevisionCleanup": "DEFERRED"}})["service"]
    read = made["deploymentConfiguration"]
    t.same("a rolling configuration reads back",
           (read["maximumPercent"], read["minimumHealthyPercent"], read["deploymentCircuitBreaker"],
                                                  read["earlySuccessCriteria"]),
           (150, 50, {"enable": True, "rollback": True, "resetOnHealthyTask": False,
                      "thresholdConfiguration": {"type": "COUNT", "value": 4}},
            {"enable": True, "healthyPercent": 80, "sourceServiceRevisionCleanup": "DEFERRED"}))

    def updated(**configuration):
        reply = ecs.update_service(cluster=cluster, service=request["serviceName"], deploymentConfiguration=configuration)
        return reply["service"]["deploymentConfiguration"]

    off = {"earlySuccessCriteria": {"enable": False}}
    pause = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}
    function = {"hookTargetArn": "arn:aws:lambda:us-east-1:000000000000:function:f",
                "roleArn": "arn:aws:iam::000000000000:role/r",
                "lifecycleStages": ["PRE_SCALE_UP"], "hookDetails": {"a": 1}}
    read = updated(strategy="BLUE_GREEN", bakeTimeInMinutes=5, lifecycleHooks=[pause, function], **off)
    t.same("a blue/green configuration reads back", (read["strategy"], read["bakeTimeInMinutes"], read["lifecycleHooks"]),
           ("BLUE_GREEN", 5, [{**pause, "timeoutConfiguration": {"timeoutInMinutes": 1440, "action": "ROLLBACK"}},
                              {"targetType": "AWS_LAMBDA", **function}]))
    read = updated(strategy="CANARY")
    t.same("a canary has AWS's defaults", (read["strategy"], read["canaryConfiguration"]),
           ("CANARY", {"canaryPercent": 5.0, "canaryBakeTimeInMinutes": 10}))
    read = updated(strategy="LINEAR", linearConfiguration={"stepPercent": 12.5})
    t.same("so have linear steps", (read["linearConfiguration"], "canaryConfiguration" in read),
           ({"stepPercent": 12.5, "stepBakeTimeInMinutes": 6}, False))
    t.same("a service deployment keeps the configuration it began with",
           "linearConfiguration" in newest(ecs, cluster, request["serviceName"])["deploymentConfiguration"], False)
    for what, configuration in {
        "an unknown strategy": {"strategy": "MAGENTA"},
        "a canary of nothing": {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 0}},
        "a linear step too fine": {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 3.05}},
        "linear steps of a canary": {"strategy": "CANARY", "linearConfiguration": {"stepPercent": 10}},
        "a bake of two days": {"bakeTimeInMinutes": 2880},
        "a pause while traffic shifts": {"lifecycleHooks": [{**pause, "lifecycleStages": ["PRODUCTION_TRAFFIC_SHIFT"]}]},
        "a hook without a function": {"lifecycleHooks": [{"lifecycleStages": ["PRE_SCALE_UP"]}]},
        "percentages that allow nothing": {"maximumPercent": 100, "minimumHealthyPercent": 100},
        "a maximum too low": {"maximumPercent": 99},
        "early success below the minimum": {"strategy": "ROLLING", "earlySuccessCriteria": {
            "enable": True, "healthyPercent": 40, "sourceServiceRevisionCleanup": "BLOCKING"}},
        "early success with half its criteria": {"strategy": "ROLLING", "earlySuccessCriteria": {"enable": True}},
    }.items():
        t.refused(what, "InvalidParameterException", ecs.update_service, cluster=cluster, service=request["serviceName"],
                  deploymentConfiguration=configuration)
    t.refused("blue/green without a bake time", "InvalidParameterException", ecs.create_service,
              **{**request, "serviceName": "other"}, deploymentConfiguration={"strategy": "BLUE_GREEN"})
    ecs.delete_service(cluster=cluster, service=request["serviceName"])


def newest(ecs, cluster, service):
    brief = ecs.list_service_deployments(cluster=cluster, service=service)["serviceDeployments"][0]
    return ecs.describe_service_deployments(serviceDeploymentArns=[brief["serviceDeploymentArn"]])["serviceDeployments"][0]


def deployments(t, ecs, cluster, family):
    name = t.unique("rolled")
    ecs.create_service(**service_request(t, cluster, family, name))
    t.until("a service of no tasks is deployed at once", lambda: newest(ecs, cluster, name)["status"], "SUCCESSFUL")
    first = newest(ecs, cluster, name)
    revision = ecs.describe_service_revisions(serviceRevisionArns=[first["targetServiceRevision"]["arn"]])["serviceRevisions"][0]
    t.same("its revision", (revision["launchType"], revision["taskDefinition"].rsplit("/")[-1]), ("FARGATE", f"{family}:2"))
    t.same("with its image", revision["containerImages"], [{"containerName": "api", "image": image(t)}])
    t.refused("stopping what is over", "ConflictException", ecs.stop_service_deployment,
              serviceDeploymentArn=first["serviceDeploymentArn"])

    broken = ecs.register_task_definition(**definition(t, t.unique("broken"), containerDefinitions=[
        {"name": "api", "image": image(t, "absent")}]))["taskDefinition"]["taskDefinitionArn"]
    ecs.update_service(cluster=cluster, service=name, taskDefinition=broken, desiredCount=1)
    t.until("a deployment without an image goes on", lambda: newest(ecs, cluster, name)["status"], "IN_PROGRESS")
    deployment = newest(ecs, cluster, name)["serviceDeploymentArn"]
    listed = ecs.list_service_deployments(cluster=cluster, service=name, status=["IN_PROGRESS"])["serviceDeployments"]
    t.same("deployments are listed by status", [one["serviceDeploymentArn"] for one in listed], [deployment])
    t.refused("no hook waits", "InvalidParameterException", ecs.continue_service_deployment, serviceDeploymentArn=deployment,
              hookId="x")
    t.refused("continuing an unknown deployment", "ServiceDeploymentNotFoundException", ecs.continue_service_deployment,
              serviceDeploymentArn=deployment + "0", hookId="x")
    ecs.stop_service_deployment(serviceDeploymentArn=deployment, stopType="ROLLBACK")
    ecs.update_service(cluster=cluster, service=name, desiredCount=0)
    t.until("stopped it rolls back", lambda: newest(ecs, cluster, name)["status"], "ROLLBACK_SUCCESSFUL")
    t.same("to where it came from", newest(ecs, cluster, name)["rollback"]["serviceRevisionArn"], revision["serviceRevisionArn"])
    t.refused("an unknown service's deployments", "ServiceNotFoundException", ecs.list_service_deployments, cluster=cluster,
              service="absent")
    t.refused("no deployment named", "InvalidParameterException", ecs.describe_service_deployments, serviceDeploymentArns=[])
    t.refused("no revision named", "InvalidParameterException", ecs.describe_service_revisions, serviceRevisionArns=[])
    ecs.delete_service(cluster=cluster, service=name, force=True)


def load_balanced(t, ecs, cluster, family):
    """What blue/green needs: two target groups and a rule that names both."""
    elb = t.client("elbv2")
    groups = [elb.create_target_group(Name=t.unique("shift"), Protocol="HTTP", Port=3001, VpcId=t.account["vpc"], TargetType="ip")
              ["TargetGroups"][0]["TargetGroupArn"] for _ in range(2)]
    balancer = {"targetGroupArn": groups[0], "containerName": "api", "containerPort": 3001}
    request = service_request(t, cluster, family, t.unique("balanced"))
    t.refused("a target group that no listener uses", "InvalidParameterException", ecs.create_service, **request,
              loadBalancers=[balancer])
    rule = elb.create_rule(
        ListenerArn=t.account["listener"], Priority=77, Conditions=[{"Field": "path-pattern", "Values": ["/conformance/*"]}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [
            {"TargetGroupArn": groups[0], "Weight": 100}, {"TargetGroupArn": groups[1], "Weight": 0}]}}])["Rules"][0]["RuleArn"]
    advanced = {"alternateTargetGroupArn": groups[1], "productionListenerRule": rule,
                "roleArn": f"arn:aws:iam::{t.account['id']}:role/r"}
    t.refused("a rule that is not there", "InvalidParameterException", ecs.create_service, **request,
              loadBalancers=[{**balancer, "advancedConfiguration": {**advanced, "testListenerRule": rule + "0"}}])
    made = ecs.create_service(**request, loadBalancers=[{**balancer, "advancedConfiguration": advanced}],
                              deploymentConfiguration={"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0})["service"]
    t.same("a load balancer's second group reads back", made["loadBalancers"], [{**balancer, "advancedConfiguration": advanced}])
    ecs.delete_service(cluster=cluster, service=request["serviceName"])
    elb.delete_rule(RuleArn=rule)
    for group in groups:
        elb.delete_target_group(TargetGroupArn=group)


def standalone(t, ecs, cluster, family):
    request = {"cluster": cluster, "taskDefinition": family, "launchType": "FARGATE", "networkConfiguration": network(t)}
    override = {"containerOverrides": [{"name": "api", "command": ["migrate"], "environment": [{"name": "A", "value": "b"}]}]}
    reply = ecs.run_task(**request, count=2, startedBy="conformance", clientToken="token-3", overrides=override,
                         tags=[{"key": "a", "value": "b"}])
    t.same("tasks are run", (len(reply["tasks"]), reply["failures"]), (2, []))
    task = reply["tasks"][0]
    t.same("a task without a service", [task[key] for key in ("lastStatus", "desiredStatus", "group", "startedBy", "launchType")],
           ["PROVISIONING", "RUNNING", f"family:{family}", "conformance", "FARGATE"])
    t.same("its overrides", task["overrides"]["containerOverrides"], override["containerOverrides"])
    again = ecs.run_task(**request, count=2, startedBy="conformance", clientToken="token-3", overrides=override,
                         tags=[{"key": "a", "value": "b"}])
    t.same("the same token runs nothing more", [one["taskArn"] for one in again["tasks"]],
           [one["taskArn"] for one in reply["tasks"]])
    t.refused("nor another request with it", "ConflictException", ecs.run_task, **request, clientToken="token-3")

    def read():
        return ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]], include=["TAGS"])["tasks"][0]

    t.until("a task that has done its work stops", lambda: read()["lastStatus"], "STOPPED")
    ended = read()
    t.same("and says why", (ended["stopCode"], ended["stoppedReason"], ended["containers"][0]["exitCode"]),
           ("EssentialContainerExited", "Essential container in task exited", 0))
    t.same("its tags", ended["tags"], [{"key": "a", "value": "b"}])
    listed = ecs.list_tasks(cluster=cluster, startedBy="conformance", desiredStatus="STOPPED")["taskArns"]
    t.same("tasks are listed by who started them", task["taskArn"] in listed, True)
    for what, code, change in (
        ("none", "InvalidParameterException", {"count": 0}),
        ("eleven", "InvalidParameterException", {"count": 11}),
        ("in no cluster", "ClusterNotFoundException", {"cluster": "absent"}),
        ("of no definition", "ClientException", {"taskDefinition": "absent"}),
        ("without a network", "InvalidParameterException", {"networkConfiguration": None}),
        ("on container instances", "InvalidParameterException", {"launchType": "EC2"}),
        ("with an override for nobody", "InvalidParameterException", {"overrides": {"containerOverrides": [{"name": "x"}]}}),
        ("in a service's group", "InvalidParameterException", {"group": "service:x"}),
    ):
        t.refused(f"running {what}", code, ecs.run_task,
                  **{key: value for key, value in {**request, **change}.items() if value is not None})
    doomed = ecs.run_task(**request)["tasks"][0]["taskArn"]
    stopped = ecs.stop_task(cluster=cluster, task=doomed, reason="enough")["task"]
    t.same("a task is stopped", (stopped["desiredStatus"], stopped["stopCode"], stopped["stoppedReason"]),
           ("STOPPED", "UserInitiated", "enough"))
    t.refused("stopping an unknown task", "InvalidParameterException", ecs.stop_task, cluster=cluster, task="absent")
    t.refused("tasks of an unknown service", "ServiceNotFoundException", ecs.list_tasks, cluster=cluster, serviceName="absent")
    t.refused("no task named", "InvalidParameterException", ecs.describe_tasks, cluster=cluster, tasks=[])


def deleted_definitions(t, ecs, family):
    one = f"{family}:1"
    failures = ecs.delete_task_definitions(taskDefinitions=[one])["failures"]
    t.same("an active revision is not deleted", [failure["arn"].rsplit("/")[-1] for failure in failures], [one])
    gone = ecs.deregister_task_definition(taskDefinition=one)["taskDefinition"]
    t.same("a revision is deregistered", (gone["status"], "deregisteredAt" in gone), ("INACTIVE", True))
    t.refused("deregistering it again", "ClientException", ecs.deregister_task_definition, taskDefinition=one)
    gone = ecs.delete_task_definitions(taskDefinitions=[one])["taskDefinitions"]
    t.same("then it is deleted", [definition["status"] for definition in gone], ["DELETE_IN_PROGRESS"])
    t.until("and after a while not there",
            lambda: ecs.list_task_definitions(familyPrefix=family, status="DELETE_IN_PROGRESS")["taskDefinitionArns"], [])
    t.refused("a deleted revision", "ClientException", ecs.describe_task_definition, taskDefinition=one)
    t.refused("eleven at once", "InvalidParameterException", ecs.delete_task_definitions, taskDefinitions=[one] * 11)


def deleted_cluster(t, ecs, cluster):
    request = service_request(t, cluster, "x", t.unique("last"))
    last = ecs.register_task_definition(**definition(t, t.unique("last")))["taskDefinition"]["taskDefinitionArn"]
    request["taskDefinition"] = last
    ecs.create_service(**request)
    t.refused("a cluster with services", "ClusterContainsServicesException", ecs.delete_cluster, cluster=cluster)
    ecs.delete_service(cluster=cluster, service=request["serviceName"])
    t.until("until they are gone", lambda: status(ecs, cluster, request["serviceName"]), "INACTIVE")
    ecs.run_task(cluster=cluster, taskDefinition=last, launchType="FARGATE", networkConfiguration=network(t))
    # Services of earlier checks may still be draining; none may be by the time tasks are what is in the way.
    t.until("a cluster with tasks", lambda: refusal(ecs, cluster), "ClusterContainsTasksException")
    t.until("a cluster of nothing", lambda: refusal(ecs, cluster), None)
    read = ecs.describe_clusters(clusters=[cluster])["clusters"][0]
    t.same("is deleted and remembered", read["status"], "INACTIVE")
    t.refused("but holds nothing any more", "ClusterNotFoundException", ecs.create_service, **request)
    t.refused("nor is it deleted again", "ClusterNotFoundException", ecs.delete_cluster, cluster=cluster)


def refusal(ecs, cluster):
    """The code with which a cluster is not deleted; nothing when it is."""
    try:
        ecs.delete_cluster(cluster=cluster)
    except ecs.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return None
