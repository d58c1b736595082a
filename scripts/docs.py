#!/usr/bin/env python3
"""The documents' commands, run as written against a simulated AWS, a real Redis and a real chain.

Run by `make docs-test`, which builds the binaries and runs `scripts/install.sh` first. A person who follows the documents
from the first one on types these commands; here they meet loopback only because of the environment they are given
(endpoint, credentials, a curl configuration, a search path). scripts/local/blocks.py says which blocks run. Everything
happens in a copy of the manifests under git, so a documented commit commits nothing here.

    docs.py [FILE...]    run the blocks of these files, after the two that set the service up and use it
    docs.py --list       only read the blocks and refuse what is not labelled

Exit status: 0 when every block succeeded and printed what its document shows, 1 when one did not, 130 or 143 after a signal.
"""

import argparse
import glob
import os
import shutil
import signal
import subprocess
import sys
import time

from local import blocks
from local.environment import AWS_ENVIRONMENT, BINARIES, REGION, TOOLS
from local.environment import deploy_contracts, environment, parameter_values, require_tools
from local.environment import start_chain, start_redis, start_simulator
from local.https import HOST
from local.processes import Failure
from local.story import ROOT, run

# The service stands once the first is through, and has been used once the second is.
FIRST = ["docs/deployment.md", "docs/api.md"]
BLOCK_SECONDS_MAX = 180
# Simulated seconds per second. The documents roll the tasks seven times, half a minute each; nothing in them is about how long.
SPEED = 10
# Anvil's second account, the one that the deployer's key is changed to. Test ether of one chain, as DEPLOYER_KEY's.
OTHER_DEPLOYER_KEY = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"


def documents():
    """Every document, in the order that they are run in."""
    return [*FIRST, "README.md", *sorted(set(glob.glob("docs/*.md")) - set(FIRST))]


def start(story):
    """What the reader has before the first command, and the environment the commands see."""
    require_tools(story)
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    simulation = start_simulator(story, SPEED)

    work, home = (os.path.join(story.directory, name) for name in ("work", "home"))
    os.mkdir(home)
    os.makedirs(os.path.join(work, "secrets"))
    shutil.copy("Makefile", work)
    shutil.copytree("manifests", os.path.join(work, "manifests"))
    values = {**parameter_values(node, addresses, redis_url), "new_deployer_key": OTHER_DEPLOYER_KEY}
    for name, value in values.items():
        with open(os.path.join(work, "secrets", name), "w") as file:
            file.write(value + "\n")
    address, port = simulation.load_balancer
    with open(os.path.join(home, ".curlrc"), "w") as file:
        file.write(f'cacert = "{simulation.authority_file}"\nconnect-to = "{HOST}:443:{address}:{port}"\n')
    hook = os.path.join(home, "connect.cjs")
    with open(hook, "w") as file:
        # Node's fetch connects by tls.connect; the name that is verified stays the one asked for.
        file.write(f"""const tls = require("node:tls"), connect = tls.connect;
tls.connect = (options, ...rest) => options.host === "{HOST}"
  ? connect({{ ...options, servername: "{HOST}", host: "{address}", port: {port} }}, ...rest) : connect(options, ...rest);
""")
    paths = [os.path.join(ROOT, BINARIES), os.path.join(TOOLS, "bin"), os.environ["PATH"]]
    found = environment(**AWS_ENVIRONMENT)
    found |= {
        "PATH": ":".join(paths), "HOME": home, "CURL_HOME": home, "PYTHONPATH": TOOLS, "RECONCILER": "reconciler",
        **simulation.door(), "AWS_ENDPOINT_URL": simulation.endpoint, "AWS_DEFAULT_REGION": REGION, "AWS_PAGER": "",
        "NODE_OPTIONS": f"--require={hook}", "NODE_EXTRA_CA_CERTS": simulation.authority_file, "NODE_NO_WARNINGS": "1",
        "GIT_AUTHOR_NAME": "reader", "GIT_AUTHOR_EMAIL": "reader@localhost",
        "GIT_COMMITTER_NAME": "reader", "GIT_COMMITTER_EMAIL": "reader@localhost",
    }
    git = ["git", "-c", "init.defaultBranch=main"]
    for argv in ([*git, "init", "-q"], ["git", "add", "manifests"], ["git", "commit", "-qm", "manifests"]):
        subprocess.run(argv, cwd=work, env=found, check=True, timeout=20)
    return work, found


def command(block, directory):
    """The argv that runs a block; what it assigns is kept for the document's blocks after it."""
    source = os.path.join(directory, f"{block.file}.mjs" if block.language == "js" else block.file)
    os.makedirs(os.path.dirname(source), exist_ok=True)
    with open(source, "w") as file:
        # The lines before are empty, so that messages name the document's line.
        file.write("\n" * (block.line - 1) + "\n".join(block.lines) + "\n")
    kept = f"{directory}/{block.file}.variables"
    each = 'touch "$0"; . "$0"; '
    told = """set -E; trap 'echo "line $LINENO ended with $?: $BASH_COMMAND"' ERR; """
    run_it = 'exec node "$1"' if block.language == "js" else told + 'set -a; . "$1"; export -p >"$0"'
    return ["bash", "-euo", "pipefail", "-c", each + run_it, kept, source]


def run_block(block, directory, work, variables):
    """Runs one block and holds what it prints against the document."""
    place = f"{block.file}:{block.line}"
    child = subprocess.Popen(command(block, directory), cwd=work, env=variables, text=True, errors="replace",
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                             start_new_session=True)
    try:
        printed, _ = child.communicate(timeout=BLOCK_SECONDS_MAX)
        problem = f"ended with status {child.returncode}" if child.returncode else None
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        printed, _ = child.communicate()
        problem = f"not done after {BLOCK_SECONDS_MAX} s"
    finally:
        # Also what a block left running, and what runs when this process is told to end.
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        child.wait()
    shown = "\n".join(["", *block.lines, "--- printed", printed.rstrip()]).replace("\n", "\n    ")
    if problem:
        raise Failure(f"{place}: {problem}{shown}")
    absent = blocks.missing(block.expected or [], printed)
    if absent is not None:
        raise Failure(f"{place}: did not print {absent!r} where the document shows it{shown}")


def tell(story, chosen):
    story.begin("read")
    wanted = [file for file in documents() if file in FIRST or not chosen or file in chosen]
    found = [block for file in wanted for block in blocks.read(file)]
    work, variables = start(story)
    directory = os.path.join(story.directory, "blocks")
    begun, ran = time.monotonic(), 0
    for block in found:
        story.begin(f"{block.file}:{block.line}")
        words = block.lines[0] if block.lines else ""
        if block.reason:
            print(f"{story.step:<28} not run, {block.reason}", flush=True)
            continue
        started = time.monotonic()
        run_block(block, directory, work, variables)
        ran += 1
        print(f"{story.step:<28} {time.monotonic() - started:5.1f} s  {words[:80]}", flush=True)
    print(f"{ran} blocks ran in {time.monotonic() - begun:.0f} s, {len(found) - ran} are for elsewhere", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="only read the blocks")
    parser.add_argument("files", nargs="*", metavar="FILE", help="documents; all when none is named")
    arguments = parser.parse_args()
    if not arguments.list:
        return run("docs", lambda story: tell(story, arguments.files))
    os.chdir(ROOT)
    try:
        for block in (block for file in documents() for block in blocks.read(file)):
            print(f"{block.file}:{block.line} {block.language} {block.reason or 'runs'}")
    except Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
