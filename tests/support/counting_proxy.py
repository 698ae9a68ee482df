"""A reverse proxy on loopback that passes everything on, and remembers who asked what."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, Final
from urllib.parse import urlsplit

_PER_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host"})


@dataclass
class Counting:
    """The proxy, and what it saw."""

    base_url: str
    target: str = ""
    """``host:port`` of the server behind it."""
    seen: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path without query, and Authorization of each request."""

    def count(self, path: str) -> int:
        """How many requests went to ``path``."""
        return sum(seen == path for _, seen, _ in self.seen)


@contextmanager
def counting_proxy(path: str = "/fhir") -> Iterator[Counting]:
    """Serve until the end of the block. Set ``target`` before the first request."""
    proxy: Counting

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            proxy.seen.append((self.command, urlsplit(self.path).path, self.headers.get("Authorization")))
            length = int(self.headers.get("Content-Length", "0"))
            sent = {name: value for name, value in self.headers.items() if name.lower() not in _PER_HOP}
            connection = HTTPConnection(proxy.target, timeout=60)
            connection.request(self.command, self.path, self.rfile.read(length) if length else None, sent)
            answer = connection.getresponse()
            content = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _PER_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_DELETE = do_PATCH = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        http.block_on_close = False
        proxy = Counting(f"http://127.0.0.1:{http.server_address[1]}{path}")
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield proxy
        finally:
            http.shutdown()
            thread.join()
