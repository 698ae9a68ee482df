"""Frames between the durable engine and its child process: a 4-byte little-endian length, then that many bytes."""

import struct
from typing import IO, Protocol


class Readable(Protocol):
    """What a frame is read from."""

    def read(self, size: int, /) -> bytes:
        """Up to ``size`` bytes."""
        ...


def read_frame(stream: Readable) -> bytes | None:
    """The next frame, or ``None`` at the end or if the stream was cut."""
    header = stream.read(4)
    if len(header) < 4:
        return None
    size = struct.unpack("<I", header)[0]
    body = stream.read(size)
    return body if len(body) == size else None


def write_frame(stream: IO[bytes], body: bytes) -> None:
    """Send one frame."""
    stream.write(struct.pack("<I", len(body)) + body)
    stream.flush()
