"""What the two programs stand on, on this machine: a Redis, a chain with the contracts on it, a simulated AWS.

Takes a story to tell the steps to and to keep the processes in. Starts each from nothing and waits until it answers.
It knows neither of the programs; what runs in the simulated AWS is put there by whoever uses this.
"""

import json
import os
import shutil
import subprocess
import sys
import urllib.request

from .chain import Node
from .https import HOST
from .processes import Failure, free_port, listens
from .story import ROOT

TOOLS = os.path.join(ROOT, "target", "tools", "python")
sys.path.insert(0, TOOLS)

BINARIES = os.environ.get("LOCAL_BINARIES", "target/debug")
ACCOUNT = "tests/fixtures/account.yaml"
ANVIL = "tests/contracts/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil"
REPOSITORY = "hokusai/contracts"
REGION = "us-east-1"
LOG_GROUP = "/ecs/hokusai-contracts"
TARGET_GROUP = "hokusai-contracts-3001"
PARAMETERS = "/hokusai/development/contracts/"
CHAIN_ID = 11155111
# Anvil's first account, from its well-known test mnemonic: it holds test ether of this one chain and nothing else.
DEPLOYER_KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"


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

    def door(self):
        """The environment by which the reconciler asks the service through this load balancer."""
        return {"RECONCILER_CONNECT_TO": ":".join(map(str, self.load_balancer)), "RECONCILER_CA_FILE": self.authority_file}

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


def start_simulator(story, speed=1):
    story.begin("simulator")
    state = os.path.join(story.directory, "simulator")
    os.mkdir(state)
    argv = [f"{BINARIES}/simulator", "--port", 0, "--account", ACCOUNT, "--state", state,
            "--speed", speed, "--image", f"{REPOSITORY}={os.path.join(ROOT, BINARIES, 'contracts-api')}"]
    story.processes.start("simulator", argv, environment())
    ready = os.path.join(state, "ready.json")
    story.processes.wait_for("simulator", 20, lambda: os.path.exists(ready))
    with open(ready) as file:
        simulation = Simulation(json.load(file))
    story.simulation = simulation
    address = ":".join(map(str, simulation.load_balancer))
    story.say(f"AWS at {simulation.endpoint}, https://{HOST} at {address}")
    story.detail(f"watch it at {simulation.endpoint}/_simulator/")
    return simulation


def parameter_values(node, addresses, redis_url):
    """The values of the parameters that depend on this environment, by name: all but `api_keys`."""
    return {
        "deployer_key": DEPLOYER_KEY,
        "token_manager_address": addresses["TokenManager"],
        "model_registry_address": addresses["ModelRegistry"],
        "rpc_endpoint": node.url,
        "redis_url": redis_url,
    }
