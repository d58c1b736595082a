"""STS: who am I, and sessions of roles."""

import json
from datetime import datetime, timedelta, UTC

# GetCallerIdentity needs no permission and takes no input, so nothing a caller sends to it is wrong.
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
EXEMPT = {"GetCallerIdentity": "no input, no permission needed: only a bad signature is refused"}


def trust(principal, **condition):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal}
    if condition:
        statement["Condition"] = condition
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def drive(t):
    client, iam = t.client("sts"), t.client("iam")
    identity = client.get_caller_identity()
    t.same("account", identity["Account"], t.account["id"])
    t.same("ARN is of that account", identity["Arn"].split(":")[:5], ["arn", "aws", "iam", "", t.account["id"]])

    root = f"arn:aws:iam::{t.account['id']}:root"
    make = lambda document, **more: iam.create_role(
        RoleName=t.unique("assumed"), AssumeRolePolicyDocument=document, **more)["Role"]
    role = make(trust({"AWS": root}), MaxSessionDuration=7200)
    session = client.assume_role(RoleArn=role["Arn"], RoleSessionName="here", DurationSeconds=7200)
    t.same("session: whose it is", session["AssumedRoleUser"], {
        "AssumedRoleId": f"{role['RoleId']}:here",
        "Arn": f"arn:aws:sts::{t.account['id']}:assumed-role/{role['RoleName']}/here"})
    credentials = session["Credentials"]
    t.same("session: a temporary key", [credentials["AccessKeyId"][:4], len(credentials["AccessKeyId"])], ["ASIA", 20])
    left = credentials["Expiration"] - datetime.now(UTC)
    t.same("session: as long as asked for", timedelta(hours=1) < left <= timedelta(hours=2, seconds=5), True)
    short = client.assume_role(RoleArn=role["Arn"], RoleSessionName="here")["Credentials"]
    t.same("session: an hour by default", short["Expiration"] - datetime.now(UTC) <= timedelta(hours=1, seconds=5), True)
    t.same("session: a key of its own", short["AccessKeyId"] != credentials["AccessKeyId"], True)

    guarded = make(trust({"AWS": t.account["id"]}, StringEquals={"sts:ExternalId": "secret-word"}))
    t.same("session: with the external id", client.assume_role(
        RoleArn=guarded["Arn"], RoleSessionName="here", ExternalId="secret-word")["AssumedRoleUser"]["Arn"].split("/")[-1],
                   "here")
    t.refused("session: with another external id", "AccessDenied", client.assume_role, http=403, RoleArn=guarded["Arn"],
              RoleSessionName="here", ExternalId="other")
    t.refused("session: without the external id", "AccessDenied", client.assume_role, http=403, RoleArn=guarded["Arn"],
              RoleSessionName="here")
    service = make(trust({"Service": "ecs-tasks.amazonaws.com"}))
    t.refused("session: a role for a service only", "AccessDenied", client.assume_role, http=403, RoleArn=service["Arn"],
              RoleSessionName="here")
    other = make(trust({"AWS": "arn:aws:iam::111122223333:root"}))
    t.refused("session: a role for another account", "AccessDenied", client.assume_role, http=403, RoleArn=other["Arn"],
              RoleSessionName="here")
    t.refused("session: a role that is not there", "AccessDenied", client.assume_role, http=403,
              RoleArn=role["Arn"] + "x", RoleSessionName="here")
    for wrong, changed in {
        "longer than the role allows": dict(DurationSeconds=7201), "shorter than 15 minutes": dict(DurationSeconds=899),
        "a name with a space": dict(RoleSessionName="a b"), "no ARN": dict(RoleArn="role"),
        "an ARN of something else": dict(RoleArn="arn:aws:s3:::bucket-of-mine"),
    }.items():
        t.refused(f"session: {wrong}", "ValidationError", client.assume_role,
                  **{"RoleArn": role["Arn"], "RoleSessionName": "here", **changed})
    for each in (role, guarded, service, other):
        iam.delete_role(RoleName=each["RoleName"])
