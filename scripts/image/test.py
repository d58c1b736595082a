#!/usr/bin/env python3
"""Runs the image as ECS would, against a real Redis and a real EVM node, and prints its size, start time and memory.

`make image-test` builds it first. Leaves the SBOM in target/image/sbom.cdx.json and takes everything else with it.
Exit status: 0 when all held, 1 when something did not.
"""

import hashlib
import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "scripts"), os.path.join(ROOT, "target", "tools", "sbom")]

from layers import Image  # noqa: E402
from local import story as told  # noqa: E402
from local.environment import deploy_contracts, parameter_values, start_chain, start_redis, CHAIN_ID  # noqa: E402
from local.processes import Failure, free_port, until  # noqa: E402
from sbom import bill  # noqa: E402

MEGABYTE = 1_000_000
# Anvil's third account, which only receives.
RECIPIENT = "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"
SIZE_MAX, SIZE_WANTED = 200 * MEGABYTE, 30 * MEGABYTE
# The task definition's stopTimeout: what comes after it is SIGKILL.
STOP_SECONDS = 30
# As a Fargate task is limited, and a little harder. The test's Redis and node are on the host's loopback.
CONFINED = """--network host --read-only --tmpfs /tmp:rw,noexec,nosuid,size=16m --cap-drop all
    --security-opt no-new-privileges --memory 1g --memory-swap 1g --cpus 0.5 --pids-limit 256
    --ulimit nofile=16384:16384 --ulimit nproc=4096:4096""".split()


def engine(*arguments, check=True, **more):
    """Runs docker or podman as engine.sh finds it."""
    script = ". scripts/image/engine.sh; need_runner; engine \"$@\""
    ran = subprocess.run(["sh", "-eu", "-c", script, "sh", *map(str, arguments)], capture_output=True, text=True,
                         timeout=120, **more)
    if check and ran.returncode != 0:
        raise Failure(f"{' '.join(map(str, arguments[:2]))}: status {ran.returncode}: {ran.stderr.strip()[-500:]}")
    return ran


def held(condition, otherwise):
    if not condition:
        raise Failure(otherwise)


class Container:
    """One run of the image as the API, by its host port."""

    def __init__(self, image, variables):
        self.name = f"contracts-test-{secrets.token_hex(4)}"
        self.port = free_port()
        variables = {**variables, "PORT": str(self.port)}
        # By name only: a value on the command line would be in every process list.
        names = [word for name in variables for word in ("--env", name)]
        self.begun = time.monotonic()
        engine("run", "--detach", "--name", self.name, *CONFINED, *names, image, env={**os.environ, **variables})

    def inspect(self):
        return json.loads(engine("inspect", self.name).stdout)[0]

    def get(self, path, body=None, headers=None):
        """Status and JSON of one request."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", body and json.dumps(body).encode(),
                                         {"content-type": "application/json", **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=5) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def healthy(self):
        """Waits for the first healthy answer; gives the seconds since the engine was asked to start it."""

        def look():
            try:
                return self.get("/health")[0] == 200
            except (urllib.error.URLError, ConnectionError):
                return False

        until("the container is healthy", 30, look)
        return time.monotonic() - self.begun

    def stop(self):
        """SIGTERM; gives exit status and seconds."""
        begun = time.monotonic()
        engine("stop", "--time", STOP_SECONDS, self.name)
        return self.inspect()["State"]["ExitCode"], time.monotonic() - begun

    def remove(self):
        engine("rm", "--force", self.name, check=False)


def process(pid):
    """Fields of /proc/PID/status by name, the first word of each."""
    with open(f"/proc/{pid}/status") as status:
        return {name: (value.split() or [""])[0] for name, value in (line.split(":", 1) for line in status)}


def check_layers(story, image):
    story.begin("layers")
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        # docker has no --format; podman's default is docker's.
        engine("save", "--output", archive.name, image)
        saved = Image(archive.name)
    objections = list(saved.objections())
    held(not objections, "\n".join(objections))
    config = saved.config["config"]
    labels = config["Labels"]
    size = sum(len(content or b"") for _, _, content in saved.files)
    held(saved.config["architecture"] == "amd64", f"it is for {saved.config['architecture']}")
    held(config["User"] == "10001:10001", f"its user is {config['User']!r}")
    held(config["Entrypoint"] == ["/usr/bin/dumb-init", "--"], f"its entrypoint is {config['Entrypoint']}")
    held(config["Cmd"] == ["contracts-api"], f"its command is {config['Cmd']}")
    held(config["Healthcheck"]["Test"] == ["CMD", "contracts-api", "healthcheck"], "it has another health check")
    held("3001/tcp" in config["ExposedPorts"], "it does not expose 3001")
    sha = labels["org.opencontainers.image.revision"]
    # A build cache that forgets the arguments would ship new programs under an old commit's name.
    held(sha == shell("git_sha"), f"it is of commit {sha}, and the work tree is at {shell('git_sha')}")
    held(f"GIT_SHA={sha}" in config["Env"], "its environment names another commit than its label")
    held(f"GIT_SHA={sha}\n" in saved.file("etc/image-release").decode(), "its files are of another commit")
    held(size < SIZE_MAX, f"{size} bytes, more than the requirement's {SIZE_MAX}")
    story.say(f"{len(saved.files)} entries, all of them expected; no secret, source or build path; "
              f"version {labels['org.opencontainers.image.version']}, commit {sha[:12]}")
    return saved, size, sha


def write_bill(story, saved, sha):
    story.begin("sbom")
    debian = [content.decode() for path, _, content in saved.files if path.startswith("var/lib/dpkg/status.d/") and content]
    components, text = bill(debian, sha)
    held(components > len(debian) > 3, f"{components} components, {len(debian)} of them Debian's")
    place = "target/image/sbom.cdx.json"
    os.makedirs("target/image", exist_ok=True)
    with open(place, "w") as file:
        file.write(text)
    story.say(f"{place}: {components - len(debian)} crates, {len(debian)} Debian packages")


def check_help(story, image):
    story.begin("programs")
    for program, word in (("contracts-api", "healthcheck"), ("reconciler", "reconcile")):
        shown = engine("run", "--rm", *CONFINED, image, program, "--help").stdout
        held(word in shown, f"{program} --help says {shown[:200]!r}")
    refused = engine("run", "--rm", *CONFINED, image, check=False)
    held(refused.returncode == 64 and "DEPLOYER_PRIVATE_KEY" in refused.stderr + refused.stdout,
         f"without settings it ends with {refused.returncode}")
    story.say("--help of both; without settings exit 64 and every missing one named")


def check_confinement(story, container):
    story.begin("confinement")
    state = container.inspect()["State"]
    leader = process(state["Pid"])
    with open(f"/proc/{state['Pid']}/task/{state['Pid']}/children") as children:
        [child] = children.read().split()
    api = process(child)
    held((leader["Name"], api["Name"]) == ("dumb-init", "contracts-api"), f"PID 1 is {leader['Name']}")
    for one in (leader, api):
        held(one["Uid"] == "10001" and one["Gid"] == "10001", f"{one['Name']} is user {one['Uid']}")
        held(all(int(one[name], 16) == 0 for name in ("CapEff", "CapPrm", "CapBnd", "CapAmb")), "it has capabilities")
        held(one["NoNewPrivs"] == "1", "it may gain privileges")
    for place in ("/", "/usr/local/bin", "/etc"):
        try:
            os.close(os.open(f"/proc/{child}/root{place}/written", os.O_CREAT | os.O_WRONLY))
        except OSError as error:
            held(error.strerror == "Read-only file system", f"{place}: {error}")
        else:
            raise Failure(f"{place} is writable")
    story.say("PID 1 is dumb-init; user 10001, no capabilities, no new privileges, root read-only")
    return child


def check_service(story, container, node, key):
    story.begin("service")
    test = container.inspect()["Config"]["Healthcheck"]["Test"][1:]
    engine("exec", container.name, *test)
    until("it is ready", 20, lambda: container.get("/health/ready")[0] == 200)
    model, keyed = f"image-{secrets.token_hex(4)}", {"x-api-key": key}
    status, reply = container.get("/api/deployments", {"modelId": model, "userAddress": RECIPIENT}, keyed)
    held(status == 202, f"POST /api/deployments: {status} {reply}")
    identifier = reply["data"]["requestId"]

    def look():
        data = container.get(f"/api/deployments/{identifier}/status", headers=keyed)[1]["data"]
        held(data["status"] != "failed", f"the deployment failed: {data.get('error')}")
        return data.get("tokenDetails")

    token = until("the token is deployed", 60, look)["tokenAddress"]
    story.say(f"healthy and ready; a token deployed by it is {node.text(token, 'symbol()')} at {token}")


def check_trust(story, image, variables):
    """A certificate nobody signed must be refused for that reason, which takes the image's own CA bundle to say."""
    story.begin("trust")
    with tempfile.TemporaryDirectory() as directory:
        argv = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{directory}/key",
                "-out", f"{directory}/certificate"]
        subprocess.run(argv, capture_output=True, check=True, timeout=30)
        port = free_port()
        server = subprocess.Popen(["openssl", "s_server", "-quiet", "-accept", str(port), "-key", f"{directory}/key",
                                   "-cert", f"{directory}/certificate"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        container = Container(image, {**variables, "RPC_URL": f"https://localhost:{port}"})
        try:
            wanted = "certificate that is not trusted"
            until(f"its log says {wanted}", 20, lambda: wanted in logs(container))
        finally:
            container.remove()
            server.kill()
            server.wait()
    story.say("a TLS peer that no CA of the image knows is refused as such")


def check_end(story, container, key):
    """SIGTERM with an idle connection, a half-sent request, and one whose rest comes after the signal."""
    story.begin("end")
    body = json.dumps({"modelId": f"late-{secrets.token_hex(4)}", "userAddress": RECIPIENT}).encode()
    head = (f"POST /api/deployments HTTP/1.1\r\nHost: localhost\r\nX-API-Key: {key}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n\r\n").encode()
    address = ("127.0.0.1", container.port)
    with socket.create_connection(address, 5) as idle, socket.create_connection(address, 5) as half, \
            socket.create_connection(address, 25) as late:
        idle.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        held(b" 200 " in idle.recv(4096), "the idle connection is not answered")
        half.sendall(head[:40])
        late.sendall(head + body[:10])
        begun = time.monotonic()
        engine("kill", "--signal", "TERM", container.name)
        until("the drain has begun", 10, lambda: '"draining"' in logs(container))
        late.sendall(body[10:])
        answer = late.recv(4096)
        held(b" 202 " in answer.split(b"\r\n")[0], f"the request under way got {answer[:60]!r}")
        until("the container has ended", STOP_SECONDS, lambda: not container.inspect()["State"]["Running"])
        seconds = time.monotonic() - begun
    status = container.inspect()["State"]["ExitCode"]
    held(status == 0, f"it ended with {status}")
    story.say(f"SIGTERM with a half-sent request: exit 0 after {seconds:.1f} s; the request under way got its 202")


def logs(container):
    ran = engine("logs", container.name)
    return ran.stdout + ran.stderr


def tell(story, image):
    saved, size, sha = check_layers(story, image)
    write_bill(story, saved, sha)
    check_help(story, image)

    redis_url = start_redis(story)
    node = start_chain(story)
    values = parameter_values(node, deploy_contracts(story, node), redis_url)
    key = secrets.token_urlsafe(24)
    variables = {
        "CHAIN_ID": str(CHAIN_ID),
        "DEPLOYER_PRIVATE_KEY": values["deployer_key"],
        "TOKEN_MANAGER_ADDRESS": values["token_manager_address"],
        "MODEL_REGISTRY_ADDRESS": values["model_registry_address"],
        "RPC_URL": values["rpc_endpoint"],
        "REDIS_URL": values["redis_url"],
        "API_KEYS": "image-test:" + hashlib.sha256(key.encode()).hexdigest(),
    }
    check_trust(story, image, variables)

    container = Container(image, variables)
    try:
        story.begin("start")
        seconds = container.healthy()
        story.say(f"healthy {seconds:.2f} s after the engine was asked")
        child = check_confinement(story, container)
        idle = int(process(child)["VmRSS"]) * 1024
        check_service(story, container, node, key)
        worked = int(process(child)["VmRSS"]) * 1024
        check_end(story, container, key)
    finally:
        container.remove()

    story.begin("figures")
    verdicts = [(f"{size / MEGABYTE:.1f} MB uncompressed", size <= SIZE_WANTED, "≤ 30 MB"),
                (f"{seconds:.2f} s to the first healthy answer", seconds <= 1, "≤ 1 s"),
                (f"{idle / MEGABYTE:.1f} MB idle, {worked / MEGABYTE:.1f} MB after a deployment", idle <= 20 * MEGABYTE,
                 "idle ≤ 20 MB")]
    # Time and memory are the machine's as much as ours: reported, not asserted.
    for figure, met, target in verdicts:
        story.say(f"{figure} (target {target}: {'met' if met else 'MISSED'})")


def shell(function):
    """What a function of engine.sh prints."""
    script = f". scripts/image/engine.sh; {function}"
    return subprocess.run(["sh", "-eu", "-c", script], capture_output=True, text=True, check=True, cwd=ROOT,
                          timeout=300).stdout.strip()


if __name__ == "__main__":
    sys.exit(told.run("image-test", lambda story: tell(story, shell("image_name"))))
