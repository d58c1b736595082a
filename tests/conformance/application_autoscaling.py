"""Application Auto Scaling of an ECS service: targets, policies of both kinds, scheduled actions, activities, tags."""

from datetime import UTC, datetime

DIMENSION = "ecs:service:DesiredCount"
CPU = {"TargetValue": 70.0, "PredefinedMetricSpecification": {"PredefinedMetricType": "ECSServiceAverageCPUUtilization"}}
STEPS = {"AdjustmentType": "ChangeInCapacity", "StepAdjustments": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1}]}


def drive(t):
    scaling = t.client("application-autoscaling")
    service = ecs_service(t)
    of = {"ServiceNamespace": "ecs", "ResourceId": f"service/{t.account['cluster']}/{service}", "ScalableDimension": DIMENSION}
    t.refused("a policy for no target", "ObjectNotFoundException", scaling.put_scaling_policy, **of, PolicyName="cpu",
              PolicyType="TargetTrackingScaling", TargetTrackingScalingPolicyConfiguration=CPU)
    t.refused("a scheduled action for no target", "ObjectNotFoundException", scaling.put_scheduled_action, **of,
              ScheduledActionName="night", Schedule="rate(1 day)", ScalableTargetAction={"MinCapacity": 0})
    targets(t, scaling, of, service)
    tracking(t, scaling, of)
    stepping(t, scaling, of)
    scheduled(t, scaling, of)
    activities(t, scaling, of)
    parents(t, scaling, of, service)


def ecs_service(t):
    """A service that wants no task."""
    ecs, name = t.client("ecs"), t.unique("scaled")
    ecs.register_task_definition(
        family=name, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        containerDefinitions=[{"name": "api", "image": f"{t.account['repository']}:absent"}])
    ecs.create_service(
        cluster=t.account["cluster"], serviceName=name, taskDefinition=name, desiredCount=0, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": t.account["subnets"],
                                                      "securityGroups": t.account["security_groups"][:1]}})
    return name


def targets(t, scaling, of, service):
    t.refused("a minimum above the maximum", "ValidationException", scaling.register_scalable_target, **of, MinCapacity=3,
              MaxCapacity=2)
    t.refused("a target that is no service", "ValidationException", scaling.register_scalable_target,
              **{**of, "ResourceId": of["ResourceId"] + "-absent"}, MinCapacity=0, MaxCapacity=2)
    t.refused("a new target without a maximum", "ValidationException", scaling.register_scalable_target, **of, MinCapacity=0)
    arn = scaling.register_scalable_target(**of, MinCapacity=0, MaxCapacity=2, Tags={"a": "b"},
                                           RoleARN="arn:aws:iam::000000000000:role/mine")["ScalableTargetARN"]
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs", ResourceIds=[of["ResourceId"]])["ScalableTargets"][0]
    t.same("a target reads back",
           (target["MinCapacity"], target["MaxCapacity"], target["ScalableTargetARN"], target["SuspendedState"]),
           (0, 2, arn, {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False,
                        "ScheduledScalingSuspended": False}))
    t.same("its role is the service-linked one, whatever was asked", target["RoleARN"].split("/", 1)[1],
           "aws-service-role/ecs.application-autoscaling.amazonaws.com/AWSServiceRoleForApplicationAutoScaling_ECSService")
    t.same("its tags", scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"a": "b"})
    t.refused("tags for an existing target", "ValidationException", scaling.register_scalable_target, **of, Tags={"c": "d"})
    scaling.tag_resource(ResourceARN=arn, Tags={"c": "d"})
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    t.same("tags are set and taken away", scaling.list_tags_for_resource(ResourceARN=arn)["Tags"], {"c": "d"})
    for name, call, more in (("tags of", scaling.list_tags_for_resource, {}),
                             ("tagging", scaling.tag_resource, {"Tags": {"c": "d"}}),
                             ("untagging", scaling.untag_resource, {"TagKeys": ["c"]})):
        t.refused(f"{name} no target", "ResourceNotFoundException", call, ResourceARN=arn + "0", **more)

    scaling.register_scalable_target(**of, SuspendedState={"ScheduledScalingSuspended": True})
    target = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"][0]
    t.same("what an update leaves out stays", (target["MinCapacity"], target["MaxCapacity"], target["SuspendedState"]),
           (0, 2, {"DynamicScalingInSuspended": False, "DynamicScalingOutSuspended": False, "ScheduledScalingSuspended": True}))
    t.refused("targets of an unknown service", "ValidationException", scaling.describe_scalable_targets, ServiceNamespace="s4")


def tracking(t, scaling, of):
    put = {**of, "PolicyName": "cpu", "PolicyType": "TargetTrackingScaling"}
    cloudwatch = t.client("cloudwatch")
    reply = scaling.put_scaling_policy(**put, TargetTrackingScalingPolicyConfiguration=CPU)
    t.same("a tracking policy makes two alarms",
           sorted(alarm["AlarmName"].split("-Alarm")[1].split("-")[0] for alarm in reply["Alarms"]),
           ["High", "Low"])
    names = [alarm["AlarmName"] for alarm in reply["Alarms"]]
    t.same("they are CloudWatch's", len(cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]), 2)
    policy = scaling.describe_scaling_policies(**of, PolicyNames=["cpu"])["ScalingPolicies"][0]
    t.same("a tracking policy reads back", policy["TargetTrackingScalingPolicyConfiguration"], {**CPU, "DisableScaleIn": False})
    t.same("its ARN", (policy["PolicyARN"], policy["PolicyARN"].endswith(f":resource/ecs/{of['ResourceId']}:policyName/cpu")),
           (reply["PolicyARN"], True))
    again = scaling.put_scaling_policy(**put, TargetTrackingScalingPolicyConfiguration={**CPU, "DisableScaleIn": True})
    t.same("put again it keeps its ARN, and one alarm", (again["PolicyARN"], len(again["Alarms"])), (reply["PolicyARN"], 1))
    t.refused("a policy that tracks nothing", "ValidationException", scaling.put_scaling_policy, **put,
              TargetTrackingScalingPolicyConfiguration={"TargetValue": 70.0})
    t.refused("a metric of another service", "ValidationException", scaling.put_scaling_policy, **put,
              TargetTrackingScalingPolicyConfiguration={
                  "TargetValue": 70.0,
                  "PredefinedMetricSpecification": {"PredefinedMetricType": "DynamoDBReadCapacityUtilization"}})
    t.refused("policies by a dimension alone", "ValidationException", scaling.describe_scaling_policies, ServiceNamespace="ecs",
              ScalableDimension=DIMENSION)
    scaling.delete_scaling_policy(**of, PolicyName="cpu")
    t.same("a deleted policy takes its alarms", cloudwatch.describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"], [])
    t.refused("deleting it again", "ObjectNotFoundException", scaling.delete_scaling_policy, **of, PolicyName="cpu")


def stepping(t, scaling, of):
    put = {**of, "PolicyName": "steps", "PolicyType": "StepScaling"}
    reply = scaling.put_scaling_policy(**put, StepScalingPolicyConfiguration=STEPS)
    t.same("a step policy makes no alarm", reply["Alarms"], [])
    t.client("cloudwatch").put_metric_alarm(
        AlarmName="steps", Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Average", Period=60, EvaluationPeriods=1,
        Threshold=50, ComparisonOperator="GreaterThanThreshold", AlarmActions=[reply["PolicyARN"]])
    policy = scaling.describe_scaling_policies(**of)["ScalingPolicies"][0]
    t.same("a step policy reads back", policy["StepScalingPolicyConfiguration"], {**STEPS, "MetricAggregationType": "Average"})
    t.same("with the alarm that acts through it", [alarm["AlarmName"] for alarm in policy["Alarms"]], ["steps"])
    for name, steps in {
        "steps with a gap": [{"MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 10.0, "ScalingAdjustment": 1},
                             {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2}],
        "steps that overlap": [{"MetricIntervalLowerBound": 0.0, "ScalingAdjustment": 1},
                               {"MetricIntervalLowerBound": 20.0, "ScalingAdjustment": 2}],
        "a step without bounds": [{"ScalingAdjustment": 1}],
        "no steps": [],
    }.items():
        t.refused(name, "ValidationException", scaling.put_scaling_policy, **put,
                  StepScalingPolicyConfiguration={**STEPS, "StepAdjustments": steps})
    t.refused("a magnitude for a change that is no percentage", "ValidationException", scaling.put_scaling_policy, **put,
              StepScalingPolicyConfiguration={**STEPS, "MinAdjustmentMagnitude": 2})
    scaling.delete_scaling_policy(**of, PolicyName="steps")
    for number in range(50):
        scaling.put_scaling_policy(**{**put, "PolicyName": f"steps-{number:02}"}, StepScalingPolicyConfiguration=STEPS)
    t.refused("a fifty-first policy", "LimitExceededException", scaling.put_scaling_policy, **{**put, "PolicyName": "steps-50"},
              StepScalingPolicyConfiguration=STEPS)
    pages = scaling.get_paginator("describe_scaling_policies").paginate(ServiceNamespace="ecs", PaginationConfig={"PageSize": 30})
    t.same("policies come in pages", [len(page["ScalingPolicies"]) for page in pages], [30, 20])
    for number in range(50):
        scaling.delete_scaling_policy(**of, PolicyName=f"steps-{number:02}")


def scheduled(t, scaling, of):
    night = {**of, "ScheduledActionName": "night"}
    scaling.put_scheduled_action(**night, Schedule="cron(0 22 * * ? *)", Timezone="Europe/Berlin",
                                 StartTime=datetime(2030, 1, 1, tzinfo=UTC),
                                 ScalableTargetAction={"MinCapacity": 0, "MaxCapacity": 1})
    read = scaling.describe_scheduled_actions(**of)["ScheduledActions"][0]
    t.same("a scheduled action reads back",
           (read["Schedule"], read["Timezone"], read["ScalableTargetAction"], read["StartTime"], "EndTime" in read),
           ("cron(0 22 * * ? *)", "Europe/Berlin", {"MinCapacity": 0, "MaxCapacity": 1}, datetime(2030, 1, 1, tzinfo=UTC), False))
    t.same("a scheduled action's ARN",
           read["ScheduledActionARN"].endswith(f":resource/ecs/{of['ResourceId']}:scheduledActionName/night"), True)
    scaling.put_scheduled_action(**night, ScalableTargetAction={"MaxCapacity": 2})
    again = scaling.describe_scheduled_actions(ServiceNamespace="ecs", ScheduledActionNames=["night"])["ScheduledActions"][0]
    t.same("an update keeps what it leaves out, but for the times",
           (again["Schedule"], again["ScalableTargetAction"], "StartTime" in again, again["ScheduledActionARN"]),
           (read["Schedule"], {"MaxCapacity": 2}, False, read["ScheduledActionARN"]))
    bounds = {"ScalableTargetAction": {"MinCapacity": 1}}
    for name, arguments in {
        "a cron expression of five fields": {"Schedule": "cron(0 22 * * ?)", **bounds},
        "both days of a cron expression": {"Schedule": "cron(0 22 * * * *)", **bounds},
        "an hour that is none": {"Schedule": "cron(0 25 * * ? *)", **bounds},
        "a rate of nothing": {"Schedule": "rate(0 minutes)", **bounds},
        "a time that is none": {"Schedule": "at(2030-01-32T00:00:00)", **bounds},
        "a schedule that is none": {"Schedule": "every day", **bounds},
        "a time zone that is none": {"Schedule": "rate(1 day)", "Timezone": "mars", **bounds},
        "an action that does nothing": {"Schedule": "rate(1 day)", "ScalableTargetAction": {}},
        "an action with its bounds crossed": {"Schedule": "rate(1 day)",
                                              "ScalableTargetAction": {"MinCapacity": 2, "MaxCapacity": 1}},
        "a new action without a schedule": bounds,
    }.items():
        t.refused(name, "ValidationException", scaling.put_scheduled_action, **of, ScheduledActionName="other", **arguments)
    for minute in range(3):
        scaling.put_scheduled_action(**of, ScheduledActionName=f"rate-{minute}", Schedule=f"rate({minute + 1} hours)", **bounds)
    pages = scaling.get_paginator("describe_scheduled_actions").paginate(ServiceNamespace="ecs", PaginationConfig={"PageSize": 3})
    t.same("scheduled actions come in pages", [len(page["ScheduledActions"]) for page in pages], [3, 1])
    t.refused("a page that is none", "InvalidNextTokenException", scaling.describe_scheduled_actions, ServiceNamespace="ecs",
              NextToken="x")
    scaling.delete_scheduled_action(**night)
    t.refused("deleting a scheduled action again", "ObjectNotFoundException", scaling.delete_scheduled_action, **night)


def activities(t, scaling, of):
    scaling.register_scalable_target(**of, MinCapacity=1)
    activity = scaling.describe_scaling_activities(**of)["ScalingActivities"][0]
    t.same("a raised minimum is an activity", (activity["Description"], activity["Cause"], activity["StatusCode"]),
           ("Setting desired count to 1.", "minimum capacity was set to 1", "Successful"))
    scaling.register_scalable_target(**of, MinCapacity=0, MaxCapacity=0)
    found = scaling.describe_scaling_activities(ServiceNamespace="ecs", ResourceId=of["ResourceId"], MaxResults=1)
    t.same("so is a lowered maximum, newest first", (found["ScalingActivities"][0]["Cause"], "NextToken" in found),
           ("maximum capacity was set to 0", True))
    t.refused("activities by a dimension alone", "ValidationException", scaling.describe_scaling_activities,
              ServiceNamespace="ecs",
              ScalableDimension=DIMENSION)


def parents(t, scaling, of, service):
    """A target takes what belongs to it; a service takes its target."""
    policy = {"PolicyName": "cpu", "PolicyType": "TargetTrackingScaling", "TargetTrackingScalingPolicyConfiguration": CPU}
    scaling.put_scaling_policy(**of, **policy)
    scaling.deregister_scalable_target(**of)
    t.same("a deregistered target takes policies, scheduled actions and alarms",
           (scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"],
            scaling.describe_scheduled_actions(ServiceNamespace="ecs")["ScheduledActions"],
            t.client("cloudwatch").describe_alarms(AlarmNamePrefix="TargetTracking-")["MetricAlarms"]), ([], [], []))
    t.refused("deregistering it again", "ObjectNotFoundException", scaling.deregister_scalable_target, **of)
    scaling.register_scalable_target(**of, MinCapacity=0, MaxCapacity=1)
    scaling.put_scaling_policy(**of, **policy)
    t.client("ecs").delete_service(cluster=t.account["cluster"], service=service, force=True)
    t.same("a deleted service takes its target and its policies",
           (scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"],
            scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]), ([], []))
