"""A total time limit for an HTTP exchange: a server that drips bytes cannot hold us longer.

The time-outs of ``requests`` hold for each ``recv`` alone, so one byte every few seconds goes on for ever. Here every ``recv`` and
``send`` of the connection, plain or TLS, gets only what is left of the limit.
"""

import io
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

_until: Final[ContextVar[tuple[float, float]]] = ContextVar("_until")
"""When the time is over, and how long nothing at all may come."""


@contextmanager
def deadline(seconds: float, silence: float | None = None) -> Iterator[None]:
    """Whatever is sent or received within ends in time, and no ``silence`` is longer, or it raises ``TimeoutError``.

    Inside another one it ends no later than that one.
    """
    until = min(time.monotonic() + seconds, _until.get((inf, 0.0))[0])
    token = _until.set((until, seconds if silence is None else silence))
    try:
        yield
    finally:
        _until.reset(token)


def left() -> float:
    """Seconds that the next wait may take. Raises ``TimeoutError`` if the time is over."""
    until, silence = _until.get()
    rest = until - time.monotonic()
    if rest <= 0:
        raise TimeoutError("the time limit of the request is over")
    return min(rest, silence)


class _TimedReader(io.RawIOBase):
    def __init__(self, raw: Any, sock: socket.socket) -> None:
        self._raw, self._sock = raw, sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(left())
        count: int | None = self._raw.readinto(buffer)
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedSocket:
    """Stands before a socket, plain or TLS."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str, *_: Any, **__: Any) -> io.BufferedReader:
        """What ``http.client`` reads the answer from (it asks for ``rb`` only)."""
        return io.BufferedReader(_TimedReader(self._sock.makefile(mode, buffering=0), self._sock))

    def sendall(self, data: bytes) -> None:
        """Send within the limit."""
        self._sock.settimeout(left())
        self._sock.sendall(data)


class _Plain(HTTPConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)


class _Secure(HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock = _TimedSocket(self.sock)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _Secure


class DeadlineAdapter(HTTPAdapter):
    """Mount it on a ``requests.Session``; every request must then run inside `deadline`."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As usual, with the pools of this module."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SecurePool}
