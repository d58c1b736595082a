#!/usr/bin/env python3
"""The policy `reconciler policy` prints, held to moto's IAM: each action is let through by it, and refused without it.

moto enforces actions only, of no resource but "*" and under no condition (moto/iam/access_control.py says so), so the
statements are given to it with "*"; that the resources are right is what tests/converge/rights.rs shows in the simulator. Of
an action whose operation moto lacks nothing is learned, and that is printed. Run by `make policy-test`, which installs moto
and builds the reconciler.

Exit status: 0 when every action moto knows was let through and refused as it should be, 1 otherwise.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

TOOLS = Path("target/tools/moto")
sys.path[:0] = [str(TOOLS.absolute()), "target/tools/python"]
os.environ.update(AWS_ACCESS_KEY_ID="root", AWS_SECRET_ACCESS_KEY="root", AWS_DEFAULT_REGION="us-east-1")

import boto3  # noqa: E402
from botocore.config import Config  # noqa: E402
from botocore.exceptions import ClientError  # noqa: E402
from moto import mock_aws  # noqa: E402
from moto.core import set_initial_no_auth_action_count  # noqa: E402

# Whatever the service, in IAM's words; a service of JSON has them inside its own error.
DENIED = "is not authorized to perform"
# boto3's name of a service whose IAM prefix is another.
CLIENTS = {"elasticloadbalancing": "elbv2"}
# What stands in the path of a REST request, which is not sent without.
IN_PATH = {"route53:ListResourceRecordSets": {"HostedZoneId": "Z1"}}
# Rights with no operation of their own: moto asks for none of them with another call.
ASKED_WITH_ANOTHER = {"iam:PassRole"}
# moto serves these without asking IAM at all.
NEVER_ASKED = {"route53"}
# moto asks for the right of the name that requests are signed for, not of IAM's prefix.
OTHER_PREFIX = {"cloudwatch": "monitoring"}


def policy():
    """The printed policy's actions."""
    printed = subprocess.run(["target/debug/reconciler", "policy", "manifests/development.yaml"], check=True, capture_output=True)
    statements = json.loads(printed.stdout)["Statement"]
    return sorted({action for statement in statements for action in statement["Action"]})


def session(actions):
    """The credentials of a role with these rights and no other."""
    iam, sts = boto3.client("iam"), boto3.client("sts")
    trust = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"}}]}
    role = iam.create_role(RoleName="reconciler", AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    rights = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}]}
    iam.put_role_policy(RoleName="reconciler", PolicyName="rights", PolicyDocument=json.dumps(rights))
    given = sts.assume_role(RoleArn=role, RoleSessionName="reconcile")["Credentials"]
    return {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"],
            "aws_session_token": given["SessionToken"]}


# Making the role, its rights and its session: three calls before moto begins to ask.
SETUP_CALLS = 3


@mock_aws
@set_initial_no_auth_action_count(SETUP_CALLS)
def verdict(action, actions):
    """What moto says of one action's operation to a role with these rights: "refused", "let through", or why not."""
    prefix, operation = action.split(":")
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    client = boto3.client(CLIENTS.get(prefix, prefix), config=config, **session(actions))
    names = {client.meta.method_to_api_mapping[name]: name for name in client.meta.method_to_api_mapping}
    if operation not in names:
        return "is no operation"
    try:
        getattr(client, names[operation])(**IN_PATH.get(action, {}))
    except ClientError as error:
        # EC2 names nobody.
        if DENIED in str(error) or "UnauthorizedOperation" in str(error):
            return "refused"
        if "not been implemented" in str(error) or "NotImplemented" in str(error):
            return "not in moto"
    except NotImplementedError:
        return "not in moto"
    except Exception:  # noqa: BLE001 past IAM, moto stumbles over a request without members, each time in its own way
        return "let through"
    return "let through"


def main():
    """Tries every action with the whole policy, and with all of it but that action."""
    actions = policy()
    given = [f"{OTHER_PREFIX.get(a.split(':')[0], a.split(':')[0])}:{a.split(':')[1]}" for a in actions]
    tried, wrong, unlearned = 0, [], {}
    for action, own in zip(actions, given, strict=True):
        if action in ASKED_WITH_ANOTHER:
            unlearned[action] = "asked with another call"
            continue
        whole = verdict(action, given)
        if whole not in ("let through", "refused"):
            unlearned[action] = whole
            continue
        less = verdict(action, [right for right in given if right != own])
        if action.split(":")[0] in NEVER_ASKED and less == "let through":
            unlearned[action] = "moto asks IAM nothing for this service"
            continue
        tried += 1
        if (whole, less) != ("let through", "refused"):
            wrong.append(f"{action}: {whole} with the policy, {less} without this right")
    for action, why in unlearned.items():
        print(f"nothing learned of {action}: {why}")
    for line in wrong:
        print(line)
    right = f"{tried} of {len(actions)} actions let through by the policy and refused without it"
    print(f"{len(wrong)} wrong" if wrong else right)
    sys.exit(bool(wrong) or not tried)


main()
