"""What stands before the service at an operator's: it ends TLS, and passes on the bytes that it finds inside."""

import contextlib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread


@contextmanager
def tls_proxy(certificate: Path) -> Iterator["TlsProxy"]:
    """Serve with this certificate and key until the end of the block. Set ``target`` before the first connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        proxy = TlsProxy(f"https://127.0.0.1:{listening.getsockname()[1]}")
        thread = Thread(target=proxy.accept, args=(listening, context))
        thread.start()
        try:
            yield proxy
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


class TlsProxy:
    """Where it is called, and the port of the server behind it."""

    def __init__(self, url: str) -> None:
        self.url, self.target = url, 0

    def accept(self, listening: socket.socket, context: ssl.SSLContext) -> None:
        """Take connections until ``listening`` is shut."""
        passing: list[Thread] = []
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                break
            passing.append(Thread(target=self._serve, args=(connection, context)))
            passing[-1].start()
        for thread in passing:
            thread.join()

    def _serve(self, connection: socket.socket, context: ssl.SSLContext) -> None:
        """One connection, there and back. Whoever speaks no TLS gets nothing."""
        try:
            inside = context.wrap_socket(connection, server_side=True)
        except OSError:
            connection.close()
            return
        with inside, socket.create_connection(("127.0.0.1", self.target)) as behind:
            back = Thread(target=_pass_on, args=(behind, inside))
            back.start()
            _pass_on(inside, behind)
            back.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    """Until one of them has had enough."""
    with contextlib.suppress(OSError):
        while found := source.recv(65536):
            target.sendall(found)
    for each in (source, target):
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
