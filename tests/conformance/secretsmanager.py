"""Secrets Manager: a secret with its versions and labels, its deletion and its return."""

import uuid


def drive(t):
    client = t.client("secretsmanager")
    name = t.unique("hokusai/key")
    tokens = [str(uuid.UUID(int=number)) for number in range(1, 6)]
    made = client.create_secret(
        Name=name, ClientRequestToken=tokens[0], SecretString='{"key":"one"}', Description="of a test",
        Tags=[{"Key": "app", "Value": "contracts"}])
    arn = made["ARN"]
    t.same("the ARN ends with six characters", arn[:-6],
           f"arn:aws:secretsmanager:us-east-1:{t.account['id']}:secret:{name}-")
    t.same("the token is the version's id", made["VersionId"], tokens[0])

    # A repeated creation.
    again = client.create_secret(Name=name, ClientRequestToken=tokens[0], SecretString='{"key":"one"}')
    t.same("the same creation again is the same secret", again["ARN"], arn)
    t.refused("another of the name", "ResourceExistsException", client.create_secret, http=400, Name=name,
              ClientRequestToken=tokens[1], SecretString="x")
    t.refused("a name with a space", "ValidationException", client.create_secret, Name="a b",
              ClientRequestToken=tokens[1], SecretString="x")
    t.refused("text and bytes at once", "InvalidParameterException", client.create_secret, Name=t.unique("both"),
              ClientRequestToken=tokens[1], SecretString="x", SecretBinary=b"x")
    t.refused("a short token", "InvalidParameterException", client.create_secret, Name=t.unique("token"),
              ClientRequestToken="short", SecretString="x")

    # Values.
    def current(**arguments):
        return {member: value for member, value in client.get_secret_value(**arguments).items()
                if member in ("Name", "SecretString", "SecretBinary", "VersionId", "VersionStages")}

    first = {"Name": name, "VersionId": tokens[0], "SecretString": '{"key":"one"}', "VersionStages": ["AWSCURRENT"]}
    for what, identifier in (("name", name), ("ARN", arn), ("ARN without its end", arn[:-7])):
        t.same(f"the value by {what}", current(SecretId=identifier), first)
    put = client.put_secret_value(SecretId=name, ClientRequestToken=tokens[1], SecretString="two")
    t.same("a new value is the current one", (put["VersionId"], put["VersionStages"]), (tokens[1], ["AWSCURRENT"]))
    t.same("the value is the new one", current(SecretId=name)["SecretString"], "two")
    previous = current(SecretId=name, VersionStage="AWSPREVIOUS")
    t.same("the old one is the previous one", (previous["SecretString"], previous["VersionStages"]),
           ('{"key":"one"}', ["AWSPREVIOUS"]))
    t.same("a value by its version", current(SecretId=name, VersionId=tokens[0])["SecretString"], '{"key":"one"}')
    staged = client.put_secret_value(
        SecretId=name, ClientRequestToken=tokens[2], SecretBinary=b"\x00\x01", VersionStages=["NEXT"])
    t.same("a label of one's own moves nothing else", (staged["VersionStages"], current(SecretId=name)["SecretString"]),
           (["NEXT"], "two"))
    t.same("bytes come back", current(SecretId=name, VersionStage="NEXT")["SecretBinary"], b"\x00\x01")
    t.refused("another value under the token", "ResourceExistsException", client.put_secret_value, SecretId=name,
              ClientRequestToken=tokens[1], SecretString="three")
    t.refused("no value", "InvalidRequestException", client.put_secret_value, SecretId=name,
              ClientRequestToken=tokens[3])
    t.refused("a label nobody has", "ResourceNotFoundException", client.get_secret_value, SecretId=name,
              VersionStage="NONE")
    t.refused("a version nobody has", "ResourceNotFoundException", client.get_secret_value, SecretId=name,
              VersionId=tokens[4])
    t.refused("a version without the label", "InvalidRequestException", client.get_secret_value, SecretId=name,
              VersionId=tokens[0], VersionStage="AWSCURRENT")
    t.refused("no such secret", "ResourceNotFoundException", client.get_secret_value, SecretId="absent")

    # Changes.
    updated = client.update_secret(
        SecretId=name, ClientRequestToken=tokens[3], SecretString="four", Description="changed")
    t.same("an update with a value is a version", updated["VersionId"], tokens[3])
    client.put_secret_value(SecretId=name, ClientRequestToken=tokens[1], SecretString="two")
    t.same("a repeated request moves no label back", current(SecretId=name)["SecretString"], "four")
    t.same("an update without a value is none", "VersionId" in client.update_secret(SecretId=name, Description="again"),
           False)
    t.refused("an update of nothing", "ResourceNotFoundException", client.update_secret, SecretId="absent",
              Description="x")
    described = client.describe_secret(SecretId=name)
    t.same("described", (described["Name"], described["ARN"], described["Description"], described["Tags"]),
           (name, arn, "again", [{"Key": "app", "Value": "contracts"}]))
    t.same("the labels of versions", described["VersionIdsToStages"],
           {tokens[3]: ["AWSCURRENT"], tokens[1]: ["AWSPREVIOUS"], tokens[2]: ["NEXT"]})
    t.same("nothing unset is described", {"KmsKeyId", "DeletedDate", "RotationRules"} & set(described), set())
    t.refused("no such secret to describe", "ResourceNotFoundException", client.describe_secret, SecretId="absent")
    versions = client.list_secret_version_ids(SecretId=name)["Versions"]
    t.same("versions with a label", {version["VersionId"] for version in versions},
           {tokens[1], tokens[2], tokens[3]})
    every = client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)["Versions"]
    t.same("and without", {version["VersionId"] for version in every}, set(tokens[:4]))
    t.refused("versions of nothing", "ResourceNotFoundException", client.list_secret_version_ids, SecretId="absent")

    # Tags.
    client.tag_resource(SecretId=arn, Tags=[{"Key": "app", "Value": "two"}, {"Key": "more", "Value": ""}])
    client.untag_resource(SecretId=arn, TagKeys=["more", "absent"])
    t.same("tags", client.describe_secret(SecretId=arn)["Tags"], [{"Key": "app", "Value": "two"}])
    t.refused("tags on nothing", "ResourceNotFoundException", client.tag_resource, SecretId="absent",
              Tags=[{"Key": "a", "Value": "b"}])
    t.refused("no tags off nothing", "ResourceNotFoundException", client.untag_resource, SecretId="absent", TagKeys=["a"])

    # Lists.
    others = [t.unique("hokusai/other") for _ in range(3)]
    for number, other in enumerate(others):
        client.create_secret(Name=other, ClientRequestToken=str(uuid.UUID(int=100 + number)))
    pages = client.get_paginator("list_secrets").paginate(
        Filters=[{"Key": "name", "Values": ["hokusai/other"]}], PaginationConfig={"PageSize": 2})
    t.same("secrets by the start of their name, in pages",
           [len(page["SecretList"]) for page in pages], [2, 1])
    listed = client.list_secrets(Filters=[{"Key": "tag-value", "Values": ["two"]}])["SecretList"]
    t.same("secrets by tag", [(one["Name"], one["SecretVersionsToStages"][tokens[3]]) for one in listed],
           [(name, ["AWSCURRENT"])])
    t.refused("an unknown filter", "ValidationException", client.list_secrets,
              Filters=[{"Key": "colour", "Values": ["x"]}])
    t.refused("a secret without a value", "ResourceNotFoundException", client.get_secret_value, SecretId=others[0])

    # Deletion and return.
    t.refused("two ways to delete", "InvalidParameterException", client.delete_secret, SecretId=name,
              RecoveryWindowInDays=7, ForceDeleteWithoutRecovery=True)
    t.refused("too short a window", "InvalidParameterException", client.delete_secret, SecretId=name,
              RecoveryWindowInDays=6)
    deleted = client.delete_secret(SecretId=name, RecoveryWindowInDays=7)
    t.same("what is deleted is named", (deleted["Name"], deleted["ARN"]), (name, arn))
    t.same("it is still described", "DeletedDate" in client.describe_secret(SecretId=name), True)
    t.same("it is not listed", name in [one["Name"] for one in client.list_secrets()["SecretList"]], False)
    t.same("unless asked for",
           name in [one["Name"] for one in client.list_secrets(IncludePlannedDeletion=True)["SecretList"]], True)
    t.refused("its value is out of reach", "InvalidRequestException", client.get_secret_value, SecretId=name)
    t.refused("its name is taken", "InvalidRequestException", client.create_secret, Name=name,
              ClientRequestToken=tokens[4], SecretString="x")
    t.refused("a second deletion", "InvalidRequestException", client.delete_secret, SecretId=name)
    client.restore_secret(SecretId=name)
    t.same("it is back", current(SecretId=name)["SecretString"], "four")
    t.refused("nothing to restore", "ResourceNotFoundException", client.restore_secret, SecretId="absent")
    client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    t.refused("gone for good", "ResourceNotFoundException", client.describe_secret, SecretId=name)
