"""The simulator's table of defaults, row by row: each bare resource is made, read, and the row's field compared.

A row of a resource that nothing here makes is a failure, as is a resource here that no row is of.
"""

import json
import re
import urllib.request

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def drive(t):
    with urllib.request.urlopen(f"{t.endpoint}/_simulator/defaults", timeout=10) as reply:
        rows = json.load(reply)
    t.same("what has rows is what is made here", sorted({(row["service"], row["resource"]) for row in rows}), sorted(RESOURCES))
    made = {}
    for row in rows:
        key = row["service"], row["resource"]
        if key not in RESOURCES:
            continue
        if key not in made:
            made[key] = RESOURCES[key](t)
        want = row.get("value", ABSENT)
        if "derived" in row:
            want = derived(t, made[key], row["derived"])
        t.same(f"{row['service']} {row['resource']}: {row['path']}", find(made[key], row["path"]), want)


ABSENT = "not read back"


def find(value, path):
    """The member a path names, or that there is none."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for step in path.split("."):
        try:
            value = value[int(step)] if isinstance(value, list) else value[step]
        except (KeyError, IndexError):
            return ABSENT
    return value


def derived(t, resource, text):
    """The text with its `{…}` replaced; one that is nothing else keeps its type."""
    if whole := re.fullmatch(r"{([^}]+)}", text):
        return fact(t, resource, whole[1])
    return re.sub(r"{([^}]+)}", lambda part: str(fact(t, resource, part[1])), text)


def fact(t, resource, name):
    """What a `{…}` stands for: the account, the region, or another member of the resource."""
    return {"account": t.account["id"], "region": t.account["region"]}.get(name) or find(resource, name)


def attributes(described):
    return {one["Key"]: one["Value"] for one in described["Attributes"]}


def task_definition(t):
    image = f"{t.account['id']}.dkr.ecr.{t.account['region']}.amazonaws.com/{t.account['repository']}:0.1.0"
    # What is inside these two must be asked for before its own defaults show.
    container = {"name": "bare", "image": image, "portMappings": [{"containerPort": 3001}],
                 "healthCheck": {"command": ["CMD", "true"]}}
    ecs = t.client("ecs")
    registered = ecs.register_task_definition(
        family=t.unique("bare"), requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[container])
    return ecs.describe_task_definition(taskDefinition=registered["taskDefinition"]["taskDefinitionArn"])["taskDefinition"]


def service(t):
    name, cluster = t.unique("bare"), t.account["cluster"]
    t.client("ecs").create_service(
        cluster=cluster, serviceName=name, taskDefinition=task_definition(t)["taskDefinitionArn"], launchType="FARGATE",
        desiredCount=0, networkConfiguration={"awsvpcConfiguration": {"subnets": t.account["subnets"]}})
    return t.client("ecs").describe_services(cluster=cluster, services=[name])["services"][0]


def target_group(t):
    name = t.unique("bare")
    t.client("elbv2").create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=t.account["vpc"])
    return t.client("elbv2").describe_target_groups(Names=[name])["TargetGroups"][0]


def target_group_attributes(t):
    arn = target_group(t)["TargetGroupArn"]
    return attributes(t.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn))


def load_balancer(t):
    name = t.unique("bare")
    t.client("elbv2").create_load_balancer(Name=name, Subnets=t.account["subnets"])
    return t.client("elbv2").describe_load_balancers(Names=[name])["LoadBalancers"][0]


def load_balancer_attributes(t):
    arn = load_balancer(t)["LoadBalancerArn"]
    return attributes(t.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn))


def listener(t):
    elbv2 = t.client("elbv2")
    certificate = elbv2.describe_listeners(ListenerArns=[t.account["listener"]])["Listeners"][0]["Certificates"][0]
    nothing = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    made = elbv2.create_listener(LoadBalancerArn=load_balancer(t)["LoadBalancerArn"], Protocol="HTTPS", Port=443,
                                 Certificates=[certificate], DefaultActions=[nothing])
    return elbv2.describe_listeners(ListenerArns=[made["Listeners"][0]["ListenerArn"]])["Listeners"][0]


def listener_attributes(t):
    return attributes(t.client("elbv2").describe_listener_attributes(ListenerArn=t.account["listener"]))


def rule(t):
    made = t.client("elbv2").create_rule(
        ListenerArn=t.account["listener"], Priority=40, Conditions=[{"Field": "path-pattern", "Values": ["/bare"]}],
        Actions=[{"Type": "forward", "TargetGroupArn": target_group(t)["TargetGroupArn"]}])
    return t.client("elbv2").describe_rules(RuleArns=[made["Rules"][0]["RuleArn"]])["Rules"][0]


def scalable_target(t):
    scaling = t.client("application-autoscaling")
    of = {"ServiceNamespace": "ecs", "ResourceId": f"service/{t.account['cluster']}/{service(t)['serviceName']}"}
    scaling.register_scalable_target(**of, ScalableDimension=DIMENSION, MinCapacity=0, MaxCapacity=1)
    return scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[of["ResourceId"]])["ScalableTargets"][0]


def scaling_policy(t, kind, **configuration):
    of = {"ServiceNamespace": "ecs", "ResourceId": scalable_target(t)["ResourceId"]}
    scaling = t.client("application-autoscaling")
    scaling.put_scaling_policy(**of, ScalableDimension=DIMENSION, PolicyName="bare", PolicyType=kind, **configuration)
    return scaling.describe_scaling_policies(**of)["ScalingPolicies"][0]


def tracking_policy(t):
    metric = {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}
    return scaling_policy(t, "TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration={
        "TargetValue": 70, "PredefinedMetricSpecification": metric})


def step_policy(t):
    return scaling_policy(t, "StepScaling", StepScalingPolicyConfiguration={
        "AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0, "ScalingAdjustment": 1}]})


def namespace(t):
    spaces, name = t.client("servicediscovery"), t.unique("bare") + ".local"
    operation = spaces.create_private_dns_namespace(Name=name, Vpc=t.account["vpc"])["OperationId"]
    t.until(f"{name} is made", lambda: spaces.get_operation(OperationId=operation)["Operation"]["Status"], "SUCCESS")
    return spaces.get_namespace(Id=spaces.get_operation(OperationId=operation)["Operation"]["Targets"]["NAMESPACE"])["Namespace"]


def discovery_service(t):
    made = t.client("servicediscovery").create_service(
        Name=t.unique("bare"), NamespaceId=t.account["namespace"], DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]},
        HealthCheckCustomConfig={})
    return t.client("servicediscovery").get_service(Id=made["Service"]["Id"])["Service"]


def parameter(t, kind="String"):
    name = "/" + t.unique("bare")
    t.client("ssm").put_parameter(Name=name, Value="1", Type=kind)
    return t.client("ssm").describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]


def log_group(t):
    name = t.unique("bare")
    t.client("logs").create_log_group(logGroupName=name)
    return t.client("logs").describe_log_groups(logGroupNamePrefix=name)["logGroups"][0]


def role(t):
    name = t.unique("bare")
    t.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    return t.client("iam").get_role(RoleName=name)["Role"]


def alarm(t):
    name = t.unique("bare")
    t.client("cloudwatch").put_metric_alarm(
        AlarmName=name, Namespace="n", MetricName="m", Statistic="Sum", Period=60, EvaluationPeriods=1, Threshold=1,
        ComparisonOperator="GreaterThanThreshold")
    return t.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def repository(t):
    name = t.unique("bare")
    t.client("ecr").create_repository(repositoryName=name)
    return t.client("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]


def topic_attributes(t):
    arn = t.client("sns").create_topic(Name=t.unique("bare"))["TopicArn"]
    return t.client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]


DIMENSION = "ecs:service:DesiredCount"
RESOURCES = {
    ("ecs", "service"): service,
    ("ecs", "task definition"): task_definition,
    ("ecs", "container"): lambda t: task_definition(t)["containerDefinitions"][0],
    ("elbv2", "target group"): target_group,
    ("elbv2", "target group attributes"): target_group_attributes,
    ("elbv2", "load balancer"): load_balancer,
    ("elbv2", "HTTPS listener"): listener,
    ("elbv2", "load balancer attributes"): load_balancer_attributes,
    ("elbv2", "listener attributes"): listener_attributes,
    ("elbv2", "listener rule"): rule,
    ("application-autoscaling", "scalable target"): scalable_target,
    ("application-autoscaling", "target tracking policy"): tracking_policy,
    ("application-autoscaling", "step policy"): step_policy,
    ("servicediscovery", "private DNS namespace"): namespace,
    ("servicediscovery", "service"): discovery_service,
    ("ssm", "parameter"): parameter,
    ("ssm", "SecureString parameter"): lambda t: parameter(t, "SecureString"),
    ("logs", "log group"): log_group,
    ("iam", "role"): role,
    ("cloudwatch", "metric alarm"): alarm,
    ("ecr", "repository"): repository,
    ("sns", "topic attributes"): topic_attributes,
}
