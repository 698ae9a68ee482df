"""A file of lines, many at a time, in bounded memory."""

import io
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from fhir_adapters.lines import Flaw

_BOM: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Block:
    """Lines with line feeds between them. Not ``ended``: the last one had none; perhaps it was cut."""

    content: bytes
    ended: bool = True

    @property
    def lines(self) -> Sequence[bytes]:
        """Without their line feeds."""
        return self.content.split(b"\n")


def blocks(stream: io.BufferedIOBase, size: int, limit: int) -> Iterator[Block | Flaw]:
    """All lines in order, of about ``size`` bytes together; a flaw stands for one line.

    They are the lines of `fhir_adapters.lines.bounded_lines`; ``limit`` is that of one line.
    """
    rest: list[bytes] = []  # of the line that has not ended yet; of one beyond the limit not all
    held = 0
    for found in _pieces(stream, size):
        if isinstance(found, Flaw):  # of a line that was cut off nothing is used
            yield found
            return
        end = found.rfind(b"\n")
        if end >= 0 or held <= limit + len(b"\r\n"):
            rest.append(found if end < 0 else found[:end])
            held += len(found)
        if end >= 0:
            yield from _bounded(b"".join(rest), limit)
            rest = [found[end + 1 :]]
            held = len(rest[0])
    if held:
        yield from _bounded(b"".join(rest), limit, ended=False)


def _bounded(content: bytes, limit: int, *, ended: bool = True) -> Iterator[Block | Flaw]:
    """The lines, with a flaw for each that is too long."""
    if len(content) <= limit:
        yield Block(content, ended)
        return
    for too_long, group in groupby(content.split(b"\n"), lambda line: len(line.rstrip(b"\r")) > limit):
        found = list(group)
        yield from [Flaw.TOO_LONG] * len(found) if too_long else [Block(b"\n".join(found), ended)]


def _pieces(stream: io.BufferedIOBase, size: int) -> Iterator[bytes | Flaw]:
    """What can be read, also of a file of which the rest cannot; without a byte-order mark."""
    try:
        piece = stream.read1(size)
        while 0 < len(piece) < len(_BOM) and (more := stream.read1(size)):
            piece += more
        piece = piece.removeprefix(_BOM)
        while piece:
            yield piece
            piece = stream.read1(size)
    except (EOFError, OSError, zlib.error):
        yield Flaw.BROKEN
