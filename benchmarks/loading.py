"""A closed loop of HTTP calls over kept connections, by plain sockets: what it costs itself is little, and is measured."""

import socket
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from threading import Lock, Thread
from typing import Final

_END: Final = b"\r\n\r\n"
_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back."""

    status: int
    headers: dict[str, str]
    """Names in small letters."""
    body: bytes
    milliseconds: float


@dataclass(slots=True)
class Loop:
    """The replies to a number of calls, in the order in which they came, and what it took to make the calls."""

    replies: list[Reply] = field(default_factory=list)
    seconds: float = 0.0
    own_cpu: float = 0.0
    """Seconds of the process that calls."""


class Connection:
    """A kept connection to a server on this machine."""

    def __init__(self, url: str) -> None:
        """``url``: ``http://127.0.0.1:8000``."""
        host, _, port = url.removeprefix("http://").partition(":")
        self._socket = socket.create_connection((host, int(port)), _SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = bytearray()

    def call(self, head: bytes, body: bytes) -> Reply:
        """One request and its reply. Raises `OSError` if the server does not answer it whole."""
        begun = time.perf_counter()
        self._socket.sendall(head + body)
        while (end := self._rest.find(_END)) < 0:
            self._receive()
        first, *lines = self._rest[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        last = end + len(_END) + int(headers.get("content-length", 0))
        while len(self._rest) < last:
            self._receive()
        content, self._rest = bytes(self._rest[end + len(_END) : last]), self._rest[last:]
        return Reply(int(first.split()[1]), headers, content, (time.perf_counter() - begun) * 1000)

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def _receive(self) -> None:
        piece = self._socket.recv(1 << 16)
        if not piece:
            raise ConnectionResetError("the server hung up")
        self._rest += piece


def closed_loop(url: str, heads: Iterable[bytes], body: Callable[[], bytes], concurrency: int) -> Loop:
    """Make a call with each of ``heads``, always so many at one time."""
    waiting, lock, loop = iter(list(heads)), Lock(), Loop()

    def caller() -> None:
        connection = Connection(url)
        while True:
            with lock:
                head = next(waiting, None)
            if head is None:
                break
            loop.replies.append(connection.call(head, body()))
        connection.close()

    callers = [Thread(target=caller) for _ in range(concurrency)]
    begun, cpu = time.perf_counter(), time.process_time()
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    loop.seconds, loop.own_cpu = time.perf_counter() - begun, time.process_time() - cpu
    return loop
