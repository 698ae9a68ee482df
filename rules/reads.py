"""What a fact takes from the record, in words: for the page about a rule."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from rules.explain import short
from rules.facts import TABLES, Coding
from rules.ir import Bound, EventFact, Fact, PatientFact, Program, Series
from rules.measures import EPISODE
from rules.valuesets import SYSTEMS

MAX_CODES: Final = 8
"""A value set can hold hundreds of codes; the rule's text names the set."""

_SHORT_SYSTEMS: Final = {uri: name for name, uri in SYSTEMS.items()}


@dataclass(frozen=True, slots=True)
class Reads:
    """One fact of a rule: what it takes from the record."""

    fact: str
    what: str
    codes: tuple[str, ...]
    more_codes: int
    window: str
    statuses: tuple[str, ...]


def reads(fact: Fact) -> Iterator[Reads]:
    """A line for each series of a fact: its own, and those of the events that must stand in relation to it. A computed fact has none."""
    match fact:
        case PatientFact():
            attribute = "birthDate" if fact.attribute in ("age", "birth") else fact.attribute
            yield Reads(short(fact.name), f"Patient: {attribute}", (), 0, f"on {_place(fact.on)}" if fact.on else "", ())
        case EventFact():
            for series in reversed(list(fact.series.nested())):
                yield _reads_series(fact, series)


def resource_types(program: Program) -> tuple[str, ...]:
    """The FHIR resource types that a program reads; Patient only if a fact about the person is among them."""
    patient = ("Patient",) if any(isinstance(fact, PatientFact) for fact in program.facts) else ()
    tables = sorted({table for series in program.series() for table in series.tables})
    return (*patient, *(name for table in tables for name in TABLES[table].resource_types))


def _reads_series(fact: EventFact, series: Series) -> Reads:
    codes = sorted(map(_code, series.codes or ()))
    return Reads(
        fact=short(fact.name),
        what=", ".join(_resources(fact, series)),
        codes=tuple(codes[:MAX_CODES]) if series.codes is not None else ("any",),
        more_codes=max(0, len(codes) - MAX_CODES),
        window=" and ".join(_window(fact)) if series is fact.series else "in relation to it",
        statuses=tuple(dict.fromkeys(status for _, counted in series.statuses for status in sorted(counted))),
    )


def _resources(fact: EventFact, series: Series) -> Iterator[str]:
    for table in series.tables:
        yield from TABLES[table].resource_types
    if fact.household:
        yield "also of others at the same address"


def _window(fact: EventFact) -> Iterator[str]:
    if fact.window.timing != "starts":
        yield fact.window.timing
    for bound, word in (*((b, "from") for b in fact.window.lower), *((b, "to") for b in fact.window.upper)):
        yield f"{word} {_place(bound)}"


def _place(bound: Bound) -> str:
    origin = _year(bound) if bound.year is not None else short(bound.anchor) if bound.anchor else str(bound.day) if bound.day else "today"
    moved = f"{bound.offset} {'before' if bound.backwards else 'after'} {origin}" if bound.offset else origin
    return f"the day {'before' if bound.days < 0 else 'after'} {moved}" if bound.days else moved


def _year(bound: Bound) -> str:
    return f"{'this' if bound.year == 0 else 'last'} year's {'end' if bound.last else 'start'}"


def _code(coding: Coding) -> str:
    if coding == EPISODE:
        return "the episode"
    return f"{_SHORT_SYSTEMS.get(coding.system, coding.system)} {coding.code}"
