"""Lines of a possibly hostile file: split on line feeds only, bounded in length, never read whole."""

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum, auto
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

import pyarrow as pa

_BOM: Final = b"\xef\xbb\xbf"
_GULP: Final = 1 << 20


class Flaw(Enum):
    """What may stand in place of a line."""

    TOO_LONG = auto()
    """Longer than allowed; skipped up to its end."""
    BROKEN = auto()
    """The rest of the file cannot be read: compression cut or damaged, or the disk failed."""


class Line(NamedTuple):
    """A line without its end. Not ``ended``: the last one, without a line feed; perhaps it was cut."""

    content: bytes
    ended: bool = True


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The file's bytes, decompressed if its name ends in ``.gz`` or ``.zst``."""
    with path.open("rb") as raw:
        if path.suffix == ".gz":
            with gzip.GzipFile(fileobj=raw) as unpacked:
                yield cast("IO[bytes]", unpacked)
        elif path.suffix == ".zst":
            with pa.CompressedInputStream(raw, "zstd") as unpacked:
                yield io.BufferedReader(unpacked)
        else:
            yield raw


def bounded_lines(stream: IO[bytes], limit: int) -> Iterator[Line | Flaw]:
    """Lines without their ends; a byte-order mark is dropped from the first. ``limit`` is in bytes."""
    first = True
    try:
        while line := stream.readline(limit + 2):
            if too_long(line, limit):
                _skip_rest(stream, line)
                yield Flaw.TOO_LONG
            else:
                content = line.removeprefix(_BOM) if first else line
                yield Line(content.rstrip(b"\r\n"), line.endswith(b"\n"))
            first = False
    except (EOFError, OSError, zlib.error):
        yield Flaw.BROKEN


def too_long(line: bytes, limit: int) -> bool:
    """Whether a line, with its end if it has one, is longer than allowed. Of what stands before the line feed only one carriage return is
    no part of it.
    """
    return len(line.rstrip(b"\r\n")) > limit or len(line) - line.endswith(b"\n") > limit + 1


def _skip_rest(stream: IO[bytes], line: bytes) -> None:
    while line and not line.endswith(b"\n"):
        line = stream.readline(_GULP)


def whole(stream: IO[bytes], limit: int) -> bytes | Flaw:
    """The whole of a file that holds one document."""
    try:
        content = stream.read(limit + 1)
    except (EOFError, OSError, zlib.error):
        return Flaw.BROKEN
    return Flaw.TOO_LONG if len(content) > limit else content.removeprefix(_BOM)
