"""The pipe between the durable engine and its child process, seen from the parent: it never waits for ever and never raises."""

import os
import select
import subprocess
from contextlib import suppress
from time import monotonic
from typing import IO, Final

from rules.engines.frames import MAX_FRAME, frame, size_of

_PIECE: Final = 1 << 16
"""Bytes that are asked for at once: nearly every answer is shorter."""


class Channel:
    """Sends frames to a child process and waits for its answers."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """``process`` must have pipes for its standard input and output."""
        assert process.stdin  # noqa: S101 - started with pipes
        assert process.stdout  # noqa: S101
        self._input, self._output = process.stdin, process.stdout
        os.set_blocking(self._input.fileno(), False)

    def exchange(self, request: bytes, seconds: float) -> bytes | None:
        """Send a frame and wait for its answer; ``None`` if that failed or took longer than so many seconds."""
        until = monotonic() + seconds
        try:
            self._write(frame(request), until)
            return self._read(until)
        except (OSError, EOFError, ValueError):  # ValueError: the stream was closed
            return None

    def close(self) -> None:
        """Let go of both ends."""
        for stream in (self._input, self._output):
            with suppress(OSError):
                stream.close()

    def _write(self, data: bytes, until: float) -> None:
        """All of it, as fast as the child takes it: a pipe holds little, and a child that hangs takes nothing."""
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._input.fileno(), rest) :]
            except BlockingIOError:
                if not _ready(self._input, select.POLLOUT, until):
                    raise EOFError from None

    def _read(self, until: float) -> bytes | None:
        """The body of a frame; ``None``: it is longer than any can be. Whatever comes is the answer: nothing else was asked."""
        found = bytearray()
        size = MAX_FRAME
        while len(found) < 4 + size:
            piece = os.read(self._output.fileno(), _PIECE) if _ready(self._output, select.POLLIN, until) else b""
            if not piece:
                raise EOFError
            found += piece
            if len(found) >= 4 and (size := size_of(bytes(found[:4]))) > MAX_FRAME:
                return None
        return bytes(found[4:]) if len(found) == 4 + size else None


def _ready(stream: IO[bytes], event: int, until: float) -> bool:
    """Whether a stream can be used before a time. Not by ``select``, which refuses any above number 1023: a server may hold more open."""
    poll = select.poll()
    poll.register(stream.fileno(), event)
    return bool(poll.poll(max(0.0, until - monotonic()) * 1000))
