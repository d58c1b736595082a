#!/usr/bin/env python3
"""The reconciler keeps the service, deployed as a service itself: `reconcile manifests/reconciler.yaml`, then damage by hand.

Everything runs as in the demo, with one more load balancer that only the private network would reach. What heals the damage is
the task of the reconciler's own unit, with nothing but its task role's rights: the journal of the simulated AWS tells who made
each call. Run by `make self-hosting`, which builds first; exit status as the demo's.
"""

import os
import secrets
import sys

import demo
from local import environment
from local.environment import TARGET_GROUP, deploy_contracts, require_tools
from local.environment import start_chain, start_redis, start_simulator
from local.processes import Failure, NotYet, until
from local.story import run

DEVELOPMENT, OWN = "hokusai-contracts-development", "hokusai-reconciler"
MANIFEST = "manifests/reconciler.yaml"


def account(story):
    """The account's file with what manifests/reconciler.yaml names and a person makes: a load balancer of scheme internal with
    its group, the tasks' group, and the record of the host."""
    import yaml

    with open(environment.ACCOUNT) as file:
        account = yaml.safe_load(file)
    network, zone, public = account["vpcs"][0], account["hosted_zones"][0], account["load_balancers"][0]
    tasks, balancer = "sg-0f1a2b3c4d5e6f708", "sg-0f60718293a4b5c6d"
    network["security_groups"] += [
        {"id": tasks, "name": "hokusai-reconciler", "description": "the reconciler's tasks",
         "ingress": [{"id": "sgr-05e6f708192a3b4c5", "protocol": "tcp", "ports": [3002, 3002], "peer": balancer}],
         "egress": [{"id": "sgr-06f708192a3b4c5d6", "protocol": "-1", "peer": "0.0.0.0/0"}]},
        {"id": balancer, "name": "hokusai-internal", "description": "the internal load balancer",
         "ingress": [{"id": "sgr-0708192a3b4c5d6e7", "protocol": "tcp", "ports": [443, 443], "peer": network["cidr"]}],
         "egress": [{"id": "sgr-08192a3b4c5d6e7f8", "protocol": "tcp", "ports": [3002, 3002], "peer": tasks}]},
    ]
    listener = {**public["listeners"][0], "id": "0a1b2c3d4e5f6071"}
    account["load_balancers"].append({**public, "name": "hokusai-internal", "id": "61ed7d5a6d1d02a9", "scheme": "internal",
                                      "security_groups": [balancer], "listeners": [listener]})
    zone["records"].append({"name": "reconciler.hokus.ai", "kind": "A", "target": {"load_balancer": "hokusai-internal"}})
    path = os.path.join(story.directory, "account.yaml")
    with open(path, "w") as file:
        yaml.safe_dump(account, file)
    return path


def reconcile(story, simulation, *arguments):
    status, lines = demo.reconciler(story, simulation, "reconcile", "--timeout", "120s", *arguments, timeout=150, show=False)
    if status != 0:
        raise Failure("\n".join([f"reconcile ended with status {status}", *lines]))
    return lines


def deploy_itself(story, simulation):
    story.begin("own unit")
    # It looks every five minutes; nobody waits that long here.
    overlay = os.path.join(story.directory, "often.yaml")
    with open(overlay, "w") as file:
        file.write(f"spec: {{task: {{command: [reconciler, run, --unit, {DEVELOPMENT}, --unit, {OWN}, --interval, 1s]}}}}\n")
    lines = reconcile(story, simulation, MANIFEST, "-f", overlay)
    task = own_task(simulation)
    story.say(f"{MANIFEST}: {lines[-1]}; task {task['id'][:8]} (pid {task['pid']}) at {task['address']}:3002")


def own_task(simulation):
    described = simulation.client("ecs").list_tasks(cluster="hokusai-development", serviceName=OWN)["taskArns"]
    ids = [arn.rsplit("/", 1)[1] for arn in described]
    return next(task for task in simulation.tasks() if task["id"] in ids)


def damage(story, simulation):
    """What no manifest says, as somebody at the console would do it."""
    story.begin("damage")
    simulation.admin("journal", "DELETE")
    cloudwatch, elbv2 = simulation.client("cloudwatch"), simulation.client("elbv2")
    cloudwatch.delete_alarms(AlarmNames=[f"{DEVELOPMENT}-balance"])
    group = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["TargetGroupArn"]
    elbv2.modify_target_group(TargetGroupArn=group, HealthCheckPath="/health/ready")
    cloudwatch.delete_alarms(AlarmNames=[f"{OWN}-cpu"])
    story.say(f"alarms {DEVELOPMENT}-balance and {OWN}-cpu deleted, the health path changed to /health/ready")

    def look():
        missing = []
        names = [f"{DEVELOPMENT}-balance", f"{OWN}-cpu"]
        found = cloudwatch.describe_alarms(AlarmNames=names)["MetricAlarms"]
        missing += [name for name in names if name not in [alarm["AlarmName"] for alarm in found]]
        path = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["HealthCheckPath"]
        if missing or path != "/health":
            raise NotYet(f"without {missing}, path {path}")
        return True

    story.begin("healing")
    until("the loop heals it", 60, look)


def show_who(story, simulation):
    session = f":assumed-role/hokusai-reconciler-task/{own_task(simulation)['id']}"
    journal = simulation.admin("journal")
    own = [entry for entry in journal if (entry["principal"] or "").endswith(session)]
    # What is not there is no refusal: it looks for what an older manifest may have left.
    denied = ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
    refused = [f"{entry['service']}.{entry['operation']}" for entry in own if entry["outcome"] in denied]
    healed = {entry["operation"] for entry in own} & {"PutMetricAlarm", "ModifyTargetGroup"}
    if refused or len(healed) != 2:
        raise Failure(f"of {len(own)} calls of {session} these were refused: {refused[:5]}; it healed by {healed}")
    story.say(f"by {len(own)} calls as …{session[:45]}…, none refused: {', '.join(sorted(healed))} among them")


def tell(story):
    require_tools(story)
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    environment.ACCOUNT = account(story)
    simulation = start_simulator(story)
    key = secrets.token_urlsafe(24)
    demo.put_parameters(story, simulation, node, addresses, redis_url, key)
    story.begin("reconcile")
    story.say(f"{demo.MANIFEST}: {reconcile(story, simulation, demo.MANIFEST)[-1]}")
    deploy_itself(story, simulation)
    damage(story, simulation)
    show_who(story, simulation)
    print(f"{DEVELOPMENT} and {OWN} are kept by {OWN}", flush=True)


if __name__ == "__main__":
    sys.exit(run("self-hosting", tell))
