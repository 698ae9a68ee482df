"""Every connection that this process makes, and every name that it looks up: seen by Python itself, whichever library asks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_watched: list[list[str]] = []


def _seen(event: str, arguments: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo") and _watched:
        host, port = arguments[1][:2] if event == "socket.connect" and isinstance(arguments[1], tuple) else arguments[:2]
        for each in _watched:
            each.append(f"{host}:{port}")


sys.addaudithook(_seen)


@contextmanager
def connections() -> Iterator[list[str]]:
    """A list of ``host:port`` that grows while the block runs."""
    found: list[str] = []
    _watched.append(found)
    try:
        yield found
    finally:
        _watched.remove(found)
