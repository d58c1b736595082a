#!/usr/bin/env python3
"""The API held to its own document: /openapi.json against every answer of the tests, and schemathesis against the running program.

Run by `make api-test`, after the tests have left their answers in target/api-answers. Looks both ways: an answer that the document does
not know is a failure, and so is an operation, a status or a member in the document that no test has ever seen, but for the few below.
Exit status: 0 when all of it holds.
"""

import glob
import hashlib
import json
import os
import re
import secrets
import subprocess
import sys
import urllib.request

from local.environment import BINARIES, CHAIN_ID, DEPLOYER_KEY, deploy_contracts, environment, start_chain, start_redis
from local.processes import Failure, free_port
from local.story import ROOT, run

TOOLS = os.path.join(ROOT, "target", "tools", "api")
sys.path.insert(0, TOOLS)
ANSWERS = "target/api-answers"
EXAMPLES = os.environ.get("API_TEST_EXAMPLES", "60")
SEED = os.environ.get("API_TEST_SEED", "1")

# Documented, and not made to happen by a test of one program: a defect, and a body that takes ten seconds.
NEVER_SEEN = {"500", "408"}


def start(story):
    """The program on a Redis and a chain of its own; its address and a key."""
    redis_url = start_redis(story)
    node = start_chain(story)
    addresses = deploy_contracts(story, node)
    story.begin("contracts-api")
    key, port = secrets.token_hex(32), free_port()
    settings = {
        "PORT": str(port),
        "BIND_ADDRESS": "127.0.0.1",
        "CHAIN_ID": str(CHAIN_ID),
        "DEPLOYER_PRIVATE_KEY": DEPLOYER_KEY,
        "TOKEN_MANAGER_ADDRESS": addresses["TokenManager"],
        "MODEL_REGISTRY_ADDRESS": addresses["ModelRegistry"],
        "RPC_URL": node.url,
        "REDIS_URL": redis_url,
        "API_KEYS": f"api-test:{hashlib.sha256(key.encode()).hexdigest()}",
        # What is tested is not the limit, which would end every run with 429.
        **{f"RATE_LIMIT_{kind}": "1000000" for kind in
           ("DEPLOY_BURST", "DEPLOY_PER_SECOND", "READ_BURST", "READ_PER_SECOND")},
    }
    story.processes.start("contracts-api", [f"{BINARIES}/contracts-api"], environment(**settings))
    url = f"http://127.0.0.1:{port}"

    def healthy():
        try:
            return urllib.request.urlopen(f"{url}/health", timeout=5).status == 200
        except OSError:
            return False

    story.processes.wait_for("contracts-api", 30, healthy)
    story.say(url)
    return url, key


def patterns(document):
    """Each operation with the expression its paths match, those without parameters first."""
    found = []
    for path, operations in document["paths"].items():
        expression = re.compile(re.sub(r"{[^}]+}", "[^/]+", path) + "/?$")
        found += [(expression, method, f"{method.upper()} {path}", operation) for method, operation in operations.items()]
    return sorted(found, key=lambda one: one[2].count("{"))


def kind(name, schema):
    """What has to be seen: each operation's success, and each kind of error at one operation, for they are made in one place."""
    error = schema.get("properties", {}).get("error")
    return str(error["properties"]["code"]["enum"]) if error else name


def members(document, schema, place, found):
    """Every member that a schema names, by its place."""
    if isinstance(schema, bool):
        return
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[1]
        place = f"{name}" if name in document["components"]["schemas"] else place
        if place in found["seen"]:
            return
        found["seen"].add(place)
        members(document, document["components"]["schemas"][name], place, found)
    for name, inner in schema.get("properties", {}).items():
        found["members"].add(f"{place}.{name}")
        members(document, inner, f"{place}.{name}", found)
    for inner in [*schema.get("anyOf", []), *schema.get("allOf", [])]:
        members(document, inner, place, found)
    if isinstance(schema.get("items"), dict):
        members(document, schema["items"], place, found)


def visited(document, schema, value, place, found):
    """Those members of the schema that are in the value."""
    if isinstance(schema, bool):
        return
    if "$ref" in schema:
        place = schema["$ref"].rsplit("/", 1)[1]
        visited(document, document["components"]["schemas"][place], value, place, found)
    if isinstance(value, dict):
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                found.add(f"{place}.{name}")
                visited(document, inner, value[name], f"{place}.{name}", found)
    for inner in [*schema.get("anyOf", []), *schema.get("allOf", [])]:
        visited(document, inner, value, place, found)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for item in value:
            visited(document, schema["items"], item, place, found)


def hold_answers(story, document):
    """Every answer of the tests against the document, and the document against them."""
    from jsonschema import Draft202012Validator

    story.begin("answers")
    answers = []
    for file in glob.glob(f"{ANSWERS}/*.jsonl"):
        with open(file) as lines:
            answers += [json.loads(line) for line in lines]
    if not answers:
        raise Failure(f"there are no answers in {ANSWERS}: run `make api-test`")
    known, problems, seen, found, wanted = patterns(document), [], set(), set(), {"seen": set(), "members": set()}
    validators = {}
    # What is true of every route.
    errors_of_routing = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}
    for answer in answers:
        status, body = answer["status"], answer["body"]
        operation = next(((name, one) for expression, method, name, one in known
                          if expression.match(answer["path"]) and method.upper() == answer["method"]), None)
        if errors_of_routing.get(status) == (body.get("error") or {}).get("code"):
            schema, name = {"$ref": "#/components/schemas/Error"}, "Error"
        elif operation is None or str(status) not in operation[1]["responses"]:
            problems.append(f"{answer['method']} {answer['path']} answered {status}, which is not documented: {json.dumps(body)[:200]}")
            continue
        else:
            name = f"{operation[0]} {status}"
            content = operation[1]["responses"][str(status)].get("content", {})
            if "application/json" not in content:
                continue
            schema = content["application/json"]["schema"]
            seen.add(kind(name, schema))
        if name not in validators:
            validators[name] = Draft202012Validator({**schema, "components": document["components"]})
        for error in validators[name].iter_errors(body):
            problems.append(f"{name}: at {'/'.join(map(str, error.absolute_path))}: {error.message[:200]}")
        visited(document, schema, body, name, found)
    for _, _, name, operation in known:
        for status, response in operation["responses"].items():
            # Event streams are read by their own tests, piece by piece.
            if status in NEVER_SEEN or "application/json" not in response.get("content", {}):
                continue
            schema = response["content"]["application/json"]["schema"]
            if kind(f"{name} {status}", schema) not in seen:
                problems.append(f"{name} is documented to answer {status}, and no test has seen it")
            members(document, schema, f"{name} {status}", wanted)
    problems += [f"{member} is documented, and no test has seen it" for member in sorted(wanted["members"] - found)]
    for problem in sorted(set(problems)):
        story.detail(problem)
    if problems:
        raise Failure(f"{len(set(problems))} differences between the document and the answers")
    story.say(f"{len(answers)} answers are as documented; {len(seen)} documented answers and {len(found)} members seen")


def search(story, url, key):
    """schemathesis with all checks and the links between operations."""
    story.begin("schemathesis")
    argv = [sys.executable, "-m", "schemathesis.cli", "--config-file", "scripts/schemathesis.toml", "run", f"{url}/openapi.json",
            "--header", f"X-API-Key: {key}", "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful", "--seed", SEED,
            "--max-examples", EXAMPLES, "--request-timeout", "20", "--no-color"]
    log = os.path.join("target", "schemathesis.log")
    with open(log, "w") as output:
        status = subprocess.run(argv, env=environment(PYTHONPATH=TOOLS), stdout=output, stderr=subprocess.STDOUT, timeout=1800,
                                check=False).returncode
    with open(log) as output:
        text = output.read()
    for line in text[text.rfind("= SUMMARY ="):].splitlines():
        story.detail(line)
    if status != 0:
        raise Failure(f"schemathesis found something: {log}")
    story.say(" ".join(re.findall(r"\d+ generated.*|Test cases:.*", text)) or "no failure")


def tell(story):
    from openapi_spec_validator import validate

    url, key = start(story)
    story.begin("document")
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=5) as reply:
        document = json.load(reply)
    validate(document)
    story.say(f"OpenAPI {document['openapi']}, {sum(map(len, document['paths'].values()))} operations")
    failure = None
    try:
        hold_answers(story, document)
    except Failure as problem:
        failure = problem
        story.say(str(problem))
    search(story, url, key)
    if failure:
        raise failure


if __name__ == "__main__":
    sys.exit(run("api-test", tell))
