"""Child processes that never outlive the one that started them.

Takes command lines, gives running processes with a log file each. Stops exactly what it started: every child leads a
process group of its own, and the kernel kills it should this process die without cleaning up.
"""

import os
import shutil
import signal
import socket
import subprocess
import time


class Failure(Exception):
    """What went wrong, in words for the person who ran this."""


def until(what, seconds, look):
    """Calls `look` until it gives something true and returns that. `look` may raise `NotYet` to say what it saw."""
    deadline = time.monotonic() + seconds
    while True:
        seen = "nothing"
        try:
            found = look()
            if found:
                return found
        except NotYet as not_yet:
            seen = str(not_yet)
        if time.monotonic() > deadline:
            raise Failure(f"{what}: not after {seconds} s; last seen: {seen}")
        time.sleep(0.1)


class NotYet(Exception):
    """What was seen instead of what is waited for."""


def free_port():
    """A port nobody listens on now. Another process may take it first, which then shows as a failed start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    """Whether someone accepts connections on the loopback port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


class Processes:
    """What has been started, in order."""

    def __init__(self, directory):
        self.directory = directory
        self.running = []

    def start(self, name, argv, environment, keep=()):
        """Starts a process with exactly this environment and, beside the usual, the descriptors in `keep`; its output goes to
        `<name>.log`."""
        log = os.path.join(self.directory, f"{name}.log")
        # util-linux's setpriv is on every Debian; the signal covers a SIGKILL of this process.
        guard = ["setpriv", "--pdeathsig", "KILL", "--"] if shutil.which("setpriv") else []
        with open(log, "wb") as output:
            child = subprocess.Popen(
                guard + [str(word) for word in argv],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=keep,
            )
        self.running.append((name, child))
        return child

    def wait_for(self, name, seconds, look):
        """Waits until `look` is satisfied; a process that ends meanwhile is an error at once."""
        child = next(child for started, child in self.running if started == name)

        def looking():
            if child.poll() is not None:
                raise Failure(f"{name} ended with status {child.returncode} before it was ready")
            return look()

        return until(f"{name} is ready", seconds, looking)

    def stop(self, seconds):
        """Asks each to end, the last started first, and kills what has not ended in time."""
        while self.running:
            name, child = self.running.pop()
            if child.poll() is None:
                child.terminate()
                try:
                    child.wait(timeout=seconds.get(name, 5))
                except subprocess.TimeoutExpired:
                    pass
            # Also what a dead leader left behind in its group.
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()

    def tails(self, lines):
        """The last lines of every log, by name."""
        for name, _ in self.running:
            with open(os.path.join(self.directory, f"{name}.log"), errors="replace") as log:
                yield name, log.read().splitlines()[-lines:]
