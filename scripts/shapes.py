#!/usr/bin/env python3
"""Writes src/simulator/wire/shapes.txt: which type each member of each operation's input has, by AWS's models.

Takes nothing, reads the models botocore carries (target/tools/python, from scripts/install.sh), prints the table.
Only names and types: which values a member may have is each service module's to know. EC2 and Route 53 are left out:
they speak protocols of their own, whose members have other names on the wire.
"""

import gzip
import json
from pathlib import Path

DATA = Path(__file__).parent.parent / "target/tools/python/botocore/data"
# botocore's directory of each service, in the order of the signing names.
SERVICES = [
    "acm", "application-autoscaling", "ecr", "ecs", "elbv2", "iam", "logs", "cloudwatch", "secretsmanager",
    "servicediscovery", "sns", "ssm", "sts",
]
LETTERS = {
    "string": "s", "character": "s", "blob": "s", "boolean": "b", "integer": "i", "long": "i", "float": "f",
    "double": "f", "timestamp": "t",
}


def main():
    for service in SERVICES:
        newest = max((DATA / service).iterdir())
        table(json.loads(gzip.open(newest / "service-2.json.gz").read()))


def table(model):
    shapes, wanted, written = model["shapes"], [], set()

    def kind(name):
        shape = shapes[name]
        if shape["type"] == "list":
            return "[" + kind(shape["member"]["shape"])
        if shape["type"] == "map":
            return "{" + kind(shape["value"]["shape"])
        if shape["type"] == "structure":
            wanted.append(name)
            return name
        return LETTERS[shape["type"]]

    def members(name):
        listed = sorted(shapes[name].get("members", {}).items())
        return "".join(f" {member}:{kind(value['shape'])}" for member, value in listed)

    metadata = model["metadata"]
    print("=" + metadata.get("signingName", metadata["endpointPrefix"]))
    for operation, definition in sorted(model["operations"].items()):
        print("!" + operation + (members(definition["input"]["shape"]) if "input" in definition else ""))
    while wanted:
        name = wanted.pop()
        if name not in written:
            written.add(name)
            print(name + members(name))


main()
