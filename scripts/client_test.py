#!/usr/bin/env python3
"""The TypeScript client: its types are those of the API's own document, they compile, and they hold against the running API.

Run by `make client-test`, after `npm ci`. `--write` writes clients/typescript/src/schema.ts anew instead of comparing it. Exit
status: 0 when all of it holds.
"""

import os
import subprocess
import sys
import urllib.request

from local import blocks
from local.api import start_api
from local.environment import environment
from local.processes import Failure
from local.story import ROOT, run

CLIENT = "clients/typescript"
DOCUMENT = "docs/api.md"
SCHEMA = os.path.join(CLIENT, "src", "schema.ts")


def npm(step, *arguments, **variables):
    done = subprocess.run(["npm", "run", "--silent", step, "--", *arguments], cwd=CLIENT, env=environment(**variables),
                          capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        raise Failure(f"npm run {step} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def tell(story, write):
    url, key, _ = start_api(story)
    story.begin("schema")
    with urllib.request.urlopen(f"{url}/openapi.json", timeout=5) as reply, open("target/openapi.json", "wb") as file:
        file.write(reply.read())
    made = SCHEMA if write else "target/schema.ts"
    npm("schema", os.path.join(ROOT, made))
    with open(made) as fresh, open(SCHEMA) as kept:
        if fresh.read() != kept.read():
            raise Failure(f"{SCHEMA} is not what openapi-typescript makes of the document: scripts/client_test.py --write")
    story.say(f"{SCHEMA} is the document's")
    story.begin("types")
    # The example of the document, which imports the package by its name and calls the service by its own.
    (block,) = [block for block in blocks.read(DOCUMENT) if "client-test" in block.reason]
    example = "\n".join(block.lines).replace("@hokusai/contracts", "../src/index.js").replace("https://contracts.hokus.ai", url)
    with open(os.path.join(CLIENT, "test", "documented.test.ts"), "w") as file:
        file.write(example + "\n")
    npm("build")
    story.say("compile")
    story.begin("calls")
    report = npm("test", API_URL=url, API_KEY=key)
    passed = next(line.split()[-1] for line in report.splitlines() if line.startswith("# pass "))
    story.say(f"{passed} tests against the running API")


if __name__ == "__main__":
    os.chdir(ROOT)
    sys.exit(run("client", lambda story: tell(story, "--write" in sys.argv[1:])))
