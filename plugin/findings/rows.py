"""What a page says about one person: findings in plain words of its language, with the piece of the record that decided each."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from plugin.sweep.published import WorklistPerson
from plugin.translations import gettext, language, marked
from plugin.wording import amount

Json = Mapping[str, Any]

NOT_KNOWN: Final = marked("not known")
ON_RECORD: Final = marked("on record")
NONE_ON_RECORD: Final = marked("none on record")


@dataclass(frozen=True, slots=True)
class Piece:
    """A resource that was looked at. ``recorded`` is what stands there if it differs from the fact's value."""

    resource: str
    date: str
    recorded: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that decided, or that is missing."""

    fact: str
    asks: str
    said: str
    known: bool
    pieces: tuple[Piece, ...]
    about_patient: bool
    """A fact such as age or sex. The row shows those anyway; that somebody has not died goes without saying."""


@dataclass(frozen=True, slots=True)
class Line:
    """Reasons that rest on the same resources, told together: ``phq9 16, days since phq9 103 days``."""

    reasons: tuple[Reason, ...]
    pieces: tuple[Piece, ...]

    @property
    def said(self) -> str:
        """What the record says, in one phrase."""
        none = gettext(NONE_ON_RECORD)
        if all(reason.said == none for reason in self.reasons):
            return f"{none}: {', '.join(reason.fact for reason in self.reasons)}"
        return ", ".join(f"{reason.fact}: {reason.said}" for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Shown:
    """A finding that may be shown."""

    rule: str
    title: str
    level: str
    priority: int
    status: str
    until: str | None
    """First day on which the answer changes if nothing new is recorded; ``None``: never."""
    reasons: tuple[Reason, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """For the list: what the record says, without what the row shows anyway."""
        told = [reason for reason in self.reasons if not (reason.about_patient and reason.known)]
        return tuple(Line(tuple(group), pieces) for (pieces, _), group in groupby(told, key=_together))

    @property
    def missing(self) -> tuple[Reason, ...]:
        """What nobody knows and would decide."""
        return tuple(reason for reason in self.reasons if not reason.known)


@dataclass(frozen=True, slots=True)
class Row:
    """One person: one conversation."""

    number: int
    person: WorklistPerson
    yes: tuple[Shown, ...]
    unknown: tuple[Shown, ...]
    restricted: int
    """How many findings a shared list must not name."""

    @property
    def priority(self) -> int | None:
        """The highest among what is shown; ``None`` if nothing is."""
        return max((finding.priority for finding in self.yes or self.unknown), default=None)

    @property
    def until(self) -> str | None:
        """The first day on which something about this person changes by itself."""
        return min((f.until for f in self.yes or self.unknown if f.until), default=None)


def rows_of(people: Iterable[tuple[int, WorklistPerson]], patient_facts: Mapping[str, Collection[str]]) -> Iterator[Row]:
    """A row for each person. ``patient_facts``: for each rule, which of its facts are about the patient (see `catalogue`)."""
    for number, person in people:
        shown = [shown_finding(finding, patient_facts.get(finding["rule"], ())) for finding in person.findings if not finding["restricted"]]
        yield Row(
            number=number,
            person=person,
            yes=tuple(f for f in shown if f.status == "yes"),
            unknown=tuple(f for f in shown if f.status == "unknown"),
            restricted=len(person.findings) - len(shown),
        )


def shown_finding(finding: Json, patient_facts: Collection[str]) -> Shown:
    """A line of the worklist file (`plugin.sweep.published.finding_line`) as pages tell it."""
    return Shown(
        rule=finding["rule"],
        title=finding["title"],
        level=finding["level"],
        priority=finding["priority"],
        status=finding["status"],
        until=finding["next_flip"],
        reasons=tuple(_reason(reason, reason["fact"] in patient_facts) for reason in finding["reasons"]),
    )


def _reason(reason: Json, about_patient: bool) -> Reason:
    said = _said(reason, about_patient)
    return Reason(
        fact=reason["fact"],
        asks=reason["asks"],
        said=said,
        known=reason["value"] is not None,
        pieces=tuple(Piece(e["resource"], e["date"], _recorded(e, said)) for e in reason["evidence"]),
        about_patient=about_patient,
    )


def _said(reason: Json, about_patient: bool) -> str:
    value = reason["value"]
    if value is None:
        return gettext(NOT_KNOWN)
    if isinstance(value, bool) and not about_patient:
        return gettext(ON_RECORD if value else NONE_ON_RECORD)
    return amount(value, reason["unit"], language())


def _recorded(evidence: Json, said: str) -> str:
    recorded = amount(evidence["value"], evidence["unit"], language())
    return "" if recorded == said else recorded


def _together(reason: Reason) -> tuple[tuple[Piece, ...], bool]:
    return tuple(Piece(piece.resource, piece.date) for piece in reason.pieces), reason.known
