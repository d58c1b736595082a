#!/usr/bin/env python3
"""The API held to its own document: every answer of the tests against /openapi.json, and schemathesis against the program.

Run by `make api-test`, after the tests have left their answers in target/api-answers. Looks both ways: an answer that the
document does not know is a failure, and so is an operation, a status or a member in the document that no test has ever seen,
but for the few below. Exit status: 0 when all of it holds.
"""

import glob
import json
import os
import re
import subprocess
import sys
import urllib.request

from local.api import start_api
from local.environment import environment
from local.processes import Failure, until
from local.story import ROOT, run

TOOLS = os.path.join(ROOT, "target", "tools", "api")
sys.path.insert(0, TOOLS)
ANSWERS = "target/api-answers"
EXAMPLES = os.environ.get("API_TEST_EXAMPLES", "60")
SEED = os.environ.get("API_TEST_SEED", "1")

# Documented, and not made to happen by a test of one program: a defect, and a body that takes ten seconds.
NEVER_SEEN = {"500", "408"}
# What the examples for fetch take as given, and a status of 1 for an answer that is no success.
NODE_PRELUDE = """const { API_KEY, ID, MODEL_ID } = process.env, asked = fetch;
globalThis.fetch = async (...what) => { const reply = await asked(...what); process.exitCode = reply.ok ? 0 : 1; return reply; };
"""


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
        if answer["method"] == "OPTIONS" and status == 204:
            # A browser's question before a call, which is no operation.
            continue
        operation = next(((name, one) for expression, method, name, one in known
                          if expression.match(answer["path"]) and method.upper() == answer["method"]), None)
        code = (body or {}).get("error", {}).get("code") if status >= 400 else None
        if code and errors_of_routing.get(status) == code:
            schema, name = {"$ref": "#/components/schemas/Error"}, "Error"
        elif operation is None or str(status) not in operation[1]["responses"]:
            asked = f"{answer['method']} {answer['path']}"
            problems.append(f"{asked} answered {status}, which is not documented: {json.dumps(body)[:200]}")
            continue
        else:
            content = operation[1]["responses"][str(status)].get("content", {})
            if "application/json" not in content:
                continue
            schema = content["application/json"]["schema"]
            name = kind(f"{operation[0]} {status}", schema)
            seen.add(name)
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
            place = kind(f"{name} {status}", schema)
            if place not in seen:
                problems.append(f"{name} is documented to answer {status}, and no test has seen it")
            members(document, schema, place, wanted)
    problems += [f"{member} is documented, and no test has seen it" for member in sorted(wanted["members"] - found)]
    for problem in sorted(set(problems)):
        story.detail(problem)
    if problems:
        raise Failure(f"{len(set(problems))} differences between the document and the answers")
    story.say(f"{len(answers)} answers are as documented; {len(seen)} documented answers and {len(found)} members seen")


def run_examples(story, document, url, key, node):
    """Every example of the document, as its reader would run it: curl in a shell, fetch in Node."""
    story.begin("examples")

    def create(model):
        body = json.dumps({"modelId": model, "userAddress": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"}).encode()
        headers = {"X-API-Key": key, "Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/api/deployments", body, headers)
        with urllib.request.urlopen(request, timeout=5) as reply:
            return json.load(reply)["data"]["requestId"]

    def deployed():
        request = urllib.request.Request(f"{url}/api/deployments/{made}", headers={"X-API-Key": key})
        with urllib.request.urlopen(request, timeout=5) as reply:
            return json.load(reply)["data"]["status"] == "deployed"

    # What is no success ends the example with another status, which its text leaves to the reader.
    with open(os.path.join(story.directory, ".curlrc"), "w") as file:
        file.write("fail-with-body\n")
    made = create("shown")
    until("the model of the examples has a token", 60, deployed)
    ran = 0
    # Nothing more can be paid, so that what is cancelled has not ended by itself.
    node.call("anvil_setBalance", node.call("eth_accounts")[0], "0x1")
    for _, _, name, operation in patterns(document):
        for example in operation["x-codeSamples"]:
            waiting = create(f"{example['label']}-{ran}") if operation["operationId"] == "cancelDeployment" else made
            source = example["source"].replace("https://contracts.hokus.ai", url)
            argv = {"curl": ["bash", "-euc", source], "fetch": ["node", "--input-type=module", "-e", NODE_PRELUDE + source]}
            variables = environment(CURL_HOME=story.directory, API_KEY=key, ID=waiting, MODEL_ID="shown")
            done = subprocess.run(argv[example["label"]], env=variables, capture_output=True, text=True, timeout=30, check=False)
            if done.returncode != 0 or not done.stdout:
                said = f"{done.stdout[:500]}{done.stderr[:500]}"
                raise Failure(f"the {example['label']} example of {name} ended with {done.returncode}: {said}\n{source}")
            ran += 1
    node.call("anvil_setBalance", node.call("eth_accounts")[0], hex(10**22))
    story.say(f"{ran} examples of {len(patterns(document))} operations ran as they are")


def search(story, document, url, key):
    """schemathesis with all checks and the links between operations."""
    story.begin("schemathesis")
    # From a file, because it leaves out the operation that it has the document from.
    file = os.path.join("target", "openapi.json")
    with open(file, "w") as output:
        json.dump(document, output)
    argv = [sys.executable, "-m", "schemathesis.cli", "--config-file", "scripts/schemathesis.toml", "run", file, "--url", url,
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
    operations, cases = (re.search(expression, text) for expression in (r"Tested: +(\d+)", r"(\d+) generated"))
    if not operations or not cases or int(operations[1]) != len(patterns(document)):
        raise Failure(f"schemathesis did not test every operation: {log}")
    story.say(f"{cases[1]} cases of {operations[1]} operations, no failure")


def tell(story):
    from openapi_spec_validator import validate

    url, key, node = start_api(story)
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
    run_examples(story, document, url, key, node)
    search(story, document, url, key)
    if failure:
        raise failure


if __name__ == "__main__":
    sys.exit(run("api-test", tell))
