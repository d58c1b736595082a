#!/usr/bin/env python3
"""The whole product on one machine: manifest, converged (simulated) AWS, a token on chain, damage and healing.

Run by `make demo`, which builds the binaries and runs `scripts/install.sh` first. Prints a line per step; the last two
are the token's address with its name read from chain, and `no changes`. Takes every process it started with it,
however it ends. `--keep` (`make demo KEEP=1`) keeps the environment up until Ctrl-C and says how to use it.

Exit status: 0 when every step came out right, 1 when one did not, 130 or 143 after a signal.
"""

import argparse
import hashlib
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import uuid

from local.environment import AWS_ENVIRONMENT, BINARIES, PARAMETERS, TARGET_GROUP
from local.environment import deploy_contracts, environment, require_tools, parameter_values
from local.environment import start_chain, start_redis, start_simulator
from local.https import HOST, Frontend, Traffic
from local.processes import Failure, NotYet, until
from local.story import Stopped, run

MANIFEST = "manifests/development.yaml"
# Anvil's third account, which only receives.
RECIPIENT = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"


def put_parameters(story, simulation, node, addresses, redis_url, key):
    story.begin("parameters")
    values = parameter_values(node, addresses, redis_url)
    values["api_keys"] = "demo:" + hashlib.sha256(key.encode()).hexdigest()
    ssm = simulation.client("ssm")
    for name, value in values.items():
        # Contracts' addresses are no secrets, and the only values the reconciler reads.
        kind = "String" if name.endswith("_address") else "SecureString"
        ssm.put_parameter(Name=PARAMETERS + name, Value=value, Type=kind)
    story.say(f"{len(values)} put under {PARAMETERS}: {', '.join(values)}")


def reconciler(story, simulation, *arguments, timeout, show):
    """Runs the reconciler and gives its exit status and output; `show` prints its lines as they come."""
    argv = [f"{BINARIES}/reconciler", "--endpoint-url", simulation.endpoint, *arguments]
    log = os.path.join(story.directory, "reconciler.log")
    lines = []
    child = subprocess.Popen(argv, env=environment(**AWS_ENVIRONMENT, **simulation.door()), stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    # The reconciler has a deadline of its own; this one is for a reconciler that ignores it.
    signal.signal(signal.SIGALRM, lambda *_: child.kill())
    signal.alarm(timeout)
    try:
        with open(log, "a") as file:
            for line in child.stdout:
                file.write(line)
                lines.append(line.rstrip("\n"))
                if show:
                    story.detail(lines[-1])
        return child.wait(), lines
    finally:
        signal.alarm(0)
        child.kill()
        child.wait()


def reconcile(story, simulation):
    status, lines = reconciler(story, simulation, "reconcile", "--timeout", "240s", MANIFEST, timeout=270, show=True)
    if status != 0:
        raise Failure(f"reconcile ended with status {status}: {lines[-1] if lines else 'no output'}")
    return lines


def two_healthy(simulation, besides=()):
    """Waits until two tasks run, both targets are healthy, and none of `besides` is among them."""

    def look():
        tasks, healthy = simulation.tasks(), simulation.healthy()
        gone = not any(task["id"] in besides for task in tasks)
        if gone and len(tasks) == 2 and healthy == sorted(task["address"] for task in tasks):
            return tasks
        raise NotYet(f"{len(tasks)} tasks running, {len(healthy)} targets healthy")

    return until("two healthy tasks", 120, look)


def show_tasks(story, simulation):
    story.begin("tasks")
    tasks = two_healthy(simulation)
    story.say(", ".join(f"{task['id'][:8]} (pid {task['pid']}) healthy at {task['address']}:3001" for task in tasks))


def show_idempotence(story, simulation):
    story.begin("again")
    simulation.admin("calls", "DELETE")
    status, lines = reconciler(story, simulation, "reconcile", MANIFEST, timeout=60, show=False)
    calls = simulation.admin("calls")
    mutating = {name: call["calls"] for name, call in calls.items() if call["mutating"]}
    if status != 0 or mutating:
        raise Failure(f"a second reconcile ended with {status} and changed things: {mutating}; {lines[-1:]}")
    reads = sum(call["calls"] for call in calls.values())
    story.say(f"a second reconcile makes 0 mutating calls and {reads} reads:")
    for service, group in itertools.groupby(sorted(calls), key=lambda name: name.split(".")[0]):
        counts = ", ".join(f"{name.split('.')[1]} {calls[name]['calls']}" for name in group)
        story.detail(f"  {service}: {counts}")


def show_refusals(story, frontend, key):
    story.begin("refusals")
    body = {"modelId": "refused", "userAddress": RECIPIENT}
    keyed = {"x-api-key": key}
    marker = "never-echoed-value"
    json_type = {"content-type": "application/json"}
    cases = [
        ("no key", 401, frontend.send("POST", "/api/deployments", body)),
        ("another bearer", 401, frontend.send("POST", "/api/deployments", body, {"authorization": "Bearer a.b.c"})),
        ("malformed JSON", 400, frontend.send("POST", "/api/deployments", b'{"modelId": ', {**keyed, **json_type})),
        ("wrong type", 400, frontend.send("POST", "/api/deployments", {**body, "modelId": [marker]}, keyed)),
        ("11 MB body", 413, frontend.send("POST", "/api/deployments", b" " * (11 << 20), {**keyed, **json_type})),
        ("unknown route", 404, frontend.send("GET", "/no/such/route", headers=keyed)),
    ]
    for name, wanted, reply in cases:
        if reply.status != wanted or not isinstance(reply.body, dict) or reply.body.get("success") is not False:
            raise Failure(f"{name}: wanted {wanted} and a JSON error, got {reply.status} {str(reply.body)[:300]}")
        text = json.dumps(reply.body)
        if marker in text:
            raise Failure(f"{name}: the reply repeats what was sent: {text}")
        if name == "wrong type" and "modelId" not in text:
            raise Failure(f"{name}: the reply does not name the field: {text}")
        if name == "unknown route" and "/no/such/route" not in text:
            raise Failure(f"{name}: the reply does not name the path: {text}")
    story.say(", ".join(f"{name} {wanted}" for name, wanted, _ in cases) + "; all JSON")


def rotate_key(story, simulation, frontend, old):
    """A client's second key beside its first, then alone: two live keys for a while, and no task restarted."""
    story.begin("key rotation")
    new = secrets.token_urlsafe(24)
    entry = "demo-2:" + hashlib.sha256(new.encode()).hexdigest() + ";owner=demo"
    tasks = simulation.tasks()
    ssm = simulation.client("ssm")
    name = PARAMETERS + "api_keys"
    both = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] + "," + entry

    def put(value, wanted):
        ssm.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)
        # They read it by themselves as well, every 25 s.
        for task in tasks:
            os.kill(task["pid"], signal.SIGHUP)

        def look():
            # Both tasks answer in turn.
            for _, (key, status) in itertools.product(range(4), wanted):
                reply = frontend.send("GET", f"/api/deployments/{uuid.uuid4()}", headers={"x-api-key": key})
                if reply.status != status:
                    raise NotYet(f"{reply.status} instead of {status}")
            return True

        until("every task has the keys", 40, look)

    put(both, [(old, 404), (new, 404)])
    put(entry, [(old, 401), (new, 404)])
    if [task["pid"] for task in simulation.tasks()] != [task["pid"] for task in tasks]:
        raise Failure("a task was restarted for a key")
    story.say("a second key taken beside the first, then the first refused: the parameter read again by the same "
              f"{len(tasks)} tasks, with their task role")
    return new


def deploy_token(story, frontend, key):
    story.begin("deployment")
    model = f"demo-{secrets.token_hex(4)}"
    body = {"modelId": model, "userAddress": RECIPIENT, "tokenName": "Demo Token", "tokenSymbol": "DEMO"}
    reply = frontend.send("POST", "/api/deployments", body, {"x-api-key": key})
    if reply.status != 202:
        raise Failure(f"POST /api/deployments: {reply.status} {reply.body}")
    deployment = reply.body["data"]["requestId"]
    story.say(f"POST https://{HOST}/api/deployments: 202, {deployment} for model {model}")
    steps = []

    def look():
        reply = frontend.send("GET", f"/api/deployments/{deployment}/status", headers={"x-api-key": key})
        if reply.status != 200:
            raise NotYet(f"{reply.status} {reply.body}")
        data = reply.body["data"]
        if not steps or steps[-1] != data["currentStep"]:
            steps.append(data["currentStep"])
            story.detail(f"{data['status']}, {data['progress']} %: {data['currentStep']}")
        if data["status"] == "failed":
            raise Failure(f"the deployment failed: {data.get('error')}")
        if data["status"] != "deployed":
            raise NotYet(data["currentStep"])
        return data["tokenDetails"]

    details = until(f"deployment {deployment} is deployed", 60, look)
    return deployment, model, body, details


def read_token(story, node, addresses, model, body, details):
    story.begin("token")
    address = details["tokenAddress"]
    name, symbol = node.text(address, "name()"), node.text(address, "symbol()")
    recorded = node.address(addresses["TokenManager"], "modelTokens(string)", model)
    held = node.number(address, "balanceOf(address)", RECIPIENT) // 10**18
    if (name, symbol, recorded) != (body["tokenName"], body["tokenSymbol"], address.lower()):
        raise Failure(f"the chain says {name!r}, {symbol!r} at {recorded}; wanted {body} at {address}")
    story.say(f"on chain {address} is {name!r} ({symbol}), {held:,} of it at {RECIPIENT}")
    return f"{address} ({name})"


def break_things(story, simulation):
    story.begin("damage")
    cloudwatch = simulation.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmTypes=["MetricAlarm"])["MetricAlarms"]
    alarm = next(one["AlarmName"] for one in alarms if not one["AlarmName"].startswith("TargetTracking-"))
    cloudwatch.delete_alarms(AlarmNames=[alarm])
    elbv2 = simulation.client("elbv2")
    group = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]
    elbv2.modify_target_group(TargetGroupArn=group["TargetGroupArn"], HealthCheckPath="/health/ready")
    victim = simulation.tasks()[0]
    os.kill(victim["pid"], signal.SIGKILL)
    story.say(f"deleted alarm {alarm}, changed the health path from {group['HealthCheckPath']} to /health/ready, "
              f"kill -9 of task {victim['id'][:8]} (pid {victim['pid']})")
    return alarm, victim


def show_plan(story, simulation, alarm):
    story.begin("plan")
    # ECS notices the death within moments; the plan is asked until it has.
    def look():
        status, lines = reconciler(story, simulation, "plan", "--exit-code", MANIFEST, timeout=60, show=False)
        text = "\n".join(lines)
        unseen = [what for what in (alarm, "/health/ready", "rollout:") if what not in text]
        if status != 2 or unseen:
            raise NotYet(f"status {status}, without {unseen}")
        return lines

    lines = until("the plan sees all three", 10, look)
    story.say("sees all three:")
    for line in lines:
        story.detail(line)


def heal(story, simulation, victim, traffic):
    story.begin("healing")
    reconcile(story, simulation)
    tasks = two_healthy(simulation, besides=[victim["id"]])
    fresh = ", ".join(f"{task['id'][:8]} at {task['address']}:3001" for task in tasks)
    story.say(f"AWS equals the manifest, two healthy tasks: {fresh}")
    story.begin("traffic")
    traffic.stop()
    if traffic.lost:
        raise Failure(f"{len(traffic.lost)} submissions got no answer: {traffic.lost[:3]}")
    answered = ", ".join(f"{count} {method}" for method, count in traffic.answered.items())
    failed = "; ".join(f"{what} at {when} s" for when, what in traffic.failures[:5])
    more = f" ({failed}{' …' if len(traffic.failures) > 5 else ''})" if failed else ""
    story.say(f"{answered} answered while damage was done and healed, {len(traffic.failures)} failed{more}")


def check_submissions(story, node, addresses, frontend, key, traffic):
    story.begin("exactly once")

    def look():
        for model, deployment in list(remaining.items()):
            reply = frontend.send("GET", f"/api/deployments/{deployment}", headers={"x-api-key": key})
            if reply.status != 200 or reply.body["data"]["status"] not in ("deployed", "failed"):
                raise NotYet(f"{len(remaining)} under way; {model}: {reply.status}")
            data = reply.body["data"]
            if data["status"] == "failed":
                raise Failure(f"{model} failed: {data.get('error')}")
            on_chain = node.address(addresses["TokenManager"], "modelTokens(string)", model)
            if on_chain != data["tokenDetails"]["tokenAddress"].lower():
                raise Failure(f"{model}: status says {data['tokenDetails']['tokenAddress']}, the chain {on_chain}")
            del remaining[model]
        return True

    remaining = dict(traffic.submitted)
    until("every submitted deployment is finished", 90, look)
    sent = int(node.call("eth_getTransactionCount", node.call("eth_accounts")[0], "latest"), 16)
    # Two contracts of the set-up, the first token, and one for each submission.
    expected = len(addresses) + 1 + len(traffic.submitted)
    if sent != expected:
        raise Failure(f"the deployer sent {sent} transactions for {expected} deployments")
    story.say(f"{len(traffic.submitted)} deployments submitted meanwhile, each one transaction and one token on chain")


def finish(story, simulation, token):
    status, lines = reconciler(story, simulation, "plan", "--exit-code", MANIFEST, timeout=60, show=False)
    if status != 0 or lines[-1:] != ["no changes"]:
        raise Failure("the last plan still has changes:\n" + "\n".join(lines))
    print(token, flush=True)
    print(lines[-1], flush=True)


def keep(story, simulation, node, key):
    story.begin("kept")
    address, port = simulation.load_balancer
    print(f"""
The environment stays up until Ctrl-C (or: kill {os.getpid()}).

  service   curl --cacert {simulation.authority_file} --connect-to {HOST}:443:{address}:{port} https://{HOST}/health
  document  https://{HOST}/openapi.json, as a page https://{HOST}/docs (with the two options above)
  demo key  {key}    (header X-API-Key)
  CA file   {simulation.authority_file}
  AWS       AWS_ENDPOINT_URL={simulation.endpoint} AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo \\
            {BINARIES}/reconciler plan {MANIFEST}
  chain     {node.url}
  watch     {simulation.endpoint}/_simulator/
  logs      {story.directory}/*.log
""", flush=True)
    try:
        while True:
            signal.pause()
    except Stopped:
        story.say("stopping")


def tell(story, kept):
    key = secrets.token_urlsafe(24)
    require_tools(story)
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    simulation = start_simulator(story)
    put_parameters(story, simulation, node, addresses, redis_url, key)

    story.begin("reconcile")
    story.say(MANIFEST)
    reconcile(story, simulation)
    show_tasks(story, simulation)
    show_idempotence(story, simulation)

    frontend = Frontend(simulation.load_balancer, simulation.authority_file)
    show_refusals(story, frontend, key)
    key = rotate_key(story, simulation, frontend, key)
    deployment, model, body, details = deploy_token(story, frontend, key)
    token = read_token(story, node, addresses, model, body, details)

    traffic = Traffic(frontend, key, deployment, {"userAddress": RECIPIENT})
    story.begin("traffic")
    traffic.start()
    until("the traffic flows", 10, lambda: min(traffic.answered.values()) > 0 and traffic.answered["GET"] > 50)
    alarm, victim = break_things(story, simulation)
    show_plan(story, simulation, alarm)
    heal(story, simulation, victim, traffic)
    check_submissions(story, node, addresses, frontend, key, traffic)
    finish(story, simulation, token)
    if kept:
        keep(story, simulation, node, key)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    arguments = parser.parse_args()
    return run("demo", lambda story: tell(story, arguments.keep))


if __name__ == "__main__":
    sys.exit(main())
