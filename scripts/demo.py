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
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "target", "tools", "python"))

from local.chain import Node  # noqa: E402
from local.https import HOST, Frontend, Traffic  # noqa: E402
from local.processes import Failure, NotYet, Processes, free_port, listens, until  # noqa: E402

MANIFEST = "manifests/development.yaml"
ACCOUNT = "tests/fixtures/account.yaml"
ANVIL = "tests/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
BINARIES = os.environ.get("DEMO_BINARIES", "target/debug")
REPOSITORY = "hokusai/contracts"
REGION = "us-east-1"
CLUSTER, SERVICE = "hokusai-development", "hokusai-contracts-development"
LOG_GROUP = "/ecs/hokusai-contracts"
TARGET_GROUP = "hokusai-contracts-3001"
PARAMETERS = "/hokusai/development/contracts/"
CHAIN_ID = 11155111
# Anvil's first account, from its well-known test mnemonic: it holds test ether of this one chain and nothing else.
DEPLOYER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
# Anvil's third account, which only receives.
RECIPIENT = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"


class Stopped(Exception):
    """A signal asked this process to end."""


class Story:
    """Prints steps and remembers what is up."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = Processes(directory)
        self.begun = time.monotonic()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.step = "start"
        self.simulation = None

    def begin(self, step):
        """Names what is being done, for the case that it fails."""
        self.step = step

    def say(self, result):
        """One line: elapsed time, step, result."""
        print(f"{self.paint('2', self.clock())}  {self.paint('1', f'{self.step:<16}')} {result}", flush=True)

    def detail(self, line):
        """A line below the step's own."""
        print(self.paint("2", f"{'':8} {'':16} {line}"), flush=True)

    def clock(self):
        return f"{time.monotonic() - self.begun:6.1f} s"

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text


def environment(**more):
    """What a child process gets: no credentials or proxies of the person who runs this."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, **more}


AWS_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "demo",
    "AWS_SECRET_ACCESS_KEY": "demo",
    "AWS_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


def require_tools(story):
    story.begin("tools")
    try:
        import boto3
    except ImportError:
        raise Failure("boto3 is missing: run scripts/install.sh") from None
    for path in [ANVIL, *(f"{BINARIES}/{name}" for name in ("simulator", "reconciler", "contracts-api"))]:
        if not os.access(path, os.X_OK):
            fix = "scripts/install.sh" if path == ANVIL else "cargo build"
            raise Failure(f"{path} is missing: run {fix}")
    if shutil.which("redis-server") is None:
        raise Failure("redis-server is missing: run scripts/install.sh")

    def version(*argv):
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True).stdout

    redis = next(word[2:] for word in version("redis-server", "--version").split() if word.startswith("v="))
    # "anvil Version: 1.7.1-…", then lines about the build.
    anvil = version(ANVIL, "--version").splitlines()[0].split()[-1]
    story.say(f"redis-server {redis}, anvil {anvil}, boto3 {boto3.__version__}")


def start_redis(story):
    story.begin("redis")
    port = free_port()
    argv = ["redis-server", "--bind", "127.0.0.1", "--port", port, "--save", "", "--appendonly", "no",
            "--dir", story.directory]
    story.processes.start("redis", argv, environment())
    story.processes.wait_for("redis", 10, lambda: listens(port))
    story.say(f"127.0.0.1:{port}")
    return f"redis://127.0.0.1:{port}/0"


def start_chain(story):
    story.begin("chain")
    port = free_port()
    # Interval mining, because automine loses wake-ups under load. As much history as a pruned node of the real network
    # keeps: the service reads nonces as of the last confirmed block.
    argv = [ANVIL, "--host", "127.0.0.1", "--port", port, "--block-time", 1, "--chain-id", CHAIN_ID,
            "--prune-history", 128]
    story.processes.start("anvil", argv, environment())
    story.processes.wait_for("anvil", 20, lambda: listens(port))
    node = Node(f"http://127.0.0.1:{port}")
    if int(node.call("eth_chainId"), 16) != CHAIN_ID:
        raise Failure("the chain has another id than it was started with")
    story.say(f"anvil at {node.url}, chain {CHAIN_ID}, a block a second")
    return node


def deploy_contracts(story, node):
    story.begin("contracts")
    built = subprocess.run(["node", "tests/contracts/build.mjs"], capture_output=True, text=True, timeout=60,
                           env=environment())
    if built.returncode != 0:
        raise Failure(f"the contracts do not compile\n{built.stderr.strip()}")
    compiled = {}
    for name in ("ModelRegistry", "TokenManager"):
        with open(f"target/contracts/{name}.json") as file:
            compiled[name] = json.load(file)
    addresses = {}
    for name, contract in compiled.items():
        constructor = next((entry for entry in contract["abi"] if entry["type"] == "constructor"), {"inputs": []})
        arguments = [argument(name, wanted, addresses, node) for wanted in constructor["inputs"]]
        addresses[name] = node.deploy(contract, arguments)
    story.say(", ".join(f"{name} {address}" for name, address in addresses.items()))
    return addresses


def argument(contract, wanted, addresses, node):
    """What a test contract's constructor is given: the registry, the deployer, no fee."""
    if wanted["type"] == "address":
        return addresses["ModelRegistry"] if "registry" in wanted["name"].lower() else node.call("eth_accounts")[0]
    if wanted["type"].startswith("uint"):
        return 0
    raise Failure(f"{contract}: no value for the constructor's {wanted['type']} {wanted['name']}")


class Simulation:
    """The simulated AWS, once it runs."""

    def __init__(self, ready):
        self.endpoint = ready["endpoint"]
        host, port = ready["load_balancer"].rsplit(":", 1)
        self.load_balancer = (host, int(port))
        self.authority_file = ready["ca_file"]

    def client(self, service):
        import boto3
        from botocore.config import Config

        config = Config(retries={"max_attempts": 3}, connect_timeout=5, read_timeout=15)
        return boto3.client(service, endpoint_url=self.endpoint, region_name=REGION, aws_access_key_id="demo",
                            aws_secret_access_key="demo", config=config)

    def admin(self, path, method="GET"):
        request = urllib.request.Request(f"{self.endpoint}/_simulator/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def tasks(self):
        """Tasks that run, as `id`, `pid`, `address`."""
        return [task for task in self.admin("tasks")["tasks"] if task["status"] == "RUNNING"]

    def healthy(self):
        """Addresses of the healthy targets."""
        elbv2 = self.client("elbv2")
        group = elbv2.describe_target_groups(Names=[TARGET_GROUP])["TargetGroups"][0]["TargetGroupArn"]
        described = elbv2.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
        return sorted(one["Target"]["Id"] for one in described if one["TargetHealth"]["State"] == "healthy")


    def task_logs(self, lines):
        """The last lines the tasks wrote, from the simulated CloudWatch Logs."""
        logs = self.client("logs")
        streams = logs.describe_log_streams(logGroupName=LOG_GROUP)["logStreams"]
        for name in (stream["logStreamName"] for stream in streams):
            events = logs.get_log_events(logGroupName=LOG_GROUP, logStreamName=name, limit=lines)["events"]
            yield name, [event["message"] for event in events]


def start_simulator(story):
    story.begin("simulator")
    state = os.path.join(story.directory, "simulator")
    os.mkdir(state)
    argv = [f"{BINARIES}/simulator", "--port", 0, "--account", ACCOUNT, "--state", state,
            "--image", f"{REPOSITORY}={os.path.join(ROOT, BINARIES, 'contracts-api')}"]
    story.processes.start("simulator", argv, environment())
    ready = os.path.join(state, "ready.json")
    story.processes.wait_for("simulator", 20, lambda: os.path.exists(ready))
    with open(ready) as file:
        simulation = Simulation(json.load(file))
    story.simulation = simulation
    address = ":".join(map(str, simulation.load_balancer))
    story.say(f"AWS at {simulation.endpoint}, https://{HOST} at {address}")
    return simulation


def put_parameters(story, simulation, node, addresses, redis_url, key):
    story.begin("parameters")
    values = {
        "deployer_key": DEPLOYER_KEY,
        "token_manager_address": addresses["TokenManager"],
        "model_registry_address": addresses["ModelRegistry"],
        "rpc_endpoint": node.url,
        "redis_url": redis_url,
        "api_keys": "demo:" + hashlib.sha256(key.encode()).hexdigest(),
    }
    ssm = simulation.client("ssm")
    for name, value in values.items():
        ssm.put_parameter(Name=PARAMETERS + name, Value=value, Type="SecureString")
    story.say(f"{len(values)} put under {PARAMETERS}: {', '.join(values)}")


def reconciler(story, simulation, *arguments, timeout, show):
    """Runs the reconciler and gives its exit status and output; `show` prints its lines as they come."""
    argv = [f"{BINARIES}/reconciler", "--endpoint-url", simulation.endpoint, *arguments]
    log = os.path.join(story.directory, "reconciler.log")
    lines = []
    child = subprocess.Popen(argv, env=environment(**AWS_ENVIRONMENT), stdin=subprocess.DEVNULL,
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
  demo key  {key}    (header X-API-Key)
  CA file   {simulation.authority_file}
  AWS       AWS_ENDPOINT_URL={simulation.endpoint} AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo \\
            {BINARIES}/reconciler plan {MANIFEST}
  chain     {node.url}
  tasks     curl {simulation.endpoint}/_simulator/tasks
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


def explain(story, failure):
    """The ends of the logs, and below them, where it is seen, why it failed."""
    tails = [(f"{name}.log", lines) for name, lines in story.processes.tails(15)]
    if story.simulation:
        try:
            tails += story.simulation.task_logs(15)
        except Exception as error:  # noqa: BLE001 - the simulator may be what failed
            tails.append(("task logs", [f"cannot be read: {error}"]))
    for name, lines in tails:
        print(f"--- {name}", *lines, sep="\n  ", file=sys.stderr)
    print(file=sys.stderr)
    print(f"{story.clock()}  {story.step}: failed: {failure}", file=sys.stderr)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, until Ctrl-C")
    arguments = parser.parse_args()
    os.chdir(ROOT)
    os.makedirs("target", exist_ok=True)

    def stop(number, _frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(number)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    story = Story(tempfile.mkdtemp(prefix="demo-", dir=os.environ.get("DEMO_DIRECTORY", os.path.join(ROOT, "target"))))
    status = 1
    try:
        tell(story, arguments.keep)
        status = 0
    except Stopped as stopped:
        status = 128 + stopped.args[0]
        print(f"{story.clock()}  {story.step}: stopped by {signal.Signals(stopped.args[0]).name}", file=sys.stderr)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the processes must not outlive it
        reason = failure if isinstance(failure, Failure) else f"{type(failure).__name__}: {failure}"
        explain(story, reason)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # The simulator gives its tasks their time to finish; a task has 30 s at most.
        story.processes.stop({"simulator": 40})
        shutil.rmtree(story.directory, ignore_errors=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
