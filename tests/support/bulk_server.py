"""A Bulk Data server on loopback that does right, and wrong whenever a test tells it to."""

import gzip
import hashlib
import json
import socket
import struct
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from time import sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

TIME = "2026-06-30T06:00:00Z"
Json = dict[str, Any]


@dataclass
class Produced:
    """A file of the export. ``said`` is what the manifest says instead of its true number of lines (0: nothing)."""

    kind: str
    type: str
    name: str
    lines: list[str]
    said: int | None = None
    headers: dict[str, str | None] = field(default_factory=dict)
    """Changes of the answer's headers; ``None`` leaves one out."""
    packed: bool = True
    cut: int = 0
    """So many bytes are missing from the file itself: the server does not know it."""

    @property
    def content(self) -> bytes:
        plain = "".join(line + "\n" for line in self.lines).encode()
        whole = gzip.compress(plain, mtime=0) if self.packed else plain
        return whole[: len(whole) - self.cut]


@dataclass
class Exchange:
    """One request while it is answered."""

    handler: BaseHTTPRequestHandler
    server: "BulkServer"
    produced: Produced | None = None

    def send(self, status: int, body: bytes | Json = b"", /, *, sent: int | None = None, **headers: str | None) -> None:
        """Answer. Of the body only the first ``sent`` bytes go out; ``Retry_After`` stands for ``Retry-After``; ``None`` leaves out."""
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        self.handler.send_response(status)
        for name, value in ({"Content-Length": str(len(content))} | headers).items():
            if value is not None:
                self.handler.send_header(name.replace("_", "-"), value)
        self.handler.end_headers()
        self.handler.close_connection = sent is not None or headers.get("Content_Length", "") is None
        self.pour(content[:sent])

    def pour(self, content: bytes) -> None:
        for start in range(0, len(content), self.server.piece):
            self.handler.wfile.write(content[start : start + self.server.piece])
            self.handler.wfile.flush()
            self.server.step()

    def reset(self) -> None:
        """End the connection with a RST."""
        self.handler.close_connection = True
        self.handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.handler.connection.close()

    def send_file(self, sent: int | None = None) -> None:
        """The file, or the rest of it that was asked for."""
        assert self.produced is not None
        content = self.produced.content
        tag = '"' + hashlib.sha256(content).hexdigest()[:16] + '"'
        headers: dict[str, Any] = {"ETag": tag, "Accept_Ranges": "bytes", "Content_Type": "application/fhir+ndjson"}
        headers.update({"Content_Encoding": "gzip" if self.produced.packed else None}, **self.produced.headers)
        asked = self.handler.headers.get("Range", "").removeprefix("bytes=").removesuffix("-")
        if asked and self.handler.headers.get("If-Range") == headers["ETag"] and headers["Accept_Ranges"]:
            start = int(asked)
            if start >= len(content):
                self.send(416, b"", Content_Range=f"bytes */{len(content)}")
            else:
                self.send(206, content[start:], sent=sent, **headers, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send(200, content, sent=sent, **headers)


Fault = Callable[[Exchange], None]


def status(code: int, **headers: Any) -> Fault:
    """An answer with this status and an OperationOutcome."""
    outcome = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "processing", "diagnostics": "Mrs Doe"}]}
    return lambda exchange: exchange.send(code, outcome, **headers)


def cut(sent: int) -> Fault:
    """The connection ends in the middle of the file."""
    return lambda exchange: exchange.send_file(sent)


def reset(sent: int) -> Fault:
    """The connection is reset in the middle of the file."""

    def fault(exchange: Exchange) -> None:
        exchange.send_file(sent)
        exchange.reset()

    return fault


def stall(sent: int, seconds: float) -> Fault:
    """Nothing comes for some time in the middle of the file."""

    def fault(exchange: Exchange) -> None:
        exchange.send_file(sent)
        sleep(seconds)

    return fault


def page(content: bytes) -> Fault:
    """Something else than the file."""
    return lambda exchange: exchange.send(200, content, Content_Type="text/html")


@dataclass
class BulkServer:
    """Exports ``files`` of whatever is asked for; ``faults`` by step (kickoff, status, page, delete, name of a file), one at a time."""

    base_url: str
    files: list[Produced] = field(default_factory=list)
    faults: dict[str, deque[Fault]] = field(default_factory=dict)
    polls: int = 0
    """So often an export is not ready before it is."""
    wait: str | None = "0"
    """What Retry-After says until then."""
    per_page: int = 0
    """Files on a page of the manifest; 0: all."""
    partial: bool = False
    """Whether pages are shown while the export is not ready."""
    file_base: str = ""
    """Another server that holds the files."""
    changes: dict[str, Any] = field(default_factory=dict)
    """What the manifest says otherwise."""
    token: str = ""
    """What is accepted; empty: anything."""
    signed: bool = False
    """Whether addresses of files hold a signature that is renewed with each manifest."""
    piece: int = 4096
    """Bytes that are sent at a time."""
    hook: Callable[[], None] = lambda: None
    """Called at every request and every piece sent."""
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    posted: list[Json] = field(default_factory=list)
    exports: dict[str, int] = field(default_factory=dict)
    """Exports that the server remembers → how often they were asked about."""
    kicked: list[dict[str, list[str]]] = field(default_factory=list)
    manifests: int = 0
    types: tuple[str, ...] = ()
    """What its CapabilityStatement names; empty: it has none."""
    counts: dict[str, int] = field(default_factory=dict)
    """What the server says that it holds of a type, instead of what is in ``files``."""
    _lock: Lock = field(default_factory=Lock)

    def fail(self, step: str, *faults: Fault) -> None:
        """The next requests of this step end so, one after another."""
        self.faults.setdefault(step, deque()).extend(faults)

    def step(self) -> None:
        self.hook()

    def answer(self, exchange: Exchange) -> None:
        """Note the request and answer it."""
        handler = exchange.handler
        with self._lock:
            self.asked.append((handler.command, handler.path, dict(handler.headers.items())))
        self.step()
        parts = urlsplit(handler.path)
        path = parts.path.removeprefix("/fhir/")
        if self.token and handler.headers.get("Authorization") != f"Bearer {self.token}":
            exchange.send(401)
        elif path.endswith("$export"):
            self._kick_off(exchange, parse_qs(parts.query))
        elif path.startswith("status/"):
            self._status(exchange, path.removeprefix("status/"), parse_qs(parts.query))
        elif parts.path.startswith("/files/"):
            self._file(exchange, parts.path.removeprefix("/files/"), parse_qs(parts.query))
        elif path == "metadata" and self.types:
            resources = [{"type": name} for name in self.types]
            exchange.send(200, {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "resource": resources}]})
        elif "_summary" in parts.query:
            held = sum(len(file.lines) for file in self.files if file.kind == "output" and file.type == path)
            exchange.send(200, {"resourceType": "Bundle", "type": "searchset", "total": self.counts.get(path, held)})
        else:
            exchange.send(404)

    def _faulty(self, step: str, exchange: Exchange) -> bool:
        with self._lock:
            waiting = self.faults.get(step)
            fault = waiting.popleft() if waiting else None
        if fault:
            fault(exchange)
        return fault is not None

    def _kick_off(self, exchange: Exchange, query: dict[str, list[str]]) -> None:
        if self._faulty("kickoff", exchange):
            return
        with self._lock:
            self.kicked.append(query)
            name = f"job{len(self.kicked)}"
            self.exports[name] = 0
        exchange.send(202, Content_Location=f"{self.base_url}/status/{name}")

    def _status(self, exchange: Exchange, name: str, query: dict[str, list[str]]) -> None:
        number = int(query.get("page", ["0"])[0])
        if exchange.handler.command == "DELETE":
            if not self._faulty("delete", exchange):
                known = self.exports.pop(name, None) is not None
                exchange.send(202 if known else 404)
        elif not self._faulty("page" if number else "status", exchange):
            self._manifest(exchange, name, number)

    def _manifest(self, exchange: Exchange, name: str, number: int) -> None:
        with self._lock:
            if name not in self.exports:
                seen = -1
            else:
                seen = self.exports[name]
                self.exports[name] += not number
                self.manifests += 1
        if seen < 0:
            exchange.send(404)
        elif seen < self.polls and not self.partial:
            exchange.send(202, Retry_After=self.wait, X_Progress=f"{seen * 10} %")
        else:
            size = self.per_page or max(len(self.files), 1)
            pages = [self.files[i : i + size] for i in range(0, len(self.files), size)] or [[]]
            shown = pages[: seen + 1] if seen < self.polls else pages
            last = number >= len(shown) - 1
            link = {} if last else {"link": [{"relation": "next", "url": f"{self.base_url}/status/{name}?page={number + 1}"}]}
            exchange.send(
                200 if len(shown) == len(pages) and seen >= self.polls else 202, self._page(shown[number], link), Retry_After=self.wait
            )

    def _page(self, files: Sequence[Produced], link: Json) -> Json:
        base = self.file_base or self.base_url.removesuffix("/fhir") + "/files"
        lists: dict[str, list[Json]] = {"output": [], "error": []}
        for file in files:
            query = f"?signature={self.manifests}" if self.signed else ""
            said = {} if file.said == 0 else {"count": len(file.lines) if file.said is None else file.said}
            lists.setdefault(file.kind, []).append({"type": file.type, "url": f"{base}/{file.name}{query}"} | said)
        return {"transactionTime": TIME, "request": "x", "requiresAccessToken": bool(self.token)} | lists | link | self.changes

    def _file(self, exchange: Exchange, name: str, query: dict[str, list[str]]) -> None:
        exchange.produced = next((file for file in self.files if file.name == name), None)
        if self._faulty(name, exchange):
            return
        if exchange.produced is None:
            exchange.send(404)
        else:
            exchange.send_file()

    def tokens_seen(self) -> set[str | None]:
        """The Authorization headers of all requests."""
        return {headers.get("Authorization") for _, _, headers in self.asked}


def handler_for(holder: list[BulkServer]) -> type[BaseHTTPRequestHandler]:
    """Hands each request to the server in ``holder``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            with suppress(OSError):
                holder[0].answer(Exchange(self, holder[0]))

        do_DELETE = do_GET

        def do_POST(self) -> None:
            holder[0].posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that are killed leave in the middle; anything else is a defect of this server."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


@contextmanager
def bulk_server(*files: Produced) -> Iterator[BulkServer]:
    """Serve until the end of the block."""
    holder: list[BulkServer] = []
    with _Quiet(("127.0.0.1", 0), handler_for(holder)) as http:
        holder.append(BulkServer(f"http://127.0.0.1:{http.server_address[1]}/fhir", list(files)))
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield holder[0]
        finally:
            http.shutdown()
            thread.join()


def output(type: str, resources: Sequence[Json], number: int = 1, **changes: Any) -> Produced:
    """A file of resources."""
    return Produced("output", type, f"{type}.{number}", [json.dumps(resource) for resource in resources], **changes)
