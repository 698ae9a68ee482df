"""A file of lines, cut at line ends into blocks of bounded size."""

import io
import zlib
from collections.abc import Iterator
from typing import Final

from fhir_adapters.lines import Flaw

_BOM: Final = b"\xef\xbb\xbf"
_PIECE: Final = 1 << 20


def blocks(stream: io.BufferedIOBase, size: int, limit: int) -> Iterator[bytes | Flaw]:
    """Whole lines in order, many at once, of about ``size`` bytes together; a flaw stands for one line.

    They are the lines of `fhir_adapters.lines.bounded_lines`, with their ends; ``limit`` is that of one line.
    """
    parts: list[bytes] = []
    length, skipping = 0, False
    for piece in _pieces(stream):
        if isinstance(piece, Flaw):  # of a line that was cut off nothing is used
            whole = b"".join(parts)
            yield from _bounded(whole[: whole.rfind(b"\n") + 1], limit)
            yield piece
            return
        end = piece.rfind(b"\n") + 1
        if skipping:
            start = piece.find(b"\n") + 1
            skipping, piece, end = not start, piece[start or len(piece) :], end - start
        if end and length + end >= size:
            yield from _bounded(b"".join((*parts, piece[:end])), limit)
            parts, length, piece = [], 0, piece[end:]
        parts.append(piece)
        length += len(piece)
        if length > size + limit:
            whole = b"".join(parts)
            end = whole.rfind(b"\n") + 1
            yield from _bounded(whole[:end], limit)
            skipping = len(whole) - end > limit
            yield from [Flaw.TOO_LONG] if skipping else []
            parts = [] if skipping else [whole[end:]]
            length = sum(map(len, parts))
    yield from _bounded(b"".join(parts), limit)


def _bounded(block: bytes, limit: int) -> Iterator[bytes | Flaw]:
    """The block; if a line in it may be too long, line by line."""
    if len(block) <= limit:
        yield from filter(None, [block])
        return
    for line in io.BytesIO(block):
        yield Flaw.TOO_LONG if len(line.rstrip(b"\r\n")) > limit else line


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
