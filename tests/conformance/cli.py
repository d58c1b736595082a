"""The AWS CLI by itself: a few commands as a person types them, with its own paging, its output formats and its exit codes."""

import json
import os
import subprocess
import sys

from defaults import TRUST, task_definition

# What version 1 of the CLI ends with when the service refused (version 2 ends with 254).
# https://docs.aws.amazon.com/cli/v1/userguide/cli-usage-returncodes.html
REFUSED = 255


def drive(t):
    def aws(*words):
        environment = {
            **os.environ, "AWS_ENDPOINT_URL": t.endpoint, "AWS_DEFAULT_REGION": t.account["region"], "AWS_ACCESS_KEY_ID": "demo",
            "AWS_SECRET_ACCESS_KEY": "demo", "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1", "PYTHONPATH": "target/tools/python",
        }
        argv = [sys.executable, "target/tools/python/bin/aws", *words]
        return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60)

    def said(*words, form="json"):
        """What a command prints that must succeed: parsed, or as words."""
        ended = aws(*words, "--output", form)
        if ended.returncode != 0:
            raise AssertionError(f"aws {' '.join(words)}: {ended.returncode} {ended.stderr}")
        return json.loads(ended.stdout or "null") if form == "json" else ended.stdout.split()

    who = said("sts", "get-caller-identity")
    t.same("who am I", who["Account"], t.account["id"])

    cluster, ecs = t.account["cluster"], t.client("ecs")
    definition = task_definition(t)["taskDefinitionArn"]
    names = [t.unique("typed") for _ in range(12)]
    for name in names:
        ecs.create_service(
            cluster=cluster, serviceName=name, taskDefinition=definition, launchType="FARGATE", desiredCount=0,
            networkConfiguration={"awsvpcConfiguration": {"subnets": t.account["subnets"]}})
    listed = said("ecs", "list-services", "--cluster", cluster, "--page-size", "5")["serviceArns"]
    t.same("all pages of services", sorted(arn.split("/")[-1] for arn in listed), sorted(names))
    first = said("ecs", "list-services", "--cluster", cluster, "--max-items", "7")
    rest = said("ecs", "list-services", "--cluster", cluster, "--starting-token", first["NextToken"])
    t.same("the CLI's own paging", (len(first["serviceArns"]), first["serviceArns"] + rest["serviceArns"]), (7, listed))
    t.same("a service as text", said("ecs", "describe-services", "--cluster", cluster, "--services", names[0], "--query",
                                     "services[].[serviceName,status,desiredCount]", form="text"), [names[0], "ACTIVE", "0"])

    group = t.unique("typed-group")
    t.client("elbv2").create_target_group(Name=group, Protocol="HTTP", Port=80, VpcId=t.account["vpc"])
    read = said("elbv2", "describe-target-groups", "--names", group)["TargetGroups"]
    t.same("a target group as boto3 reads it", read, t.client("elbv2").describe_target_groups(Names=[group])["TargetGroups"])

    alarm = t.unique("typed-alarm")
    put = ["--alarm-name", alarm, "--namespace", "AWS/ECS", "--metric-name", "CPUUtilization", "--statistic", "Average",
           "--period", "60", "--evaluation-periods", "2", "--threshold", "80.5", "--comparison-operator", "GreaterThanThreshold",
           "--dimensions", "Name=ClusterName,Value=a", "Name=ServiceName,Value=b"]
    t.same("putting an alarm prints nothing", aws("cloudwatch", "put-metric-alarm", *put).stdout, "")
    one = said("cloudwatch", "describe-alarms", "--alarm-names", alarm)["MetricAlarms"][0]
    t.same("the alarm", (one["Threshold"], one["StateValue"], [side["Name"] for side in one["Dimensions"]]),
           (80.5, "INSUFFICIENT_DATA", ["ClusterName", "ServiceName"]))

    parameter = "/" + t.unique("typed")
    put = said("ssm", "put-parameter", "--name", parameter, "--value", "secret é <&>", "--type", "SecureString")
    t.same("a parameter put", (put["Version"], put["Tier"]), (1, "Standard"))
    read = said("ssm", "get-parameter", "--name", parameter, "--with-decryption", "--query", "Parameter.Value")
    t.same("decrypted", read, "secret é <&>")

    group, logs = t.unique("typed-logs"), t.client("logs")
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = logs.describe_log_groups(logGroupNamePrefix=group)["logGroups"][0]["creationTime"]
    said("logs", "put-log-events", "--log-group-name", group, "--log-stream-name", "s",
         "--log-events", f"timestamp={now},message=hello")
    t.same("a log line", said("logs", "filter-log-events", "--log-group-name", group, "--query", "events[].message"), ["hello"])

    role = t.unique("typed-role")
    t.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument=TRUST)
    t.same("a role's trust is a document", said("iam", "get-role", "--role-name", role)["Role"]["AssumeRolePolicyDocument"],
           json.loads(TRUST))

    for name, words, code in (
        ("no parameter", ("ssm", "get-parameter", "--name", "/none"), "ParameterNotFound"),
        ("no target group", ("elbv2", "describe-target-groups", "--names", "none"), "TargetGroupNotFound"),
        ("no role", ("iam", "get-role", "--role-name", "none"), "NoSuchEntity"),
    ):
        ended = aws(*words)
        t.same(f"refused: {name}", (ended.returncode, f"({code})" in ended.stderr), (REFUSED, True))
