"""STS: who am I. The one operation the simulator has."""

# GetCallerIdentity needs no permission and takes no input, so nothing a caller sends to it is wrong.
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
EXEMPT = {"GetCallerIdentity": "no input, no permission needed: only a bad signature is refused"}


def drive(t):
    identity = t.client("sts").get_caller_identity()
    t.same("account", identity["Account"], t.account["id"])
    # After `arn:aws:iam` for a user, after `arn:aws:sts` for an assumed role.
    t.same("ARN is of that account", identity["Arn"].split(":")[3:5], ["", t.account["id"]])
