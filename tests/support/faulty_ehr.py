"""A FHIR server on loopback that does wrong whatever a test tells it to."""

import json
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from threading import Thread
from time import sleep
from typing import Any
from urllib.parse import parse_qs, urlsplit

from support.hand_made import HAND_MADE

Answer = tuple[int, dict[str, str], bytes]
Behaviour = Callable[[str, dict[str, list[str]], dict[str, str]], Answer]


@dataclass
class Faulty:
    """Answers as told for one resource type; for the others as a good server that holds ann, bob and cleo."""

    base_url: str
    behaviours: dict[str, Behaviour] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    posted: list[bytes] = field(default_factory=list)
    """The bodies of POSTs; the last one belongs to the request that is being answered."""

    def answer(self, path: str, headers: dict[str, str]) -> Answer:
        """Note the request, and answer as told for its resource type."""
        self.asked.append((path, headers))
        parts = urlsplit(path)
        name = parts.path.removeprefix("/fhir/").split("/")[0]
        return self.behaviours.get(name, self.good)(parts.path, parse_qs(parts.query), headers)

    def good(self, path: str, query: dict[str, list[str]], headers: dict[str, str]) -> Answer:
        """What a good server would say."""
        name, _, id = path.removeprefix("/fhir/").partition("/")
        wanted = query.get("patient", [""])[0]
        found = [r for r in HAND_MADE if r["resourceType"] == name and wanted in str(r.get("subject") or r.get("for"))]
        if id:
            return body(next(r for r in found if r["id"] == id))
        return body(page(found, len(found)))


def body(resource: Any, status: int = 200, **headers: str) -> Answer:
    """A JSON answer; ``Retry_After`` stands for the header ``Retry-After``."""
    return status, {"Content-Type": "application/fhir+json"} | headers, json.dumps(resource).encode()


def page(resources: list[dict[str, Any]], total: int | None = None, **links: str) -> dict[str, Any]:
    """A Bundle of search results."""
    return {
        "resourceType": "Bundle",
        "type": "searchset",
        "link": [{"relation": relation, "url": url} for relation, url in links.items()],
        "entry": [{"resource": resource, "search": {"mode": "match"}} for resource in resources],
    } | ({} if total is None else {"total": total})


def _over_tls(certificate: Path, clients: Path | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients)
    return context


@contextmanager
def serving(certificate: Path | None = None, *, clients: Path | None = None) -> Iterator[Faulty]:
    """Serve until the end of the block; with a certificate (and its key), over TLS, and then only to ``clients`` if they are named."""
    server: Faulty

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            server.posted.append(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
            self.do_GET()

        do_PUT = do_PATCH = do_POST

        def do_DELETE(self) -> None:
            self.do_GET()

        def do_GET(self) -> None:
            status, headers, content = server.answer(self.path, dict(self.headers.items()))
            self.send_response(status)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                if value:
                    self.send_header(name.replace("_", "-"), value)
            self.end_headers()
            self.close_connection = "Content-Length" in headers
            with suppress(OSError):
                self.send(content, slowly="X-Drip" in headers)

        def send(self, content: bytes, *, slowly: bool) -> None:
            for chunk in [content[i : i + 1] for i in range(len(content))] if slowly else [content]:
                self.wfile.write(chunk)
                self.wfile.flush()
                sleep(0.05 if slowly else 0)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        if certificate is not None:
            http.socket = _over_tls(certificate, clients).wrap_socket(http.socket, server_side=True)
        scheme = "http" if certificate is None else "https"
        server = Faulty(f"{scheme}://127.0.0.1:{http.server_address[1]}/fhir")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            http.shutdown()
            thread.join()


def fixed(answer: Answer) -> Behaviour:
    """Always the same."""
    return lambda *_: answer


def in_turn(*answers: Answer) -> Behaviour:
    """One after another; the last one stays."""
    turn = count()
    return lambda *_: answers[min(next(turn), len(answers) - 1)]
