"""From the terms of a source to Gravity's SDOH domains and to kinds of partner: rows of CSV files, never guesses.

A row has ``system``, ``code``, ``term``, ``domain``, ``partner`` and ``source``. It speaks of a code in its code system or taxonomy,
or of a term by its words (then an empty ``system`` means any taxonomy). A row without domain and partner says that the term is known
and means neither. Several rows may speak of one term. Terms of which no row speaks are unknown: they are listed, and what they mean
stays open.
"""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_adapters.directory.model import Term
from fhir_adapters.errors import SourceUnreadable

SHIPPED: Final = Path(__file__).with_name("crosswalk")
UNSPECIFIED: Final = "sdoh-category-unspecified"
_COLUMNS: Final = ("system", "code", "term", "domain", "partner", "source")


@dataclass(frozen=True, slots=True)
class Meaning:
    """What terms mean. ``unknown`` are those of which no row speaks."""

    domains: frozenset[str] = frozenset()
    partners: frozenset[str] = frozenset()
    unknown: tuple[Term, ...] = ()
    open: bool = False
    """They may mean further domains: a term is unknown, is known as a kind of partner only, or says *unspecified*."""


@dataclass(slots=True)
class Crosswalk:
    """Which term means what."""

    _rows: dict[tuple[str, str, str], list[tuple[str, str]]] = field(default_factory=dict)
    """(system, code, words) → (domain, partner)."""

    def add(self, file: Path) -> None:
        """The rows of a CSV file. Raises `SourceUnreadable` with the line if it is not a crosswalk."""
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                reader = csv.DictReader(stream, strict=True)
                if not set(_COLUMNS[:5]) <= set(reader.fieldnames or ()):
                    raise SourceUnreadable(f"{file}:1: a crosswalk has the columns {', '.join(_COLUMNS)}")
                for row in reader:
                    self._add_row({name: (row.get(name) or "").strip() for name in _COLUMNS}, f"{file}:{reader.line_num}")
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise SourceUnreadable(f"{file}: not a CSV file in UTF-8 ({type(error).__name__})") from None

    def _add_row(self, row: dict[str, str], place: str) -> None:
        if bool(row["code"]) == bool(row["term"]) or (row["code"] and not row["system"]):
            raise SourceUnreadable(f"{place}: give either a code with its system, or a term")
        self._rows.setdefault((row["system"], row["code"], _plain(row["term"])), []).append((row["domain"], row["partner"]))

    @property
    def domains(self) -> frozenset[str]:
        """Every domain that some row means."""
        return frozenset(domain for rows in self._rows.values() for domain, _ in rows if domain)

    @property
    def partners(self) -> frozenset[str]:
        """Every kind of partner that some row means."""
        return frozenset(partner for rows in self._rows.values() for _, partner in rows if partner)

    def _of(self, term: Term) -> list[tuple[str, str]]:
        """The rows of a term, else those of the nearest broader term that has some."""
        step: Term | None = term
        seen: set[Term] = set()
        while step is not None and step not in seen:
            seen.add(step)
            words = _plain(step.text)
            keys = ((step.system, step.code, ""), (step.system, "", words), ("", "", words))
            found = [row for key in keys if any(key[1:]) for row in self._rows.get(key, ())]
            if found:
                return found
            step = step.broader
        return []

    def meaning(self, terms: Iterable[Term]) -> Meaning:
        """What these terms mean together."""
        rows_of = {term: self._of(term) for term in terms}
        known = [row for rows in rows_of.values() for row in rows]
        domains = frozenset(domain for domain, _ in known if domain)
        undecided = any(all(partner and not domain for domain, partner in rows) for rows in rows_of.values())
        return Meaning(
            domains,
            frozenset(partner for _, partner in known if partner),
            tuple(term for term, rows in rows_of.items() if not rows),
            undecided or UNSPECIFIED in domains,
        )


def crosswalk(*further: Path) -> Crosswalk:
    """The crosswalk that comes along, with the rows of further files."""
    found = Crosswalk()
    for file in (*sorted(SHIPPED.glob("*.csv")), *further):
        found.add(file)
    return found


def _plain(text: str) -> str:
    return " ".join(text.casefold().replace("-", " ").split())
