"""STS: who am I. The one operation the simulator has."""

# GetCallerIdentity needs no permission and takes no input, so nothing a caller sends to it is wrong.
# https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
EXEMPT = {"GetCallerIdentity": "no input, no permission needed: only a bad signature is refused"}


def drive(t):
    identity = t.client("sts").get_caller_identity()
    t.same("account", identity["Account"], t.account["id"])
    t.same("ARN is of that account", identity["Arn"].split(":")[:5], ["arn", "aws", "iam", "", t.account["id"]])
