"""A file of lines, many at a time, in bounded memory."""

import io
import zlib
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from fhir_adapters.lines import Flaw

_BOM: Final = b"\xef\xbb\xbf"
_PIECE: Final = 1 << 20


class Block(NamedTuple):
    """Lines without their line feeds. Not ``ended``: the last one had none; perhaps it was cut."""

    lines: Sequence[bytes]
    ended: bool = True


def blocks(stream: io.BufferedIOBase, size: int, limit: int) -> Iterator[Block | Flaw]:
    """All lines in order, of about ``size`` bytes together; a flaw stands for one line.

    They are the lines of `fhir_adapters.lines.bounded_lines`; ``limit`` is that of one line.
    """
    lines: list[bytes] = []
    rest: list[bytes] = []  # of the line that has not ended yet; of one beyond the limit not all
    length = held = 0
    for piece in _pieces(stream):
        if isinstance(piece, Flaw):  # of a line that was cut off nothing is used
            yield from _bounded(lines, limit)
            yield piece
            return
        found = piece.split(b"\n")
        if held <= limit + len(b"\r\n"):
            rest.append(found[0])
            held += len(found[0])
        if len(found) > 1:
            lines += [b"".join(rest), *found[1:-1]]
            rest, held = [found[-1]], len(found[-1])
            length += len(piece)
        if length >= size:
            yield from _bounded(lines, limit)
            lines, length = [], 0
    yield from _bounded(lines, limit)
    yield from _bounded(list(filter(None, [b"".join(rest)])), limit, ended=False)


def _bounded(lines: Sequence[bytes], limit: int, *, ended: bool = True) -> Iterator[Block | Flaw]:
    """The lines, with a flaw for each that is too long."""
    if max(map(len, lines), default=0) <= limit:
        yield from [Block(lines, ended)] if lines else []
        return
    for too_long, group in groupby(lines, lambda line: len(line.rstrip(b"\r")) > limit):
        found = list(group)
        yield from [Flaw.TOO_LONG] * len(found) if too_long else [Block(found, ended)]


def _pieces(stream: io.BufferedIOBase) -> Iterator[bytes | Flaw]:
    """What can be read, also of a file of which the rest cannot; without a byte-order mark."""
    try:
        piece = stream.read1(_PIECE)
        while 0 < len(piece) < len(_BOM) and (more := stream.read1(_PIECE)):
            piece += more
        piece = piece.removeprefix(_BOM)
        while piece:
            yield piece
            piece = stream.read1(_PIECE)
    except (EOFError, OSError, zlib.error):
        yield Flaw.BROKEN
