"""HTTPS requests through the simulated load balancer, as a frontend makes them.

Takes the load balancer's loopback address and the test authority's certificate; the name is verified and sent as usual,
only its resolution is replaced.
"""

import http.client
import json
import socket
import ssl
import threading
import time
import uuid

HOST = "contracts.hokus.ai"


class Reply:
    """Status, headers (lower case) and the body, parsed when it is JSON."""

    def __init__(self, response):
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.getheaders()}
        raw = response.read()
        try:
            self.body = json.loads(raw)
        except ValueError:
            self.body = raw.decode(errors="replace")


class Frontend:
    """A client of the service."""

    def __init__(self, address, authority_file):
        self.address = address
        self.context = ssl.create_default_context(cafile=authority_file)

    def send(self, method, path, body=None, headers=None, timeout=15):
        """One request on a connection of its own; raises `OSError` or `http.client.HTTPException`."""
        connection = http.client.HTTPConnection(HOST, timeout=timeout)
        connection.sock = self.context.wrap_socket(
            socket.create_connection(self.address, timeout=timeout), server_hostname=HOST
        )
        try:
            headers = dict(headers or {})
            if body is not None and not isinstance(body, bytes):
                body = json.dumps(body).encode()
                headers.setdefault("content-type", "application/json")
            try:
                connection.request(method, path, body, headers)
            except (BrokenPipeError, ConnectionResetError):
                # A refusal may come before the whole body is sent; it is still there to read.
                pass
            return Reply(connection.getresponse())
        finally:
            connection.close()


class Traffic:
    """Requests from many clients at a steady pace, counted by what came of them.

    Readers ask for `/health` and for a deployment; one writer submits new deployments. A submission that fails is sent
    again under the same `Idempotency-Key`, as a careful client does, so that an unknown outcome is never doubled.
    """

    READERS = 4
    READ_PAUSE_SECONDS = 0.1
    WRITE_PAUSE_SECONDS = 0.5
    ATTEMPTS_MAX = 20

    def __init__(self, frontend, key, known, body):
        self.frontend, self.key, self.known, self.body = frontend, key, known, body
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.answered = {"GET": 0, "POST": 0}
        self.failures = []
        self.submitted = {}
        self.lost = []
        self.threads = [threading.Thread(target=self.read, daemon=True) for _ in range(self.READERS)]
        self.threads.append(threading.Thread(target=self.write, daemon=True))

    def start(self):
        self.started = time.monotonic()
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join(timeout=60)

    def attempt(self, method, path, body=None, headers=None):
        """One request; a reply of 5xx and a broken connection are failures, counted and given as None."""
        headers = {"x-api-key": self.key, **(headers or {})}
        try:
            reply = self.frontend.send(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            reply, problem = None, type(error).__name__
        else:
            problem = str(reply.status) if reply.status >= 500 else None
        with self.lock:
            if problem is None:
                self.answered[method] += 1
            else:
                self.failures.append((round(time.monotonic() - self.started, 1), f"{method} {problem}"))
        return None if problem else reply

    def read(self):
        while not self.stopping.is_set():
            self.attempt("GET", "/health")
            self.attempt("GET", f"/api/deployments/{self.known}")
            self.stopping.wait(self.READ_PAUSE_SECONDS)

    def write(self):
        while not self.stopping.is_set():
            model = f"demo-{uuid.uuid4().hex[:12]}"
            headers = {"idempotency-key": model}
            for _ in range(self.ATTEMPTS_MAX):
                reply = self.attempt("POST", "/api/deployments", {**self.body, "modelId": model}, headers)
                if reply is not None and reply.status == 202:
                    self.submitted[model] = reply.body["data"]["requestId"]
                    break
                if reply is not None:
                    self.lost.append(f"{model}: {reply.status} {reply.body}")
                    break
                time.sleep(0.3)
            else:
                self.lost.append(f"{model}: no answer in {self.ATTEMPTS_MAX} attempts")
            self.stopping.wait(self.WRITE_PAUSE_SECONDS)
