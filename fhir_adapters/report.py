"""The account of a read: each line and each resource ends in exactly one place, and the sums must agree."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from fhir_adapters.linking import Excluded
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Quarantine

UNPARSED = ""
"""Stands for the resource type of a line that could not be parsed, or is blank."""


class Row(NamedTuple):
    """One line of the table by resource type."""

    resource_type: str
    read: int
    mapped: int
    ignored: int
    quarantined: int
    duplicate: int
    excluded: int
    not_needed: int = 0


@dataclass(slots=True)
class Part:
    """One file, or one search: ``lines`` were read from it, and Bundles in them held ``entries`` more.

    A file's name may name a patient: show it to the operator, do not log it.
    """

    name: str
    lines: int = 0
    entries: int = 0
    tally: Counter[tuple[str, Outcome]] = field(default_factory=Counter)
    cut_short: bool = False
    """The rest of the file is missing (cut in mid-line, damaged compression): nobody knows how much."""

    def count(self, outcome: Outcome, resource_type: str = UNPARSED, count: int = 1) -> None:
        """Give one line or entry (or so many) its place."""
        self.tally[resource_type, outcome] += count

    def move(self, resource_type: str, outcome: Outcome, other: Outcome, count: int = 1) -> None:
        """Give it (or so many) another place than the one that it had."""
        self.tally[resource_type, outcome] -= count
        self.tally[resource_type, other] += count

    def total(self, outcome: Outcome) -> int:
        """How many lines and entries ended so."""
        return sum(n for (_, found), n in self.tally.items() if found is outcome)

    def balances(self) -> bool:
        """Whether everything that was read is accounted for."""
        return self.lines + self.entries == sum(self.tally.values())


@dataclass(slots=True)
class Report:
    """What was read and what became of it."""

    parts: list[Part] = field(default_factory=list)
    quarantine: Quarantine = field(default_factory=Quarantine)
    not_loaded: dict[str, str] = field(default_factory=dict)
    """Table → why it counts as not loaded, for everybody."""
    notes: list[str] = field(default_factory=list)
    """What else the operator should know: a carrier that failed, files that were left alone."""
    people: int = 0
    events: int = 0
    orphans: int = 0
    """People who are only referred to: no Patient resource came with their data."""
    excluded: Counter[Excluded] = field(default_factory=Counter)
    """People left out on purpose, by reason; what is known of them counts as excluded too."""
    merged: int = 0
    """Patient resources that are another record of a person who is counted under the surviving one."""

    def part(self, name: str) -> Part:
        """Begin the account of a file or search."""
        part = Part(name)
        self.parts.append(part)
        return part

    def balances(self) -> bool:
        """Whether every part balances."""
        return all(part.balances() for part in self.parts)

    def total(self, outcome: Outcome) -> int:
        """Over all parts."""
        return sum(part.total(outcome) for part in self.parts)

    def rows(self) -> list[Row]:
        """By resource type, sorted; the last row has no type: lines that could not be parsed. Blank lines are left out."""
        by_type: dict[str, Counter[Outcome]] = {}
        for part in self.parts:
            for (name, outcome), n in part.tally.items():
                by_type.setdefault(name, Counter())[outcome] += n
        rows = (_row(name, counts) for name, counts in sorted(by_type.items(), key=lambda item: (not item[0], item[0])))
        return [row for row in rows if row.read]


def _row(name: str, counts: Counter[Outcome]) -> Row:
    read = sum(counts.values()) - counts[Outcome.BLANK]
    return Row(
        name or "(not readable)",
        read,
        counts[Outcome.MAPPED],
        counts[Outcome.IGNORED] + counts[Outcome.OPENED],
        counts[Outcome.QUARANTINED],
        counts[Outcome.DUPLICATE],
        counts[Outcome.EXCLUDED],
        counts[Outcome.NOT_NEEDED],
    )


def render(report: Report) -> Iterator[str]:
    """The table by resource type with its totals, as lines of text."""
    rows = report.rows()
    none = Row("all", 0, 0, 0, 0, 0, 0, 0)
    totals = Row("all", *(sum(column) for column in zip(*(row[1:] for row in (none, *rows)), strict=True)))
    width = max(len(row.resource_type) for row in [*rows, totals])
    names = Row._fields[1 : None if totals.not_needed else -1]
    yield f"{'type':<{width}}  " + "".join(f"{name.replace('_', ' '):>12}" for name in names)
    for row in [*rows, totals]:
        yield f"{row.resource_type:<{width}}  " + "".join(f"{n:>12,}" for n in row[1 : 1 + len(names)])
