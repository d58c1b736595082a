#!/usr/bin/env python3
"""The simulator's live page in headless Chromium: what it shows, that it follows, that nothing in it can be markup.

Run by `make page-test`. Leaves screenshots in target/page/. Exit status: 0 when every check passed, 1 when one did not.
"""

import base64
import json
import os
import stat
import sys

from local.browser import Browser
from local.environment import ACCOUNT, BINARIES, Simulation, environment
from local.page import legible_and_whole, require, shows
from local.story import ROOT, run

# Stands for the image: answers health checks where its task lives.
CONTAINER = """#!/usr/bin/env python3
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["BIND_ADDRESS"], 3001), Answer).serve_forever()
"""
MARKUP = "<img src=x onerror=\"document.title='taken'\"><b>bold</b>"
SECRET = "never-on-the-page-5d1f"
SERVICE = "contracts"
TRUST = """{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "ecs-tasks.amazonaws.com"}, "Action": "sts:AssumeRole"}]}"""


def start(story):
    state = os.path.join(story.directory, "simulator")
    os.mkdir(state)
    container = os.path.join(story.directory, "container")
    with open(container, "w") as file:
        file.write(CONTAINER)
    os.chmod(container, stat.S_IRWXU)
    argv = [f"{BINARIES}/simulator", "--account", ACCOUNT, "--state", state, "--image", f"hokusai/contracts={container}"]
    story.processes.start("simulator", argv, environment())
    ready = os.path.join(state, "ready.json")
    story.processes.wait_for("simulator", 20, lambda: os.path.exists(ready))
    with open(ready) as file:
        return Simulation(json.load(file))


def furnish(simulation):
    """A service with two tasks behind a target group, an alarm, two parameters; names that would like to be markup."""
    elbv2, ecs, ssm, cloudwatch = (simulation.client(name) for name in ("elbv2", "ecs", "ssm", "cloudwatch"))
    group = elbv2.create_target_group(
        Name="contracts-3001", Protocol="HTTP", Port=3001, VpcId="vpc-0d4e5f60718293a4b", TargetType="ip",
        HealthCheckPath="/health", HealthCheckIntervalSeconds=5, HealthCheckTimeoutSeconds=2, HealthyThresholdCount=2)
    group = group["TargetGroups"][0]["TargetGroupArn"]
    balancer = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listener = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"][0]["ListenerArn"]
    elbv2.create_rule(ListenerArn=listener, Priority=10, Conditions=[{"Field": "path-pattern", "Values": ["/*"]}],
                      Actions=[{"Type": "forward", "TargetGroupArn": group}])
    iam = simulation.client("iam")
    role = iam.create_role(RoleName="execution", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    iam.attach_role_policy(
        RoleName="execution", PolicyArn="arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy")
    image = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0"
    ecs.register_task_definition(
        family="contracts", requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=role,
        containerDefinitions=[{"name": "api", "image": image, "portMappings": [{"containerPort": 3001}]}])
    ecs.create_service(
        cluster="hokusai-development", serviceName=SERVICE, taskDefinition="contracts", launchType="FARGATE", desiredCount=2,
        loadBalancers=[{"targetGroupArn": group, "containerName": "api", "containerPort": 3001}],
        networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-0a1b2c3d4e5f60718"]}})
    ssm.put_parameter(Name="/hokusai/deployer_key", Value=SECRET, Type="SecureString")
    ssm.put_parameter(Name="/hokusai/plain", Value=SECRET, Type="String")
    for name, state in (("contracts-cpu", "OK"), ("contracts-5xx", "ALARM")):
        cloudwatch.put_metric_alarm(
            AlarmName=name, Namespace="AWS/ECS", MetricName="CPUUtilization", Statistic="Average", Period=60, EvaluationPeriods=2,
            Threshold=80, ComparisonOperator="GreaterThanThreshold")
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason=MARKUP)


def tell(story):
    story.begin("page")
    simulation = start(story)
    furnish(simulation)
    browser = Browser(story.processes, environment())
    page = f"{simulation.endpoint}/_simulator/"
    browser.open(page, 1280, 900, "light")
    text = shows(browser, "2 running, 0 pending of 2 desired in hokusai-development", "COMPLETED", "contracts-3001", "healthy",
                 "contracts-5xx", "ALARM", "/hokusai/deployer_key", "SecureString", "ecs.CreateService", "writes", "live")
    story.say("shows service, rollout, tasks, targets, alarms, parameters, calls")
    require("markup is shown as text", MARKUP in text, text)
    found = browser.evaluate("document.querySelectorAll('main img, main b').length")
    require("no markup of the account's is in the page", found == 0, found)
    require("no script of the account's ran", browser.evaluate("document.title") == "Simulated AWS account")
    state = browser.evaluate("fetch('/_simulator/state').then((reply) => reply.text())")
    whole = browser.evaluate("document.documentElement.outerHTML")
    hidden = (SECRET, base64.b64encode(SECRET.encode()).decode())
    require("no parameter's value is in the page or its data", not any(one in state + whole for one in hidden))
    require("watching is not counted as calls", "ListClusters" not in text)
    story.say("names stay text; no parameter's value is in the page or its data; watching counts no calls")

    legible_and_whole(browser, "simulator")
    story.say("legible and whole at 1280 and 400 px, light and dark: target/page/simulator-*.png")

    browser.evaluate("document.querySelector('h1').dataset.kept = 'yes'")
    simulation.client("ecs").update_service(cluster="hokusai-development", service=SERVICE, desiredCount=1)
    shows(browser, "1 running, 0 pending of 1 desired")
    require("without loading anew", browser.evaluate("document.querySelector('h1').dataset.kept") == "yes")
    # Chromium logs what it cannot reach, so faults are counted before the simulator goes.
    require("nothing went wrong in the browser", browser.faults == [], browser.faults)
    os.kill(next(child for name, child in story.processes.running if name == "simulator").pid, 15)
    shows(browser, "the simulator does not answer", "1 running, 0 pending of 1 desired")
    story.say("follows a change by itself, and says so when the simulator is gone")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(run("page-test", tell))
