"""A run that is told step by step: what is printed, what is up, and how it ends.

Takes a function that does the steps; gives the exit status: 0 when it came to its end, 1 when a step did not come out
right, 130 or 143 after a signal. Whatever happens, no process or file that the run made is left.
"""

import os
import shutil
import signal
import sys
import tempfile
import time

from .processes import Failure, Processes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Stopped(Exception):
    """A signal asked this process to end."""


class Story:
    """Prints steps and remembers what is up."""

    def __init__(self, directory):
        self.directory = directory
        self.processes = Processes(directory)
        self.begun = time.monotonic()
        self.colour = sys.stdout.isatty() and "NO_COLOR" not in os.environ
        self.step = "start"
        self.simulation = None

    def begin(self, step):
        """Names what is being done, for the case that it fails."""
        self.step = step

    def say(self, result):
        """One line: elapsed time, step, result."""
        print(f"{self.paint('2', self.clock())}  {self.paint('1', f'{self.step:<16}')} {result}", flush=True)

    def detail(self, line):
        """A line below the step's own."""
        print(self.paint("2", f"{'':8} {'':16} {line}"), flush=True)

    def clock(self):
        return f"{time.monotonic() - self.begun:6.1f} s"

    def paint(self, code, text):
        return f"\033[{code}m{text}\033[0m" if self.colour else text


def run(name, tell):
    """Calls `tell` with a story in a directory of its own, from the repository's root."""
    os.chdir(ROOT)
    os.makedirs("target", exist_ok=True)

    def stop(number, _frame):
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise Stopped(number)

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    parent = os.environ.get("LOCAL_DIRECTORY", os.path.join(ROOT, "target"))
    story = Story(tempfile.mkdtemp(prefix=f"{name}-", dir=parent))
    status = 1
    try:
        tell(story)
        status = 0
    except Stopped as stopped:
        status = 128 + stopped.args[0]
        print(f"{story.clock()}  {story.step}: stopped by {signal.Signals(stopped.args[0]).name}", file=sys.stderr)
    except Exception as failure:  # noqa: BLE001 - whatever it is, the processes must not outlive it
        reason = failure if isinstance(failure, Failure) else f"{type(failure).__name__}: {failure}"
        explain(story, reason)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # The simulator gives its tasks their time to finish; a task has 30 s at most.
        story.processes.stop({"simulator": 40})
        shutil.rmtree(story.directory, ignore_errors=True)
    return status


def explain(story, failure):
    """The ends of the logs, and below them, where it is seen, why it failed."""
    tails = [(f"{name}.log", lines) for name, lines in story.processes.tails(15)]
    if story.simulation:
        try:
            tails += story.simulation.task_logs(15)
        except Exception as error:  # noqa: BLE001 - the simulator may be what failed
            tails.append(("task logs", [f"cannot be read: {error}"]))
    for name, lines in tails:
        print(f"--- {name}", *lines, sep="\n  ", file=sys.stderr)
    print(file=sys.stderr)
    print(f"{story.clock()}  {story.step}: failed: {failure}", file=sys.stderr)
