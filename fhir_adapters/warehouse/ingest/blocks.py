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

    They are the lines of `fhir_adapters.lines.bounded_lines`, with their ends; ``limit`` is that of one line, and not below ``size``.
    """
    held, skipping, first = b"", False, True
    for piece in _pieces(stream, size):
        if isinstance(piece, Flaw):
            yield piece  # of a line that was cut off nothing is used
            return
        block = held + (piece.removeprefix(_BOM) if first else piece)
        first = False
        if skipping or len(block) > limit:
            line, _, rest = block.partition(b"\n")
            if skipping or len(line.rstrip(b"\r")) > limit:
                if not skipping:
                    yield Flaw.TOO_LONG
                skipping = len(line) == len(block)
                block = rest
        end = block.rfind(b"\n") + 1
        if end:
            yield block[:end]
        held = block[end:]
    if held:
        yield held


def _pieces(stream: io.BufferedIOBase, size: int) -> Iterator[bytes | Flaw]:
    """What can be read, also of a file of which the rest cannot."""
    parts: list[bytes] = []
    held, broken = 0, False
    try:
        while part := stream.read1(min(_PIECE, size - held)):
            parts.append(part)
            held += len(part)
            if held == size:
                yield b"".join(parts)
                parts, held = [], 0
    except (EOFError, OSError, zlib.error):
        broken = True
    if parts:
        yield b"".join(parts)
    if broken:
        yield Flaw.BROKEN
