"""Frames between the durable engine and its child process: a 4-byte little-endian length, then that many bytes."""

import struct
from typing import IO, Final, Protocol

MAX_FRAME: Final = 64 << 20
"""A longer one is nonsense: the answer about a person takes some hundred bytes."""


class Readable(Protocol):
    """What a frame is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes."""
        ...


def frame(body: bytes) -> bytes:
    """A body with its length before it."""
    return struct.pack("<I", len(body)) + body


def size_of(header: bytes) -> int:
    """How long the body is, from the first 4 bytes."""
    size: int = struct.unpack("<I", header)[0]
    return size


def read_frame(stream: Readable) -> bytes | None:
    """The next frame, or ``None`` at the end or if the stream was cut."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    size = size_of(header)
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Send one frame."""
    stream.write(frame(body))
    stream.flush()
