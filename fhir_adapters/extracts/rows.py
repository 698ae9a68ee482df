"""Rows of a CSV file as text, each with the line on which it begins.

Python's reader in its strict mode: it says where a quote is left open. DuckDB's dropped such a row, and what followed, without a word.
"""

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import IO, NamedTuple

from fhir_adapters.lines import opened


class Row(NamedTuple):
    """The cells of a row, and the first of its lines in the file."""

    line: int
    cells: list[str]


class Unreadable(NamedTuple):
    """Lines of which no row could be made: a quote is left open, or a cell is too long."""

    line: int
    lines: int


def rows(file: Path, separator: str) -> Iterator[Row | Unreadable]:
    """All rows, the one with the column names first. Blank lines are left out; bytes that are not UTF-8 become lone surrogates."""
    with opened(file) as raw, _text(raw) as text:
        reader = csv.reader(text, delimiter=separator, strict=True)
        before = 0
        while True:
            try:
                cells = next(reader, None)
            except csv.Error:
                yield Unreadable(before + 1, reader.line_num - before)
                before = reader.line_num
                continue
            if cells is None:
                return
            if cells:
                yield Row(before + 1, cells)
            before = reader.line_num


def _text(raw: IO[bytes]) -> io.TextIOWrapper:
    return io.TextIOWrapper(raw, encoding="utf-8-sig", errors="surrogateescape", newline="")
