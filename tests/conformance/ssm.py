"""SSM Parameter Store: values, versions, labels, tiers, policies, tags."""

import json
from datetime import datetime, timedelta, UTC


def drive(t):
    client = t.client("ssm")
    values(t, client)
    versions(t, client)
    labels(t, client)
    version_limit(t, client)
    paths(t, client)
    filters(t, client)
    tiers(t, client)
    policies(t, client)
    tags(t, client)
    names(t, client)


def put(client, name, value="v", kind="String", **more):
    return client.put_parameter(Name=name, Value=value, Type=kind, **more)


def values(t, client):
    name = "/" + t.unique("values") + "/a"
    made = put(client, name, Description="d")
    t.same("put: version and tier", [made["Version"], made["Tier"]], [1, "Standard"])
    found = client.get_parameter(Name=name)["Parameter"]
    t.same("get", [found[key] for key in ("Name", "Type", "Value", "Version", "DataType")], [name, "String", "v", 1, "text"])
    t.same("get: the ARN has one slash", found["ARN"].endswith(f":parameter{name}"), True)
    t.same("get by ARN", client.get_parameter(Name=found["ARN"])["Parameter"]["Value"], "v")
    secure = name + "/secure"
    put(client, secure, "secret", "SecureString")
    t.same("secure: not told", client.get_parameter(Name=secure)["Parameter"]["Value"] == "secret", False)
    t.same("secure: decrypted", client.get_parameter(Name=secure, WithDecryption=True)["Parameter"]["Value"], "secret")
    t.same("secure: AWS's own key", describe(client, secure)["KeyId"], "alias/aws/ssm")
    listed = name + "/list"
    put(client, listed, "a,b", "StringList")
    t.same("list: one text", client.get_parameter(Name=listed)["Parameter"]["Value"], "a,b")
    many = client.get_parameters(Names=[name, secure, name + "x"], WithDecryption=True)
    t.same("get many", [sorted(each["Value"] for each in many["Parameters"]), many["InvalidParameters"]],
           [["secret", "v"], [name + "x"]])
    pattern = name + "/pattern"
    put(client, pattern, "12", AllowedPattern="^[0-9]+$")
    t.same("pattern: read", describe(client, pattern)["AllowedPattern"], "^[0-9]+$")
    t.refused("pattern: a value that does not match", "ParameterPatternMismatchException", client.put_parameter, Name=pattern,
              Value="ab", Overwrite=True)
    t.refused("pattern: a first value that does not match", "ParameterPatternMismatchException", client.put_parameter,
              Name=pattern + "x", Value="ab", Type="String", AllowedPattern="^[0-9]+$")
    t.refused("pattern: none", "InvalidAllowedPatternException", client.put_parameter, Name=pattern + "x", Value="a",
              Type="String", AllowedPattern="(")
    t.refused("put: exists", "ParameterAlreadyExists", client.put_parameter, Name=name, Value="w", Type="String")
    t.refused("put: another type", "HierarchyTypeMismatchException", client.put_parameter, Name=name, Value="w",
              Type="SecureString", Overwrite=True)
    t.refused("put: no type", "ValidationException", client.put_parameter, Name=name + "x", Value="w")
    t.refused("put: an unknown type", "ValidationException", client.put_parameter, Name=name + "x", Value="w", Type="Number")
    t.refused("put: an empty value", "ValidationException", client.put_parameter, Name=name + "x", Value="", Type="String")
    t.refused("put: an unknown data type", "ValidationException", client.put_parameter, Name=name + "x", Value="w",
              Type="String", DataType="picture")
    t.refused("put: tags and overwrite", "ValidationException", client.put_parameter, Name=name, Value="w", Type="String",
              Overwrite=True, Tags=[{"Key": "a", "Value": "1"}])
    t.refused("get: not there", "ParameterNotFound", client.get_parameter, Name=name + "x")
    t.refused("get many: eleven", "ValidationException", client.get_parameters, Names=[f"/n{at}" for at in range(11)])
    deleted = client.delete_parameters(Names=[secure, listed, name + "x"])
    t.same("delete many", [sorted(deleted["DeletedParameters"]), deleted["InvalidParameters"]],
           [sorted([secure, listed]), [name + "x"]])
    t.refused("delete many: eleven", "ValidationException", client.delete_parameters, Names=[f"/n{at}" for at in range(11)])
    client.delete_parameter(Name=name)
    client.delete_parameter(Name=pattern)
    t.refused("delete: not there", "ParameterNotFound", client.delete_parameter, Name=name)


def describe(client, name):
    return client.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"][0]


def versions(t, client):
    name = "/" + t.unique("versions")
    put(client, name, "one", Description="d")
    t.same("overwrite: the next version", put(client, name, "two", Overwrite=True)["Version"], 2)
    t.same("overwrite: without a type", client.put_parameter(Name=name, Value="three", Overwrite=True)["Version"], 3)
    history = client.get_parameter_history(Name=name)["Parameters"]
    t.same("history: the oldest first", [(each["Version"], each["Value"]) for each in history],
           [(1, "one"), (2, "two"), (3, "three")])
    t.same("history: no labels", [each.get("Labels") for each in history], [[], [], []])
    first = client.get_parameter_history(Name=name, MaxResults=2)
    rest = client.get_parameter_history(Name=name, NextToken=first["NextToken"])
    t.same("history: by pages", [len(first["Parameters"]), len(rest["Parameters"])], [2, 1])
    found = client.get_parameter(Name=f"{name}:2")["Parameter"]
    t.same("selector: a version", [found["Value"], found["Version"], found["Selector"]], ["two", 2, ":2"])
    t.refused("selector: a version that is not there", "ParameterVersionNotFound", client.get_parameter, Name=f"{name}:9")
    t.refused("history: not there", "ParameterNotFound", client.get_parameter_history, Name=name + "x")
    t.refused("history: a page of 51", "ValidationException", client.get_parameter_history, Name=name, MaxResults=51)
    client.delete_parameter(Name=name)


def labels(t, client):
    name = "/" + t.unique("labels")
    put(client, name, "one")
    put(client, name, "two", Overwrite=True)
    label = lambda **arguments: client.label_parameter_version(Name=name, **arguments)
    t.same("label: the newest version", label(Labels=["live"])["ParameterVersion"], 2)
    found = client.get_parameter(Name=f"{name}:live")["Parameter"]
    t.same("selector: a label", [found["Value"], found["Selector"]], ["two", ":live"])
    t.same("label: bad ones come back", label(ParameterVersion=1, Labels=["old", "1st", "awsome", "a b"])["InvalidLabels"],
           ["1st", "awsome", "a b"])
    label(ParameterVersion=1, Labels=["live"])
    t.same("label: it moves", [sorted(each["Labels"]) for each in client.get_parameter_history(Name=name)["Parameters"]],
           [["live", "old"], []])
    t.refused("selector: a label that is nowhere", "ParameterVersionNotFound", client.get_parameter, Name=f"{name}:other")
    t.refused("label: a version that is not there", "ParameterVersionNotFound", client.label_parameter_version, Name=name,
              ParameterVersion=9, Labels=["a"])
    t.refused("label: an eleventh", "ParameterVersionLabelLimitExceeded", client.label_parameter_version, Name=name,
              ParameterVersion=1, Labels=[f"l{at}" for at in range(9)])
    t.refused("label: nothing there", "ParameterNotFound", client.label_parameter_version, Name=name + "x", Labels=["a"])
    removed = client.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["old", "never"])
    t.same("unlabel", [removed["RemovedLabels"], removed["InvalidLabels"]], [["old"], ["never"]])
    t.refused("unlabel: a version that is not there", "ParameterVersionNotFound", client.unlabel_parameter_version, Name=name,
              ParameterVersion=9, Labels=["a"])
    client.delete_parameter(Name=name)


def version_limit(t, client):
    name = "/" + t.unique("limit")
    put(client, name)
    client.label_parameter_version(Name=name, Labels=["first"])
    for _ in range(99):
        put(client, name, Overwrite=True)
    t.refused("101 versions, the oldest labelled", "ParameterMaxVersionLimitExceeded", client.put_parameter, Name=name,
              Value="v", Overwrite=True)
    client.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["first"])
    t.same("101 versions", put(client, name, Overwrite=True)["Version"], 101)
    t.same("the oldest is gone", client.get_parameter_history(Name=name, MaxResults=1)["Parameters"][0]["Version"], 2)
    client.delete_parameter(Name=name)


def paths(t, client):
    root = "/" + t.unique("paths")
    for name in ("a", "b", "deep/c"):
        put(client, f"{root}/{name}", name)
    put(client, f"{root}/secret", "s", "SecureString")
    client.label_parameter_version(Name=f"{root}/b", Labels=["live"])
    put(client, f"{root}/b", "b2", Overwrite=True)
    below = lambda **arguments: [each["Value"] for each in client.get_parameters_by_path(
        Path=root, WithDecryption=True, **arguments)["Parameters"]]
    t.same("by path", below(), ["a", "b2", "s"])
    t.same("by path, all below", below(Recursive=True), ["a", "b2", "deep/c", "s"])
    t.same("by path and type", below(ParameterFilters=[{"Key": "Type", "Values": ["SecureString"]}]), ["s"])
    t.same("by path and label", below(ParameterFilters=[{"Key": "Label", "Values": ["live"]}]), ["b"])
    pages = client.get_paginator("get_parameters_by_path").paginate(
        Path=root, Recursive=True, PaginationConfig={"PageSize": 3})
    t.same("by path and page", [len(page["Parameters"]) for page in pages], [3, 1])
    t.refused("by path: eleven a page", "ValidationException", client.get_parameters_by_path, Path=root, MaxResults=11)
    t.refused("by path: no slash", "ValidationException", client.get_parameters_by_path, Path="paths")
    t.refused("by path: a key it does not filter by", "InvalidFilterKey", client.get_parameters_by_path, Path=root,
              ParameterFilters=[{"Key": "Tier", "Values": ["Standard"]}])
    t.refused("by path: a token never given", "InvalidNextToken", client.get_parameters_by_path, Path=root, NextToken="x")
    client.delete_parameters(Names=[f"{root}/{name}" for name in ("a", "b", "deep/c", "secret")])


def filters(t, client):
    root = "/" + t.unique("filters")
    put(client, f"{root}/a", Tags=[{"Key": "unit", "Value": root}])
    put(client, f"{root}/b/c", "s", "SecureString")
    put(client, f"{root}/d", "x" * 5000, Tier="Advanced")
    found = lambda *wanted: [each["Name"][len(root):] for each in client.describe_parameters(
        ParameterFilters=[{"Key": "Name", "Option": "BeginsWith", "Values": [root]}, *wanted])["Parameters"]]
    t.same("filter: by the name's beginning", found(), ["/a", "/b/c", "/d"])
    t.same("filter: by a part of the name", found({"Key": "Name", "Option": "Contains", "Values": ["b/"]}), ["/b/c"])
    t.same("filter: by type", found({"Key": "Type", "Values": ["SecureString"]}), ["/b/c"])
    t.same("filter: by tier", found({"Key": "Tier", "Values": ["Advanced"]}), ["/d"])
    t.same("filter: by path", found({"Key": "Path", "Values": [root]}), ["/a", "/d"])
    t.same("filter: by path, all below", found({"Key": "Path", "Option": "Recursive", "Values": [root]}),
           ["/a", "/b/c", "/d"])
    t.same("filter: by tag", found({"Key": "tag:unit", "Values": [root]}), ["/a"])
    shown = describe(client, f"{root}/d")
    t.same("describe: no value", [shown.get("Value"), shown["Tier"], shown["Policies"]], [None, "Advanced", []])
    t.refused("filter: an unknown option", "InvalidFilterOption", client.describe_parameters,
              ParameterFilters=[{"Key": "Type", "Option": "Contains", "Values": ["S"]}])
    t.refused("filter: an unknown key", "ValidationException", client.describe_parameters,
              ParameterFilters=[{"Key": "Colour", "Values": ["red"]}])
    t.refused("filter: a key of another operation", "InvalidFilterKey", client.describe_parameters,
              ParameterFilters=[{"Key": "Label", "Values": ["live"]}])
    t.refused("describe: a page of 51", "ValidationException", client.describe_parameters, MaxResults=51)
    client.delete_parameters(Names=[f"{root}/{name}" for name in ("a", "b/c", "d")])


def tiers(t, client):
    name = "/" + t.unique("tiers")
    t.refused("standard: 5 KB", "ValidationException", client.put_parameter, Name=name, Value="x" * 5000, Type="String")
    t.refused("advanced: 9 KB", "ValidationException", client.put_parameter, Name=name, Value="x" * 9000, Type="String",
              Tier="Advanced")
    t.same("intelligent: small", put(client, name, Tier="Intelligent-Tiering")["Tier"], "Standard")
    t.same("intelligent: 5 KB", put(client, name, "x" * 5000, Overwrite=True, Tier="Intelligent-Tiering")["Tier"], "Advanced")
    t.same("advanced: stays so", put(client, name, Overwrite=True)["Tier"], "Advanced")
    t.refused("advanced: back to standard", "ValidationException", client.put_parameter, Name=name, Value="v",
              Overwrite=True, Tier="Standard")
    t.refused("an unknown tier", "ValidationException", client.put_parameter, Name=name, Value="v", Overwrite=True,
              Tier="Deluxe")
    client.delete_parameter(Name=name)


def policies(t, client):
    name = "/" + t.unique("policies")
    at = lambda **ahead: (datetime.now(UTC) + timedelta(**ahead)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    expiration = lambda when: {"Type": "Expiration", "Version": "1.0", "Attributes": {"Timestamp": when}}
    change = {"Type": "NoChangeNotification", "Version": "1.0", "Attributes": {"After": "20", "Unit": "Days"}}
    put(client, name, Tier="Advanced", Policies=json.dumps([expiration(at(days=1)), change]))
    t.same("policies: pending", [(each["PolicyType"], each["PolicyStatus"]) for each in describe(client, name)["Policies"]],
           [("Expiration", "Pending"), ("NoChangeNotification", "Pending")])
    put(client, name, Overwrite=True, Policies="[{}]")
    t.same("policies: removed", describe(client, name)["Policies"], [])
    put(client, name, Overwrite=True, Policies=json.dumps([expiration(at(seconds=2))]))
    t.until("policies: an expired parameter is gone",
            lambda: client.describe_parameters(ParameterFilters=[{"Key": "Name", "Values": [name]}])["Parameters"], [])
    t.refused("policies: of a standard parameter", "ValidationException", client.put_parameter, Name=name, Value="v",
              Type="String", Policies=json.dumps([change]))
    for wrong, (code, listed) in {
        "an unknown type": ("InvalidPolicyTypeException", [{"Type": "Party"}]),
        "yesterday": ("InvalidPolicyAttributeException", [expiration(at(days=-1))]),
        "two expirations": ("IncompatiblePolicyException", [expiration(at(days=1)), expiration(at(days=2))]),
    }.items():
        t.refused(f"policies: {wrong}", code, client.put_parameter, Name=name, Value="v", Type="String", Tier="Advanced",
                  Policies=json.dumps(listed))


def tags(t, client):
    name = "/" + t.unique("tags")
    put(client, name, Tags=[{"Key": "unit", "Value": "contracts"}])
    of = dict(ResourceType="Parameter", ResourceId=name)
    client.add_tags_to_resource(**of, Tags=[{"Key": "a", "Value": "1"}])
    client.remove_tags_from_resource(**of, TagKeys=["unit"])
    t.same("tags", client.list_tags_for_resource(**of)["TagList"], [{"Key": "a", "Value": "1"}])
    t.refused("tags: fifty-one", "TooManyTagsError", client.add_tags_to_resource, **of,
              Tags=[{"Key": f"k{at}", "Value": "v"} for at in range(50)])
    absent = dict(ResourceType="Parameter", ResourceId=name + "x")
    t.refused("tags of nothing", "InvalidResourceId", client.list_tags_for_resource, **absent)
    t.refused("tag nothing", "InvalidResourceId", client.add_tags_to_resource, **absent, Tags=[{"Key": "a", "Value": "1"}])
    t.refused("untag nothing", "InvalidResourceId", client.remove_tags_from_resource, **absent, TagKeys=["a"])
    client.delete_parameter(Name=name)


def names(t, client):
    for wrong, name in {
        "AWS's": "/aws/a", "a space": "/a b", "no slash in front": "a/b", "a slash twice": "/a//b",
        "ssm in front": "/ssm/a", "too long": "/" + "a" * 1011,
    }.items():
        code = "AccessDeniedException" if wrong == "AWS's" else "ValidationException"
        t.refused(f"name: {wrong}", code, client.put_parameter, Name=name, Value="v", Type="String")
    t.refused("name: sixteen levels", "HierarchyLevelLimitExceededException", client.put_parameter, Name="/a" * 16, Value="v",
              Type="String")
