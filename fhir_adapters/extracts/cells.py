"""One row, cell by cell: text to what it means."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Final

from fhir_adapters.codes import Codes
from fhir_adapters.dates import Moment, parse
from fhir_adapters.extracts.description import Cell, Column
from fhir_adapters.quarantine import Reading, Reason
from rules.facts import Coding

_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Cells:
    """The cells of one row. Whatever cannot be understood is reported with its place and is ``None``."""

    reading: Reading
    file: str
    line: int
    texts: list[str]
    columns: Mapping[str, int]
    missing: frozenset[str]

    def raw(self, column: Column | None) -> str | None:
        """The text of a column; ``None`` if there is none."""
        if column is None:
            return None
        text = self.texts[self.columns[column.name]].strip()
        if not text or text in self.missing:
            return None
        if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
            self.bad(column, Reason.NOT_UTF8)
            return None
        return text

    def bad(self, column: Column | None, reason: Reason) -> None:
        """Report a cell by file, line and column, or the row."""
        place = f"{self.file}:{self.line}" + (f":{self.columns[column.name] + 1}" if column else "")
        self.reading.bad(place, reason)

    def text(self, cell: Cell | None) -> str | None:
        """What a cell says, in the words of the description."""
        if cell is None or cell.column is None:
            return None if cell is None else cell.fixed
        text = self.raw(cell.column)
        if text is None or cell.words is None:
            return text
        if text not in cell.words:
            self.bad(cell.column, Reason.NOT_IN_BINDING)
            return None
        return cell.words[text] or None

    def one_of(self, cell: Cell | None, known: frozenset[str]) -> str | None:
        """A word out of a required list."""
        text = self.text(cell)
        if text is None or text in known:
            return text
        self.bad(cell.column if cell else None, Reason.NOT_IN_BINDING)
        return None

    def yes_or_no(self, cell: Cell | None) -> bool | None:
        """A truth value."""
        text = self.one_of(cell, frozenset({"yes", "no"}))
        return None if text is None else text == "yes"

    def moment(self, cell: Cell | None) -> Moment | None:
        """A date or time."""
        text = self.text(cell)
        if cell is None or text is None:
            return None
        moment = parse(text) if cell.dates is None else _written(text, cell.dates)
        if moment is None:
            self.bad(cell.column, Reason.INVALID_DATE)
        elif not moment.zoned:
            self.bad(cell.column, Reason.NO_ZONE)
        return moment

    def number(self, cell: Cell | None) -> float | None:
        """A number with a decimal point. ``<5`` is none: on which side of a threshold it lies cannot be told."""
        text = self.text(cell)
        if cell is None or text is None:
            return None
        number = float(text) if _NUMBER.fullmatch(text) else float("inf")
        if not isfinite(number):
            self.bad(cell.column, Reason.NOT_A_NUMBER)
            return None
        return number

    def coding(self, cell: Cell | None) -> Coding | None:
        """A code in the system that the description names."""
        text = self.text(cell)
        return Coding(cell.system, text) if cell is not None and text is not None else None

    def codes(self, cells: tuple[Cell, ...]) -> Codes:
        """What the row is about; lost (and reported) if no cell says."""
        found = tuple(dict.fromkeys(coding for coding in map(self.coding, cells) if coding))
        if not found:
            self.bad(cells[0].column if cells else None, Reason.MISSING)
        return Codes(found, not found)


def _written(text: str, pattern: str) -> Moment | None:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 a zone is there only if the pattern has one; without, it is reported
    except ValueError:
        return None
    timed = any(sign in pattern for sign in ("%H", "%I", "%c", "%X"))
    return parse(moment.isoformat() if timed else moment.date().isoformat())
