"""Drives a simulator with boto3, which nobody here wrote; prints one JSON object of what it read.

Takes the endpoint as its argument. Exits non-zero with a traceback when a call is refused that should not be.
"""

import json
import sys

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = sys.argv[1]
SESSION = boto3.Session("demo", "demo", region_name="us-east-1")
WRONG_SECRET = boto3.Session("demo", "wrong", region_name="us-east-1")
UNKNOWN_KEY = boto3.Session("AKIANOBODY", "demo", region_name="us-east-1")
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}


def client(service, session=SESSION):
    retries = {"total_max_attempts": 1}
    return session.client(service, endpoint_url=ENDPOINT, config=Config(retries=retries, read_timeout=10))


def code(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["ResponseMetadata"]["HTTPStatusCode"]
    return "accepted", 200


def main():
    read = {"account": client("sts").get_caller_identity()["Account"]}
    for name, session in {"wrong secret": WRONG_SECRET, "unknown key": UNKNOWN_KEY}.items():
        read[name] = [
            code(client("iam", session).list_role_policies, RoleName="r"),
            code(client("ssm", session).describe_parameters),
            code(client("cloudwatch", session).describe_alarms),
            code(client("ec2", session).describe_subnets),
            code(client("route53", session).list_hosted_zones),
        ]

    iam = client("iam")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=json.dumps(TRUST), Tags=[{"Key": "a", "Value": "<b> & c"}])
    role = iam.get_role(RoleName="r")["Role"]
    read["trust is a parsed document"] = role["AssumeRolePolicyDocument"] == TRUST
    read["role"] = [role["Arn"], role["Tags"], role["CreateDate"].year >= 2026]
    read["no role"] = code(iam.get_role, RoleName="absent")
    read["policies"] = iam.list_role_policies(RoleName="r")["PolicyNames"]

    ssm = client("ssm")
    for number in range(12):
        ssm.put_parameter(Name=f"/u/{number:02}", Value=f"v{number}", Type="SecureString")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path="/u", WithDecryption=True)
    values = [[parameter["Value"] for parameter in page["Parameters"]] for page in pages]
    read["parameters by page"] = [len(values), values[1]]
    read["no parameter"] = code(ssm.get_parameter, Name="/absent")

    cloudwatch = client("cloudwatch")
    cloudwatch.put_metric_alarm(
        AlarmName="high", Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Average", Period=60,
        EvaluationPeriods=2, Threshold=70, ComparisonOperator="GreaterThanThreshold",
        Dimensions=[{"Name": "ServiceName", "Value": "x"}],
    )
    alarm = cloudwatch.describe_alarms(AlarmNames=["high"])["MetricAlarms"][0]
    read["alarm"] = [alarm["Threshold"], alarm["StateValue"], alarm["AlarmConfigurationUpdatedTimestamp"].year >= 2026]
    read["no alarm"] = code(cloudwatch.delete_alarms, AlarmNames=["absent"])
    cloudwatch.put_metric_data(Namespace="Hokusai", MetricData=[{"MetricName": "m", "Value": 1.5}])

    logs = client("logs")
    logs.create_log_group(logGroupName="/ecs/x", tags={"a": "b"})
    logs.create_log_stream(logGroupName="/ecs/x", logStreamName="s")
    at = logs.describe_log_groups()["logGroups"][0]["creationTime"]
    logs.put_log_events(logGroupName="/ecs/x", logStreamName="s", logEvents=[{"timestamp": at, "message": "hello"}])
    events = logs.filter_log_events(logGroupName="/ecs/x", filterPattern="hello")["events"]
    read["events"] = [event["message"] for event in events]
    read["bad retention"] = code(logs.put_retention_policy, logGroupName="/ecs/x", retentionInDays=31)

    discovery = client("servicediscovery")
    namespace = discovery.list_namespaces()["Namespaces"][0]
    service = discovery.create_service(
        Name="contracts", NamespaceId=namespace["Id"], DnsConfig={"DnsRecords": [{"Type": "A", "TTL": 10}]}
    )["Service"]
    read["service"] = [namespace["Name"], service["DnsConfig"]["DnsRecords"], service["CreateDate"].year >= 2026]
    read["same service"] = code(discovery.create_service, Name="contracts", NamespaceId=namespace["Id"])

    ecr = client("ecr")
    image = ecr.describe_images(repositoryName="hokusai/contracts", imageIds=[{"imageTag": "0.1.0"}])["imageDetails"][0]
    read["image"] = [image["imageTags"], ecr.describe_repositories()["repositories"][0]["repositoryUri"]]
    read["no image"] = code(ecr.describe_images, repositoryName="hokusai/contracts", imageIds=[{"imageTag": "9"}])
    read["no repository"] = code(ecr.list_images, repositoryName="absent")

    scaling = client("application-autoscaling")
    read["no targets"] = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    read["scaling nothing"] = code(
        scaling.register_scalable_target, ServiceNamespace="ecs", ResourceId="service/hokusai-development/absent",
        ScalableDimension="ecs:service:DesiredCount", MinCapacity=1, MaxCapacity=2,
    )
    print(json.dumps(read))


main()
