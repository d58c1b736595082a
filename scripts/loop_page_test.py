#!/usr/bin/env python3
"""The page of `reconciler run` in headless Chromium: two units, one in a rollout, one that somebody fights over and then pauses.

Run by `make page-test`. Everything on it is the real program's: published and rolled out by the reconciler in a simulated AWS
with virtual tasks. Leaves screenshots in target/page/. Exit status: 0 when every check passed, 1 when one did not.
"""

import json
import os
import subprocess
import sys
import urllib.request

from local.browser import Browser
from local.environment import ACCOUNT, AWS_ENVIRONMENT, BINARIES, PARAMETERS, Simulation, environment
from local.page import legible_and_whole, require, shows
from local.processes import Failure, NotYet, free_port, until
from local.story import ROOT, run

ROLLING = "hokusai-contracts-development"
FOUGHT = "hokusai-reports-development"
ALARM = f"{FOUGHT}-cpu"
# What the host says is proved for the one unit; the other has the same image, and asks for no proof.
IMAGES = """images: [{ image: hokusai/contracts, start_seconds: 2, says: '{"service":"hokusai-contracts-development"}' }]"""
# Blue/green; the last rollout is held until a person answers, so that it lasts for as long as the test.
SHIFTING = """base: {base}
spec:
  alarms: {{stopRollout: false}}
  rollout: {{strategy: blueGreen, bakeMinutes: 1{hooks}}}
"""
HELD = ", hooks: [{at: [postScaleUp], timeoutMinutes: 600}]"
# A second unit of the same account and image: whatever is named has another name.
REPORTS = """base: {base}
metadata: {{name: hokusai-reports-development}}
spec:
  task: {{family: hokusai-reports, executionRole: hokusai-reports-execution, taskRole: hokusai-reports-task}}
  loadBalancer: {{host: reports.hokus.ai, priority: 110, targetGroup: hokusai-reports-3001, proof: {{ask: never}}}}
  discovery: reports.hokusai-development.local
  logs: {{group: /ecs/hokusai-reports}}
  notifications: {{topic: hokusai-reports-alarms}}
"""
MARKUP = "<img src=x onerror=\"document.title='taken'\"><b>5xx</b>"
CHANGES = ("logs.retentionDays=30", "logs.retentionDays=60", "logs.retentionDays=90", "alarms.cpuPercent=75")


def start(story):
    state, images, account = (os.path.join(story.directory, name) for name in ("simulator", "images.yaml", "account.yaml"))
    os.mkdir(state)
    with open(images, "w") as file:
        file.write(IMAGES)
    with open(ACCOUNT) as file, open(account, "w") as copy:
        for line in file:
            copy.write(line)
            if "{name: contracts.hokus.ai," in line:
                # The second unit's host needs a record too.
                copy.write(line.replace("contracts.", "reports."))
    argv = [f"{BINARIES}/simulator", "--account", account, "--state", state, "--tasks", "virtual",
            "--speed", 20, "--images", images]
    story.processes.start("simulator", argv, environment())
    ready = os.path.join(state, "ready.json")
    story.processes.wait_for("simulator", 20, lambda: os.path.exists(ready))
    with open(ready) as file:
        simulation = Simulation(json.load(file))
    ssm = simulation.client("ssm")
    for name in ("deployer_key", "rpc_endpoint", "redis_url", "api_keys"):
        ssm.put_parameter(Name=PARAMETERS + name, Type="SecureString", Value="nobody reads it")
    for digit, name in enumerate(("token_manager_address", "model_registry_address"), 1):
        ssm.put_parameter(Name=PARAMETERS + name, Type="String", Value="0x" + str(digit) * 40)
    return simulation


def reconciler(simulation, *arguments, expected=0):
    argv = [f"{BINARIES}/reconciler", "--endpoint-url", simulation.endpoint, *arguments]
    ran = subprocess.run(argv, env=environment(**AWS_ENVIRONMENT, **simulation.door()), stdin=subprocess.DEVNULL,
                         capture_output=True, text=True, timeout=120)
    if ran.returncode != expected:
        raise Failure(f"{arguments}: {ran.returncode}\n{ran.stdout}{ran.stderr}")


def publish(story, simulation):
    """Two units, one of them with a history, and begins the rollout that lasts."""

    def overlay(name, text, **more):
        file = os.path.join(story.directory, f"{name}.yaml")
        base = os.path.relpath(os.path.join(ROOT, "manifests", "development.yaml"), story.directory)
        with open(file, "w") as written:
            written.write(text.format(base=base, **more))
        return file

    def reconcile(file, commit, author, *more, expected=0):
        reconciler(simulation, "reconcile", file, "--commit", commit, "--author", author, *more, expected=expected)

    reconcile(overlay("reports", REPORTS), "0b5e7a1", "bob")
    contracts, sets = overlay("contracts", SHIFTING, hooks=""), []
    for number, change in enumerate(CHANGES, 1):
        sets += ["--set", change]
        reconcile(contracts, f"{number}c0ffee", "alice", *sets)
    reconciler(simulation, "rollback", ROLLING, "--to", "2", "--yes", "--reason", MARKUP, "--author", MARKUP)
    # It stays published, and the loop goes on with it.
    held = overlay("held", SHIFTING, hooks=HELD)
    reconcile(held, "6c0ffee", "alice", "--set", "image.tag=0.1.1", "--timeout", "3s", expected=1)


def status(address, unit):
    with urllib.request.urlopen(f"http://{address}/status", timeout=10) as reply:
        return json.load(reply)["units"].get(unit, {})


def fight(simulation, address):
    """Deletes an alarm as often as the loop puts it back, until that gives up."""
    cloudwatch = simulation.client("cloudwatch")

    def stopped():
        alarms = cloudwatch.describe_alarms(AlarmNames=[ALARM])["MetricAlarms"]
        if alarms:
            cloudwatch.delete_alarms(AlarmNames=[ALARM])
        seen = status(address, FOUGHT).get("state")
        if seen != "stopped":
            raise NotYet(f"{seen}, alarm {'there' if alarms else 'gone'}")
        return True

    until("the loop stops fighting", 60, stopped)


def tell(story):
    story.begin("loop's page")
    simulation = start(story)
    publish(story, simulation)
    address = f"127.0.0.1:{free_port()}"
    argv = [f"{BINARIES}/reconciler", "--endpoint-url", simulation.endpoint, "run", "--interval", "1s", "--listen", address]
    story.processes.start("loop", argv, environment(**AWS_ENVIRONMENT))

    def answers():
        try:
            return status(address, ROLLING).get("rollout")
        except OSError:
            return None

    story.processes.wait_for("loop", 40, answers)
    fight(simulation, address)
    browser = Browser(story.processes, environment())
    browser.open(f"http://{address}/", 1280, 900, "light")
    text = shows(browser, "2 units", "live", ROLLING, FOUGHT, "in progress", "hokusai-contracts-task:", "NotConverging",
                 "stopped", "Not tried any more",
                 "cloudwatch:PutMetricAlarm", "rollback to 2", "alice", "bob", "6c0ffee", "publication 6", "waits for a person")
    story.say("shows both units, the rollout, the conditions, what was done and what was published")
    require("markup is shown as text", MARKUP in text, text)
    found = browser.evaluate("document.querySelectorAll('main img, main b').length")
    require("no markup of a person's is in the page", found == 0, found)
    require("no script of a person's ran", browser.evaluate("document.title") == "Reconciler")
    legible_and_whole(browser, "loop")
    story.say("names stay text; legible and whole at 1280 and 400 px, light and dark: target/page/loop-*.png")

    browser.evaluate("document.querySelector('h1').dataset.kept = 'yes'")
    reconciler(simulation, "pause", FOUGHT, "--reason", "incident-12", "--author", "carol")
    shows(browser, "paused since", "by carol: incident-12")
    require("without loading anew", browser.evaluate("document.querySelector('h1').dataset.kept") == "yes")
    legible_and_whole(browser, "loop-paused")
    # Chromium logs what it cannot reach, so faults are counted before the loop goes.
    require("nothing went wrong in the browser", browser.faults == [], browser.faults)
    os.kill(next(child for name, child in story.processes.running if name == "loop").pid, 15)
    shows(browser, "the loop does not answer", "by carol: incident-12")
    story.say("follows a pause by itself, and says so when the loop is gone")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(run("loop-page-test", tell))
