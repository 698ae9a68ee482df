"""A file while it arrives: written as it comes, and looked through on the way: digest, number of lines, whether it was cut."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path
from typing import IO, Final

import orjson

_GZIP: Final = b"\x1f\x8b"
_PIECE: Final = 1 << 16
"""Unpacked at a time. Larger ones are taken from the system and given back each time, which costs half as much again."""
_LONGEST_TAIL: Final = 32 << 20


class _Lines:
    """Counts the lines of a text that comes in pieces, and keeps the last one as far as it goes."""

    def __init__(self) -> None:
        self.ended = 0
        self.first = b""
        self._tail: list[bytes] = []
        self._held = 0

    def take(self, piece: bytes) -> None:
        if not self.first:
            self.first = piece.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
        self.ended += piece.count(b"\n")
        end = piece.rfind(b"\n")
        if end >= 0:
            self._tail, self._held = [], 0
        if self._held <= _LONGEST_TAIL:
            self._tail.append(piece[end + 1 :])
            self._held += len(self._tail[-1])

    @property
    def tail(self) -> bytes:
        return b"".join(self._tail).strip()

    @property
    def count(self) -> int:
        return self.ended + bool(self.tail)


class Received:
    """What has arrived of one file, in ``path``; with ``resume`` after what is there already. Use it as a context."""

    def __init__(self, path: Path, *, resume: bool) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = path.open("r+b" if resume else "wb", buffering=0)
        self._reset()
        if resume:
            while piece := self._file.read(_PIECE):
                self._look(piece)

    def __enter__(self) -> "Received":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def _reset(self) -> None:
        self.bytes = 0
        self._digest = hashlib.sha256()
        self._lines = _Lines()
        self._head = b""
        self._unpack: zlib._Decompress | None = None
        self._damaged = False

    def restart(self) -> None:
        """Forget what has arrived."""
        self._file.seek(0)
        self._file.truncate()
        self._reset()

    def take(self, piece: bytes) -> None:
        """The next piece."""
        view = memoryview(piece)
        while view:
            view = view[self._file.write(view) :]
        self._look(piece)

    def keep(self) -> None:
        """Make sure that it is on the disk."""
        os.fsync(self._file.fileno())

    # ------------------------------------------------------------ what it is

    @property
    def packed(self) -> bool:
        """Whether it is compressed, whatever headers and names say."""
        return self._head == _GZIP

    @property
    def sha256(self) -> str:
        """Of the bytes as received."""
        return self._digest.hexdigest()

    @property
    def lines(self) -> int:
        """Lines of the text, unpacked; a last one without line feed counts, and so do blank ones."""
        return self._lines.count

    def problem(self, *, resources: bool) -> str:
        """Why this cannot be the whole file; empty if it can. Without ``resources`` its lines need not be JSON (a list of deletions)."""
        if self._damaged:
            return "its compression is damaged"
        if self._head == _GZIP[:1] or (self._unpack is not None and not self._unpack.eof):
            return "it was cut: its compression has no end"
        if resources and self._lines.first not in (b"", b"{"):
            return "it does not hold resources"
        return "it was cut in the middle of a line" if resources and self._lines.tail and not _is_json(self._lines.tail) else ""

    def _look(self, piece: bytes) -> None:
        self._digest.update(piece)
        self.bytes += len(piece)
        if self._head in (b"", _GZIP[:1]):
            piece = self._head + piece
            self._head = piece[: len(_GZIP)]
            if self._head == _GZIP[:1]:
                return
            if self.packed:
                self._unpack = zlib.decompressobj(wbits=31)
        if not self.packed:
            self._lines.take(piece)
        elif not self._damaged:
            self._unpacked(piece)

    def _unpacked(self, piece: bytes) -> None:
        """Piece by piece, so that a small file that unpacks into a huge one does not fill the memory."""
        assert self._unpack is not None  # noqa: S101 set before the first call
        try:
            while True:
                if self._unpack.eof:
                    piece = piece.lstrip(b"\0")
                    if not piece:
                        return
                    self._unpack = zlib.decompressobj(wbits=31)
                text = self._unpack.decompress(piece, _PIECE)
                self._lines.take(text)
                piece = self._unpack.unused_data if self._unpack.eof else self._unpack.unconsumed_tail
                if not piece and len(text) < _PIECE:
                    return
        except zlib.error:
            self._damaged = True


def _is_json(line: bytes) -> bool:
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True


def written_lines(path: Path, *, packed: bool) -> int:
    """Lines of the file that are not blank."""
    with gzip.open(path) if packed else path.open("rb") as stream:
        return sum(1 for line in stream if line.strip())
