"""A headless Chromium, spoken to over a pipe in its own protocol (CDP): one page at a time.

Takes the place of a driver that would have to be installed too. Its profile is new and goes with it; it is told to leave the
network alone, and every request it makes to another host than the page's is kept as a fault.
"""

import base64
import fcntl
import json
import os
import select
import shutil
import time

from .processes import Failure

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-pipe", "about:blank"]


class Browser:
    """One browser with one page."""

    def __init__(self, processes, environment):
        program = shutil.which("chromium")
        if program is None:
            raise Failure("chromium is missing: run scripts/install.sh packages chromium")
        ours, theirs = os.pipe(), os.pipe()
        # Chromium reads its orders from 3 and answers on 4; a shell puts them there, from numbers a shell can write.
        orders, answers = fcntl.fcntl(ours[0], fcntl.F_DUPFD, 8), fcntl.fcntl(theirs[1], fcntl.F_DUPFD, 8)
        os.close(ours[0])
        os.close(theirs[1])
        argv = [program, *FLAGS, f"--user-data-dir={processes.directory}/chromium"]
        processes.start("chromium", ["bash", "-c", f'exec "$@" 3<&{orders} 4>&{answers}', "bash", *argv], environment,
                        keep=(orders, answers))
        os.close(orders)
        os.close(answers)
        self._send, self._receive, self._buffer = ours[1], theirs[0], b""
        self._number, self._session, self.faults = 0, None, []
        page = next(one for one in self.order("Target.getTargets")["targetInfos"] if one["type"] == "page")
        self._session = self.order("Target.attachToTarget", targetId=page["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.order(f"{domain}.enable")

    def order(self, method, /, **parameters):
        """One order and what comes of it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._send, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + 20
        while True:
            reply = self._next(deadline)
            if reply.get("id") == self._number:
                if "error" in reply:
                    raise Failure(f"{method}: {reply['error']}")
                return reply["result"]
            self._note(reply)

    def open(self, url, width, height, scheme):
        """Loads the page as a screen of this size and colour scheme would show it."""
        self.host = url.split("/")[2]
        self.resize(width, height, scheme)
        self.order("Page.navigate", url=url)

    def resize(self, width, height, scheme):
        self.order("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.order("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def evaluate(self, expression):
        """The value of a JavaScript expression in the page."""
        result = self.order("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise Failure(f"{expression[:80]}: {result['exceptionDetails']}")
        return result["result"].get("value")

    def screenshot(self, path):
        """The whole page as PNG."""
        shot = self.order("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(shot["data"]))

    def _next(self, deadline):
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._receive], [], [], max(0, deadline - time.monotonic()))
            if not ready:
                raise Failure("chromium does not answer")
            got = os.read(self._receive, 1 << 20)
            if not got:
                raise Failure("chromium ended")
            self._buffer += got
        message, self._buffer = self._buffer.split(b"\0", 1)
        return json.loads(message)

    def _note(self, event):
        details = event.get("params", {})
        if event.get("method") == "Runtime.exceptionThrown":
            self.faults.append(details["exceptionDetails"]["text"])
        if event.get("method") == "Log.entryAdded" and details["entry"]["level"] == "error":
            self.faults.append(details["entry"]["text"])
        if event.get("method") == "Network.requestWillBeSent":
            url = details["request"]["url"]
            if not url.startswith((f"http://{self.host}/", "data:", "about:")):
                self.faults.append(f"a request to {url}")
