"""HSDS as tables: one CSV file for each, named after it."""

import csv
from io import TextIOWrapper
from pathlib import Path
from typing import Final

from fhir_adapters.directory.hsds.names import address_type, table
from fhir_adapters.directory.hsds.rows import Tables
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.lines import opened
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import Part

ENDINGS: Final = (".csv", ".csv.gz")
# The library's own limit is 128 KiB, and the outline of an area is easily longer.
csv.field_size_limit(16 << 20)


def table_of(file: Path) -> str | None:
    """The table that a file is named after; ``None`` if it is none of HSDS."""
    return table(_stem(file))


def add_file(file: Path, tables: Tables, part: Part) -> None:
    """Every row of a file. Raises `SourceUnreadable` if it is no CSV in UTF-8, or has no column ``id``."""
    name = table_of(file)
    if name is None:
        raise SourceUnreadable(f"{file}: not named after a table of HSDS")
    kind = address_type(_stem(file))
    try:
        with opened(file) as stream, TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            header = [cell.strip() for cell in next(reader, [])]
            if header and "id" not in header:
                raise SourceUnreadable(f"{file}:1: no column is called 'id'")
            for cells in reader:
                part.lines += 1
                _add_row(name, header, cells, tables, part, kind)
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise SourceUnreadable(f"{file}: not a CSV file in UTF-8 ({type(error).__name__})") from None


def _add_row(name: str, header: list[str], cells: list[str], tables: Tables, part: Part, kind: str | None) -> None:
    if not cells:
        part.count(Outcome.BLANK)
    elif len(cells) != len(header):
        tables.quarantine.add(name, "", "", Reason.RAGGED)
        part.count(Outcome.QUARANTINED, name)
    else:
        fields = dict(zip(header, (cell.strip() for cell in cells), strict=True))
        tables.add(name, fields | ({"address_type": kind} if kind else {}), part)


def _stem(file: Path) -> str:
    return file.name.split(".", 1)[0].lower()
