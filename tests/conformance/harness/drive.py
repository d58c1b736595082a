"""What a service's script gets as `t`: boto3 clients of the endpoint under test, and the checks.

Takes an endpoint and what the account holds, keeps every check's result and how often each operation was answered and
refused. It decides nothing about AWS: what must be equal, and which code a refusal must have, is the scripts' to say.
"""

import sys
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

REGION = "us-east-1"


@dataclass
class Check:
    """One comparison: `got` and `want` are values, or for refusals sentences."""

    name: str
    ok: bool
    got: Any
    want: Any


class Drive:
    """`t`. One per service and run."""

    def __init__(self, endpoint, account=None, quiet=False):
        self.endpoint = endpoint
        # What exists before: see account.py.
        self.account = account or {}
        self.checks = []
        self.answered = Counter()
        self.refusals = Counter()
        self._quiet = quiet
        self._clients = {}
        self._names = Counter()

    def client(self, service):
        """A client that refuses what its model does not allow, so that a slip of the script is not taken for AWS's no."""
        return self._client(service, True)

    def same(self, name, got, want, /):
        """`got` must equal `want`."""
        self._record(Check(name, got == want, got, want))

    def refused(self, name, code, call, /, http=None, **arguments):
        """The call must be refused with this code, by the service: the client's own validation does not see it."""
        want = code if http is None else f"{code}, HTTP {http}"
        unchecked = getattr(self._client(call.__self__.meta.service_model.service_name, False), call.__name__)
        try:
            unchecked(**arguments)
            got = "accepted"
        except ClientError as error:
            got = error.response["Error"]["Code"]
            if http is not None:
                got += f", HTTP {error.response['ResponseMetadata']['HTTPStatusCode']}"
            if got != want:
                # Why, for whoever reads the failure; the comparison is of the code.
                got += f" ({error.response['Error'].get('Message')})"
        self._record(Check(name, got == want, got, want))

    def until(self, name, look, want, /, seconds=20):
        """What `look` gives must come to equal `want`: for what AWS does after it has answered."""
        deadline = time.monotonic() + seconds
        while (got := look()) != want and time.monotonic() < deadline:
            time.sleep(0.1)
        self.same(name, got, want)

    def unique(self, prefix):
        """A name nobody else in this run has."""
        self._names[prefix] += 1
        return f"{prefix}-{self._names[prefix]}"

    def call(self, service, operation, send):
        """One call, counted. Whoever drives another endpoint than ours may look at it on the way."""
        try:
            reply = send()
        except ClientError:
            self.refusals[service, operation] += 1
            raise
        self.answered[service, operation] += 1
        return reply

    def _record(self, check):
        if any(one.name == check.name for one in self.checks):
            check = Check(check.name, False, "a second check of this name", "one")
        self.checks.append(check)
        if not self._quiet:
            verdict = "PASS" if check.ok else "FAIL"
            print(f"{verdict} {check.name}", file=sys.stdout)
            if not check.ok:
                print(f"     got  {check.got!r}\n     want {check.want!r}", file=sys.stdout)

    def _client(self, service, validated):
        key = service, validated
        if key not in self._clients:
            client = bare_client(self.endpoint, service, validated)
            send = client._make_api_call
            # Methods, paginators and waiters all come through here.
            client._make_api_call = lambda operation, arguments: self.call(
                service, operation, lambda: send(operation, arguments))
            self._clients[key] = client
        return self._clients[key]


def bare_client(endpoint, service, validated=True):
    """A boto3 client that tries once and gives up soon. Its key is the account file's first."""
    config = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20, max_pool_connections=1,
                    parameter_validation=validated, inject_host_prefix=False)
    return boto3.client(service, endpoint_url=endpoint, region_name=REGION, aws_access_key_id="demo",
                        aws_secret_access_key="demo", config=config)
