"""A file of lines, many at a time, in bounded memory."""

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from fhir_adapters.lines import Flaw, too_long

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines, each with its line feed; the last one of a file may have none, and was perhaps cut."""

    lines: Sequence[bytes]

    @property
    def size(self) -> int:
        """In bytes."""
        return sum(map(len, self.lines))


def blocks(stream: io.BufferedIOBase, size: int, limit: int) -> Iterator[Block | Flaw]:
    """All lines in order, of about ``size`` bytes together; a flaw stands for one line.

    They are the lines of `fhir_adapters.lines.bounded_lines`; ``limit`` is that of one line.
    """
    pieces = _Pieces(stream, limit + 2 * size + 2)
    reader = io.BufferedReader(pieces, size)
    prefix = _BOM
    while lines := reader.readlines(size):
        if not lines[-1].endswith(b"\n"):
            if pieces.broken:
                del lines[-1]  # of a line that was cut off nothing is used
            elif pieces.stopped:
                pieces.skip(reader, size)
        pieces.given = 0
        lines[:1] = [line.removeprefix(prefix) for line in lines[:1]]
        prefix = b""
        yield from _bounded(lines, limit)
    if pieces.broken:
        yield Flaw.BROKEN


def _bounded(lines: list[bytes], limit: int) -> Iterator[Block | Flaw]:
    """The lines, with a flaw for each that is too long."""
    if sum(map(len, lines)) <= limit:
        yield Block(lines)
        return
    for unusable, group in groupby(lines, lambda line: too_long(line, limit)):
        found = list(group)
        yield from [Flaw.TOO_LONG] * len(found) if unusable else [Block(found)]


class _Pieces(io.RawIOBase):
    """A stream that ends for the time being when more than ``most`` bytes were ``given``: so no line is ever whole in memory that is too
    long. It ends for good where the stream cannot be read any further.
    """

    def __init__(self, stream: io.BufferedIOBase, most: int) -> None:
        self._stream, self._most = stream, most
        self.given = 0
        self.broken = False

    @property
    def stopped(self) -> bool:
        """Whether it has ended for the time being."""
        return self.given > self._most

    def readable(self) -> bool:
        """It is there to be read."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Some more of the stream, if there is any."""
        if self.stopped or self.broken:
            return 0
        try:
            count = self._stream.readinto1(buffer)
        except (EOFError, OSError, zlib.error):
            self.broken = True
            return 0
        self.given += count
        return count

    def skip(self, reader: io.BufferedIOBase, size: int) -> None:
        """Let ``reader``, which reads this, leave out the rest of a line."""
        self.given = 0
        while (rest := reader.readline(size)) and not rest.endswith(b"\n"):
            self.given = 0
