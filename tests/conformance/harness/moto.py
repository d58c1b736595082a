"""The same scripts against moto, another emulator, and what it answers otherwise than ours.

Every difference must be in moto.yaml, `service: {check: why ours is right, with AWS's page}`, and each one there must still
be a difference. What moto has not implemented is found by itself. Writes docs/conformance.md.
"""

import json
import re
import sys
import urllib.request
from pathlib import Path

import yaml
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError
from local.environment import environment
from local.processes import free_port, listens

from . import account, forgiving
from .drive import Check, Drive

LISTED = Path("tests/conformance/moto.yaml")
TABLE = Path("docs/conformance.md")
TOOLS = Path("target/tools/moto")


class Lacking(Exception):
    """moto has no such operation, or falls over it."""


class MotoDrive(Drive):
    """Forgives what a straight script would stop at, and keeps what it was."""

    def __init__(self, endpoint, held):
        super().__init__(endpoint, held, quiet=True)
        self.lacking = set()
        self.unreached = set()
        self._reply = (0, b"")

    def until(self, name, look, want, /, seconds=20):
        """moto does at once what it does at all."""
        super().until(name, look, want, seconds=min(seconds, 1))

    def _client(self, service, validated):
        client = super()._client(service, validated)
        client.meta.events.register("before-parse", self._seen, unique_id="seen")
        return client

    def _seen(self, response_dict, **_):
        self._reply = response_dict["status_code"], bytes(response_dict["body"])

    def call(self, service, operation, send):
        self._reply = (0, b"")
        try:
            return super().call(service, operation, send)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            status, body = self._reply
            # An exception inside moto comes as Flask's or Werkzeug's HTML page, or names itself.
            html = body.lstrip()[:9].lower() in (b"<!doctype", b"<html lan", b"<html>\n")
            if status >= 500 or (status in (404, 405) and html) or b"NotImplemented" in body:
                self.lacking.add(operation)
                raise Lacking(f"{operation}: {status}") from error
            raise

    def forgive(self, statement, checks):
        """A statement raised: whose doing is it?"""
        error = sys.exc_info()[1]
        follows = isinstance(error, NameError) or (isinstance(error, TypeError) and "NoneType" in str(error))
        # A client of the script's own, whose calls are not seen.
        broken = isinstance(error, ResponseParserError) or getattr(error, "response", {}).get("Error", {}).get("Code") == "500"
        if isinstance(error, Lacking) or follows or broken:
            self.unreached.update(checks)
            return
        if isinstance(error, ClientError):
            got = f"refused: {error.response['Error']['Code']}"
            checks = checks or [f"call {error.operation_name}"]
        else:
            got = f"{type(error).__name__}: {error}"
            checks = checks or [statement]
        for name in checks:
            if not any(check.name == name for check in self.checks):
                self._record(Check(name, False, got, "accepted" if isinstance(error, ClientError) else "present"))


def start(processes):
    """Starts moto; gives its endpoint."""
    if not TOOLS.is_dir():
        sys.exit("moto is not installed: run scripts/install.sh moto")
    port = free_port()
    argv = ["python3", TOOLS / "bin/moto_server", "-H", "127.0.0.1", "-p", port]
    own = {"PYTHONPATH": str(TOOLS.absolute()), "MOTO_ACCOUNT_ID": account.simulated()["id"], "NO_PROXY": "*",
           "MOTO_IAM_LOAD_MANAGED_POLICIES": "true", "PYTHONDONTWRITEBYTECODE": "1",
           # Some of its lists are in the order of a Python set.
           "PYTHONHASHSEED": "0"}
    processes.start("moto", argv, environment(**own))
    processes.wait_for("moto", 60, lambda: listens(port))
    return f"http://127.0.0.1:{port}"


def compare(scripts, processes, whole):
    """Runs the scripts; gives complaints as sentences, none when all is as listed. Of the `whole` it writes the document."""
    endpoint = start(processes)
    listed = yaml.safe_load(LISTED.read_text()) or {}
    complaints = [f"{LISTED}: no script is called {service}" for service in listed if whole and service not in scripts]
    sections = []
    for service, path in scripts.items():
        # The seed decides its ids, and with them the order of some lists.
        for order in ("reset", "seed?a=1"):
            urllib.request.urlopen(urllib.request.Request(f"{endpoint}/moto-api/{order}", method="POST"), timeout=20).close()
        t = MotoDrive(endpoint, account.furnish(endpoint))
        forgiving.load(path, t.forgive).drive(t)
        reasons = listed.get(service) or {}
        differing = {check.name: check for check in t.checks if not check.ok}
        complaints += [f"{service}: {name!r} differs and is not in {LISTED}: moto {shown(check.got)}, wanted {shown(check.want)}"
                       for name, check in differing.items() if name not in reasons]
        complaints += [f"{service}: {name!r} is in {LISTED} and does not differ" for name in reasons if name not in differing]
        complaints += [f"{service}: {name!r} in {LISTED} cites no page of AWS" for name, reason in reasons.items()
                       if not re.search(r"https://[a-z0-9.]*(aws\.amazon\.com|awsstatic\.com|github\.com/(aws|boto))", reason)]
        sections.append(section(service, t, reasons, differing))
        print(f"{service}: {len(t.checks) - len(differing)} checks agree, {len(differing)} differ, {len(t.unreached)} not "
              f"reached; HTTP 500 from: {', '.join(sorted(t.lacking)) or 'nothing'}", flush=True)
    if whole:
        TABLE.write_text(HEAD + "".join(sections))
    return complaints


HEAD = """# Where another emulator answers otherwise

Written by `make conformance`, which runs the scripts of tests/conformance through boto3 against the simulator and against
moto 5.2.5. Below is where moto differs, and why ours is kept. A difference not listed in tests/conformance/moto.yaml fails
the run, as does a listed one that is gone. Ids are shortened to `…`.
"""


def section(service, t, reasons, differing):
    """One service's part of the document."""
    text = f"\n## {service}\n\n{len(t.checks) - len(differing)} checks agree, {len(differing)} differ.\n"
    never = {name for name in t.lacking if not t.answered[service, name] and not t.refusals[service, name]}
    for what, operations in (("Not implemented in moto", never), ("Answered once or more with HTTP 500", t.lacking - never)):
        if operations:
            text += f"{what}: {', '.join(sorted(operations))}.\n"
    if differing:
        text += "\n| check | ours | moto | why ours |\n|---|---|---|---|\n"
    for name, check in sorted(differing.items()):
        reason = reasons.get(name, "**not explained**")
        text += "| " + " | ".join(cell(part) for part in (name, shown(check.want), shown(check.got), reason)) + " |\n"
    return text


def shown(value):
    """A value without what changes from run to run, and not too long."""
    text = value if isinstance(value, str) else json.dumps(value, default=str, sort_keys=True)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ][0-9:.]+(\+00:00)?", "…", text)
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|\b(?=[a-f]*\d)[0-9a-f]{12,}\b|\b(?=[a-zA-Z]*\d)[a-zA-Z0-9]{24,}\b", "…", text)
    text = re.sub(r"\b(srv|ns)-[a-z0-9]{8,}\b", r"\1-…", text)
    return text if len(text) <= 160 else text[:159] + "…"


def cell(text):
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
