#!/usr/bin/env python3
"""Updates of the API under an open-loop load through the load balancer: no request may fail, no contract deployment be lost.

Run by `make rollout-under-load`, which builds the binaries and runs `scripts/install.sh` first. Real processes behind the
simulated load balancer, a real Redis and a real chain. Prints `sent N failed N` for each update.

Exit status: 0 when nothing failed, 1 when something did, 130 or 143 after a signal.
"""

import argparse
import secrets
import sys

from demo import MANIFEST, RECIPIENT, check_submissions, deploy_token, put_parameters, read_token, reconciler
from local.environment import deploy_contracts, require_tools, start_chain, start_redis, start_simulator
from local.https import Frontend
from local.load import Load
from local.processes import Failure, until
from local.story import run

# The second image of the account's repository.
NEXT = "image.digest=sha256:8e0abe8c2987b0d35375919e5b1f09deae8599e30bd74ac1c1653b5d4ed68d92"
# Before and after each update, so that what is compared is under load as well.
AROUND_SECONDS = 5


def roll(story, simulation, settings):
    words = [word for setting in settings for word in ("--set", setting)]
    status, lines = reconciler(story, simulation, "reconcile", "--timeout", "400s", MANIFEST, *words, timeout=430, show=True)
    if status != 0:
        raise Failure(f"reconcile ended with status {status}: {lines[-1] if lines else 'no output'}")


def under_load(story, simulation, frontend, key, deployment, rate, update):
    name, settings = update
    before = {task["id"] for task in simulation.tasks()}
    load = Load(simulation, rate, key, deployment, {"userAddress": RECIPIENT})
    story.begin(name)
    load.start()
    load.ending.wait(AROUND_SECONDS)
    roll(story, simulation, settings)
    # In which target group they are is the strategy's matter; that they are healthy there, reconcile has waited for.
    until("only new tasks run", 60, lambda: before.isdisjoint(task["id"] for task in simulation.tasks()))
    load.ending.wait(AROUND_SECONDS)
    load.stop()
    sums, how = load.report()
    story.say(sums)
    story.detail(how)
    for when, what in load.failures[:20]:
        story.detail(f"at {when:.1f} s: {what}")
    return load


class Submissions:
    """What all loads submitted, as the demo's check wants it."""

    def __init__(self, loads):
        self.submitted = {model: known for load in loads for model, known in load.submitted.items()}


def tell(story, rate, settings):
    key = secrets.token_urlsafe(24)
    require_tools(story)
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    simulation = start_simulator(story)
    put_parameters(story, simulation, node, addresses, redis_url, key)
    story.begin("reconcile")
    roll(story, simulation, [])
    frontend = Frontend(simulation.load_balancer, simulation.authority_file)
    deployment, model, body, details = deploy_token(story, frontend, key)
    read_token(story, node, addresses, model, body, details)

    updates = [("rolling", [NEXT])]
    if settings:
        # Back to the first image, so that this is an update as well.
        updates.append((settings[0].rpartition("=")[2], settings))
    loads = [under_load(story, simulation, frontend, key, deployment, rate, update) for update in updates]
    check_submissions(story, node, addresses, frontend, key, Submissions(loads))
    failed = sum(len(load.failures) for load in loads)
    slow = [f"{load.sent / load.seconds:.0f}" for load in loads if load.sent < 0.95 * rate * load.seconds]
    if failed or slow:
        raise Failure(f"{failed} requests failed" + (f"; only {', '.join(slow)} a second were sent of {rate}" if slow else ""))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rate", type=int, default=200, help="requests a second")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=VALUE", dest="settings",
                        help="after the rolling update, another one with these fields set; named by the first value")
    arguments = parser.parse_args()
    return run("load", lambda story: tell(story, arguments.rate, arguments.settings))


if __name__ == "__main__":
    sys.exit(main())
