"""A proxy on loopback that stands before a real server and does to its answers whatever a test tells it to.

It understands HTTP, not FHIR. A test gives a function from each `Asked` to a `Fault`, or ``None``: what it does repeats exactly.
"""

import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import urlsplit

_OF_ONE_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te", "trailer", "upgrade", "accept-encoding"}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as it came in."""

    number: int
    """0, 1, 2 … in the order of arrival."""
    method: str
    path: str
    """With the query."""
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answered:
    """What the server behind answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong. Without any field set the request just passes."""

    instead: Answered | None = None
    """The server behind never hears of it; this is answered."""
    before: float = 0.0
    """Seconds until the request goes on to the server."""
    after: float = 0.0
    """Seconds until its answer goes back."""
    edit: Callable[[Answered], Answered] | None = None
    """Answer this instead of what the server said, which it has done."""
    cut: int | None = None
    """After so many bytes of the body the connection ends, though more were announced."""
    drip: float = 0.0
    """Seconds between one byte of the body and the next."""
    refuse: bool = False
    """The connection is reset before the server hears of it."""
    lose: bool = False
    """The server does what was asked; its answer is lost, and the connection reset."""


Plan = Callable[[Asked], Fault | None]


@dataclass
class Proxy:
    """``base_url`` is the server's, through the proxy. ``plan`` may be changed at any time."""

    base_url: str
    plan: Plan
    asked: list[Asked] = field(default_factory=list)
    answered: dict[int, Answered] = field(default_factory=dict)
    """By the number of the request; only what the server behind really answered."""

    def count(self, method: str, prefix: str = "") -> int:
        """How many requests with this method and this beginning of the path reached the server."""
        return sum(a.method == method and a.path.startswith(prefix) and a.number in self.answered for a in self.asked)


def faultless(asked: Asked) -> None:
    """Nothing goes wrong."""


def unavailable(status: int = 503, **headers: str) -> Fault:
    """The server is not asked; ``Retry_After`` stands for the header ``Retry-After``."""
    return Fault(instead=Answered(status, {name.replace("_", "-"): value for name, value in headers.items()}, b""))


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: str, plan: Plan) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        target = urlsplit(upstream)
        self.host, self.port, self.lock = str(target.hostname), target.port, Lock()
        self.proxy = Proxy(f"http://127.0.0.1:{self.server_address[1]}{target.path}", plan)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        proxy = self.server.proxy
        with self.server.lock:
            asked = Asked(len(proxy.asked), self.command, self.path, dict(self.headers.items()), body)
            proxy.asked.append(asked)
        with suppress(OSError):
            self._answer(asked, proxy.plan(asked) or Fault())

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _any

    def _answer(self, asked: Asked, fault: Fault) -> None:
        if fault.refuse:
            self._reset()
            return
        sleep(fault.before)
        answer = fault.instead or self._forward(asked)
        sleep(fault.after)
        if fault.lose:
            self._reset()
            return
        self._send(fault.edit(answer) if fault.edit else answer, fault)

    def _forward(self, asked: Asked) -> Answered:
        connection = HTTPConnection(self.server.host, self.server.port, timeout=60)
        try:
            headers = {name: value for name, value in asked.headers.items() if name.lower() not in _OF_ONE_HOP}
            connection.request(asked.method, asked.path, asked.body or None, headers)
            response = connection.getresponse()
            found = {name: value for name, value in response.getheaders() if name.lower() not in _OF_ONE_HOP}
            answer = Answered(response.status, found, response.read())
        except (OSError, HTTPException):
            return Answered(502, {}, b"")
        finally:
            connection.close()
        self.server.proxy.answered[asked.number] = answer
        return answer

    def _send(self, answer: Answered, fault: Fault) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        body = answer.body if fault.cut is None else answer.body[: fault.cut]
        for chunk in [body[at : at + 1] for at in range(len(body))] if fault.drip else [body]:
            self.wfile.write(chunk)
            self.wfile.flush()
            sleep(fault.drip)
        self.close_connection = fault.cut is not None

    def _reset(self) -> None:
        """End the connection with a reset and not in order: what was not sent yet never will be."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        socket.close(self.connection.detach())
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        pass


@contextmanager
def fault_proxy(upstream: str, plan: Plan = faultless) -> Iterator[Proxy]:
    """Stand before the server at ``upstream`` (``http://host:port/path``) until the end of the block."""
    with _Server(upstream, plan) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield http.proxy
        finally:
            http.shutdown()
            thread.join()
