"""The fenced blocks of a document: which are commands, which of them run here, and what they should print.

Takes a Markdown text, gives its blocks in order. A fence says what it holds:

    ```sh                       runs, with bash -euo pipefail; what a document's earlier blocks assigned is there
    ```js                       runs, with node, as a module
    ```sh account: why          does not run here: it needs an AWS account or a registry
    ```js elsewhere: why        does not run here: another test runs it; either reason goes with either language
    ```text                     right below a block that runs: its lines are printed in this order; `…` stands for anything
    ```json, yaml, mermaid      are read by people only, as is a text block that stands elsewhere

Any other fence is refused, so that no command is left out by mistake.
"""

import re
from dataclasses import dataclass

from .processes import Failure

RUNS = ("sh", "js")
SHOWN = ("text", "json", "yaml", "mermaid")
REASONS = ("account: ", "elsewhere: ")


@dataclass
class Block:
    """One fence: `line` is its first line's number in the file, `reason` why it does not run, if it does not."""

    file: str
    line: int
    language: str
    reason: str
    lines: list
    expected: list


def read(file):
    """The blocks of a file that are commands."""
    with open(file) as document:
        return parse(file, document.read())


def parse(file, text):
    """The blocks of a document that are commands."""
    found, block, nearest = [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        if block is not None:
            if line == "```":
                if block.language == "text" and nearest is not None:
                    nearest.expected = block.lines
                nearest = None
                if block.language in RUNS:
                    found.append(block)
                    nearest = None if block.reason else block
                block = None
            else:
                block.lines.append(line)
        elif line.startswith("```"):
            language, _, reason = line[3:].partition(" ")
            check(f"{file}:{number}", language, reason)
            block = Block(file, number + 1, language, reason, [], None)
        elif line.strip():
            nearest = None
    if block is not None:
        raise Failure(f"{file}:{block.line - 1}: this fence does not end")
    return found


def check(place, language, reason):
    """Refuses a fence that says neither that it runs nor why not."""
    if language not in RUNS + SHOWN:
        raise Failure(f"{place}: ```{language} is none of {', '.join(RUNS + SHOWN)}")
    if reason and (language not in RUNS or not re.match(rf"({'|'.join(REASONS)})\w", reason)):
        raise Failure(f"{place}: after ```{language} comes nothing, or for what runs one of {' or '.join(REASONS)}and why")


def missing(expected, printed):
    """The first expected line that is not printed after the one before it; None when all are."""
    remaining = iter(line.rstrip() for line in printed.splitlines())
    for line in expected:
        pattern = ".*".join(map(re.escape, line.rstrip().split("…")))
        if not any(re.fullmatch(pattern, candidate) for candidate in remaining):
            return line
    return None
