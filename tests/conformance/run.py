#!/usr/bin/env python3
"""Drives the simulator through boto3: one script a service, tests/conformance/<service>.py (boto3's name, `-` written `_`).

A script has `def drive(t)`, in which every operation that the simulator knows is once answered and once refused; t is
harness/drive.py's Drive. Where that cannot be, EXEMPT = {"Operation": "reason"} says why. Each script gets a simulator of
its own.
Prints a line a check. Exit status: 0 when all passed and nothing is left out, 1 otherwise, 2 for a wrong command line.

    tests/conformance/run.py [--json] [--no-coverage] SERVICE...
    tests/conformance/run.py cli defaults           the AWS CLI; every row of the simulator's table of defaults
    tests/conformance/run.py --moto [SERVICE...]    the same scripts against moto: see harness/moto.py
"""

import argparse
import importlib.util
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path[:0] = [str(HERE), str(ROOT / "scripts"), str(ROOT / "target/tools/python")]
# A developer's own profile must not lead a client elsewhere, nor his proxy.
os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull, AWS_EC2_METADATA_DISABLED="true",
                  NO_PROXY="*")
try:
    from harness import account, coverage
    from harness.drive import Drive
except ModuleNotFoundError as missing:
    sys.exit(f"{missing}: run scripts/install.sh")
from local.environment import BINARIES, environment  # noqa: E402
from local.processes import Processes  # noqa: E402


# Scripts that are of no one service.
OTHERS = ("cli", "defaults", "services")


def scripts():
    """Service (boto3's name) to script."""
    return {path.stem.replace("_", "-"): path for path in sorted(HERE.glob("*.py")) if path.stem not in ("run", *OTHERS)}


def load(path):
    spec = importlib.util.spec_from_file_location(f"conformance_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def simulator(processes):
    """Starts one; gives its endpoint."""
    state = Path(processes.directory)
    binary = os.environ.get("SIMULATOR", f"{BINARIES}/simulator")
    # What runs as the image ends at once and well.
    argv = [binary, "--account", account.FILE, "--state", state, "--image", "hokusai/contracts=/bin/true"]
    processes.start("simulator", argv, environment())
    ready = state / "ready.json"
    processes.wait_for("simulator", 20, ready.exists)
    return json.loads(ready.read_text())["endpoint"]


def drive(service, path, quiet, covered):
    """Runs one script against a simulator of its own; gives what it found as data."""
    with tempfile.TemporaryDirectory() as directory:
        processes = Processes(directory)
        try:
            endpoint = simulator(processes)
            t, script, stopped = Drive(endpoint, account.simulated(), quiet), load(path), None
            try:
                script.drive(t)
            except Exception:  # noqa: BLE001 - a script may fail in any way, and that is its result
                stopped = traceback.format_exc()
            known = coverage.operations(endpoint, service) if covered and not stopped else set()
        finally:
            processes.stop({})
    gaps = coverage.gaps(t, service, known, getattr(script, "EXEMPT", {})) if covered and not stopped else []
    return {
        "service": service,
        "checks": [{"name": one.name, "ok": one.ok, "got": repr(one.got), "want": repr(one.want)} for one in t.checks],
        "operations": sorted(known),
        "gaps": gaps,
        "stopped": stopped,
        "ok": bool(t.checks) and all(one.ok for one in t.checks) and not gaps and not stopped,
    }


def against_moto(services):
    from harness import moto

    chosen = {service: path for service, path in scripts().items() if not services or service in services}
    with tempfile.TemporaryDirectory() as directory:
        processes = Processes(directory)
        try:
            complaints = moto.compare(chosen, processes, whole=not services)
        finally:
            processes.stop({})
    print("".join(f"FAIL {complaint}\n" for complaint in complaints), end="")
    return 1 if complaints else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("services", nargs="*", metavar="SERVICE", help=", ".join(scripts()))
    parser.add_argument("--json", action="store_true", help="one document on stdout instead of lines")
    parser.add_argument("--no-coverage", action="store_true", help="while a script is being written")
    parser.add_argument("--moto", action="store_true", help="against moto; of all, it writes docs/conformance.md")
    arguments = parser.parse_args()
    paths = {**scripts(), **{name: HERE / f"{name}.py" for name in OTHERS}}
    if unknown := set(arguments.services) - set(paths):
        parser.error(f"no script for {', '.join(sorted(unknown))}")
    os.chdir(ROOT)
    if arguments.moto:
        return against_moto(arguments.services)
    if not arguments.services:
        parser.error("name a SERVICE")
    results = []
    for service in arguments.services:
        covered = service not in OTHERS and not arguments.no_coverage
        result = drive(service, paths[service], arguments.json, covered)
        results.append(result)
        if not arguments.json:
            passed = sum(check["ok"] for check in result["checks"])
            print("".join(f"FAIL {gap}\n" for gap in result["gaps"]) + (result["stopped"] or ""), end="")
            print(f"{service}: {passed} of {len(result['checks'])} checks passed, {len(result['operations'])} operations, "
                  f"{len(result['gaps'])} left out")
    if arguments.json:
        json.dump(results, sys.stdout, indent=1)
        print()
    return 0 if all(result["ok"] for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
