"""A closed loop of HTTP calls, all connections by one thread on plain sockets: what it costs itself is little, and is measured."""

import socket
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
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


class _Caller:
    """One connection to a server on this machine, kept for as long as the server keeps it."""

    def __init__(self, url: str) -> None:
        host, _, port = url.removeprefix("http://").partition(":")
        self._place, self._open = (host, int(port)), False
        self.socket = socket.socket()
        self._rest, self._came, self._begun = memoryview(b""), bytearray(), 0.0

    def begin(self, request: bytes) -> None:
        """The clock of a call starts, and its request with it; a connection that was closed is made anew within its time."""
        self._begun = time.perf_counter()
        if not self._open:
            self.close()
            self.socket = socket.create_connection(self._place, _SECONDS)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.socket.setblocking(False)
            self._open = True
        self._rest, self._came = memoryview(request), bytearray()

    def send(self) -> bool:
        """As much of the request as there is room for; whether all of it is gone."""
        try:
            self._rest = self._rest[self.socket.send(self._rest) :]
        except BlockingIOError:
            return False
        return not self._rest

    def receive(self) -> Reply | None:
        """What there is of the reply; the whole of it, once it is there. Raises `OSError` if the server does not answer it whole."""
        piece = self.socket.recv(1 << 16)
        if not piece:
            raise ConnectionResetError("the server hung up")
        self._came += piece
        if (end := self._came.find(_END)) < 0:
            return None
        first, *lines = self._came[:end].decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = bytes(self._came[end + len(_END) :])
        if len(body) < int(headers.get("content-length", 0)):
            return None
        took = (time.perf_counter() - self._begun) * 1000
        if headers.get("connection", "").lower() == "close":
            self._open = False
        return Reply(int(first.split()[1]), headers, body, took)

    def close(self) -> None:
        """Hang up."""
        self.socket.close()


def closed_loop(url: str, heads: Iterable[bytes], body: Callable[[], bytes], concurrency: int) -> Loop:
    """Make a call with each of ``heads``, always so many at one time."""
    requests = (head + body() for head in list(heads))
    callers = [_Caller(url) for _ in range(concurrency)]
    loop = Loop()
    begun, cpu = time.perf_counter(), time.process_time()
    with DefaultSelector() as events:
        for caller in callers:
            _call(caller, requests, events)
        while events.get_map():
            loop.replies += _heard(requests, events)
    loop.seconds, loop.own_cpu = time.perf_counter() - begun, time.process_time() - cpu
    for caller in callers:
        caller.close()
    return loop


def _call(caller: _Caller, requests: Iterator[bytes], events: DefaultSelector) -> None:
    """The next request, if there is one."""
    request = next(requests, None)
    if request is not None:
        caller.begin(request)
        events.register(caller.socket, EVENT_READ if caller.send() else EVENT_READ | EVENT_WRITE, caller)


def _heard(requests: Iterator[bytes], events: DefaultSelector) -> Iterator[Reply]:
    """What is whole of that which has come; whoever was answered makes the next call."""
    ready = events.select(_SECONDS)
    if not ready:
        raise TimeoutError("the server does not answer")
    for key, what in ready:
        caller: _Caller = key.data
        if what & EVENT_WRITE and caller.send():
            events.modify(key.fileobj, EVENT_READ, caller)
        if what & EVENT_READ and (found := caller.receive()) is not None:
            events.unregister(key.fileobj)
            yield found
            _call(caller, requests, events)
