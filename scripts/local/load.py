"""Requests at times that are fixed beforehand, whatever the answers: an open loop, as the world's clients are one.

Takes the load balancer's address and what to ask; gives, for each request, how long after its planned time its answer was there,
or why there was none. Nothing is sent twice and no failure is passed over: a kept connection that breaks under a request fails
that request. (Load generators in Go send a GET again on a new connection then, and so show less than a client without that sees;
wrk and autocannon wait for answers before they ask anew.)
"""

import asyncio
import collections
import itertools
import json
import ssl
import threading
import time

from .https import HOST

# Beyond these a request is counted as failed, not waited for or sent.
ANSWER_SECONDS_MAX = 15
IN_FLIGHT_MAX = 5_000
HEAD_BYTES_MAX = 65_536


class Broken(Exception):
    """Why a request has no good answer."""


class Connection:
    """One TLS connection to the load balancer."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.keeps = True

    async def ask(self, method, path, headers, body):
        """One request; gives status and body. Whether the server keeps the connection is in `keeps`."""
        lines = [f"{method} {path} HTTP/1.1", f"host: {HOST}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        self.writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        status = int(head[0].split(" ")[1])
        got = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        if "content-length" not in got:
            raise Broken(f"{status} without content-length")
        answer = await self.reader.readexactly(int(got["content-length"]))
        self.keeps = got.get("connection", "").lower() != "close"
        return status, answer


class Load:
    """`rate` requests a second from `start` to `stop`: every other one on a connection of its own, the rest on kept ones.

    Each tenth asks for a contract deployment that is there, each hundredth asks for a new one, the others for `/health`.
    """

    def __init__(self, simulation, rate, key, known, body):
        self.address, self.rate, self.key, self.known, self.body = simulation.load_balancer, rate, key, known, body
        self.context = ssl.create_default_context(cafile=simulation.authority_file)
        self.idle = collections.deque()
        self.ending = threading.Event()
        self.sent, self.failures, self.latencies = 0, [], []
        self.late, self.opened, self.closed = 0.0, 0, 0
        self.submitted = {}
        self.thread = threading.Thread(target=lambda: asyncio.run(self.send()), daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        """No more; waits for what is in flight."""
        self.ending.set()
        self.thread.join(timeout=ANSWER_SECONDS_MAX + 30)
        if self.thread.is_alive():
            raise RuntimeError("requests are still in flight")

    async def send(self):
        begun = time.monotonic()
        tasks = set()
        for number in itertools.count():
            due = begun + number / self.rate
            if (early := due - time.monotonic()) > 0:
                await asyncio.sleep(early)
            if self.ending.is_set():
                break
            self.sent += 1
            if len(tasks) >= IN_FLIGHT_MAX:
                self.failures.append((due - begun, "too many in flight"))
                continue
            task = asyncio.create_task(self.one(number, due, begun))
            tasks.add(task)
            task.add_done_callback(tasks.discard)
        self.seconds = time.monotonic() - begun
        while tasks:
            await asyncio.wait(tasks)
        for connection in self.idle:
            connection.writer.close()

    async def one(self, number, due, begun):
        self.late = max(self.late, time.monotonic() - due)
        kept = number % 2 == 0
        # An odd and an even one of each kind, so that each goes both ways.
        kind = "POST" if number % 200 in (0, 101) else "GET" if number % 20 in (2, 13) else "health"
        try:
            async with asyncio.timeout(ANSWER_SECONDS_MAX):
                await self.exchange(kept, kind, number)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError, Broken) as error:
            # OSError has TimeoutError and the TLS errors in it.
            how = "a kept" if kept else "a new"
            self.failures.append((due - begun, f"{kind} on {how} connection: {type(error).__name__} {error}"))
        else:
            self.latencies.append(time.monotonic() - due)

    async def exchange(self, kept, kind, number):
        connection = self.kept() if kept else None
        if connection is None:
            reader, writer = await asyncio.open_connection(*self.address, ssl=self.context, server_hostname=HOST,
                                                           limit=HEAD_BYTES_MAX)
            connection = Connection(reader, writer)
            self.opened += 1
        good = False
        try:
            good = await self.ask(connection, kind, number, {} if kept else {"connection": "close"})
        finally:
            if kept and good and connection.keeps:
                self.idle.append(connection)
            else:
                connection.writer.close()

    def kept(self):
        """The connection that was used last, if the server has not closed it."""
        while self.idle:
            connection = self.idle.pop()
            if not connection.reader.at_eof():
                return connection
            self.closed += 1
            connection.writer.close()
        return None

    async def ask(self, connection, kind, number, headers):
        if kind == "health":
            expected, (status, answer) = 200, await connection.ask("GET", "/health", headers, b"")
        elif kind == "GET":
            headers["x-api-key"] = self.key
            expected, (status, answer) = 200, await connection.ask("GET", f"/api/deployments/{self.known}/status", headers, b"")
        else:
            model = f"load-{id(self):x}-{number}"
            headers |= {"x-api-key": self.key, "content-type": "application/json"}
            body = json.dumps({**self.body, "modelId": model}).encode()
            expected, (status, answer) = 202, await connection.ask("POST", "/api/deployments", headers, body)
            if status == expected:
                self.submitted[model] = json.loads(answer)["data"]["requestId"]
        if status != expected:
            raise Broken(f"{status} {answer[:200].decode(errors='replace')}")
        return True

    def report(self):
        """Two lines: what was sent and failed, and how."""
        ordered = sorted(self.latencies) or [0.0]
        p50, p99 = (ordered[int(len(ordered) * share)] for share in (0.5, 0.99))
        return (f"sent {self.sent} failed {len(self.failures)}",
                f"{self.sent / self.seconds:.0f} a second for {self.seconds:.0f} s, {self.opened} connections, "
                f"{self.closed} closed by the server between requests; from the planned time p50 {p50 * 1e3:.0f} ms, "
                f"p99 {p99 * 1e3:.0f} ms, at most {ordered[-1] * 1e3:.0f} ms; sent at most {self.late * 1e3:.0f} ms late")
