"""What a fact takes from the record, in words: for the page about a rule."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final

from rules.explain import short
from rules.facts import TABLES, Coding
from rules.ir import Bound, EventFact, Fact, PatientFact, Program, Series
from rules.measures import EPISODE
from rules.told import Told, joined
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
            yield Reads(short(fact.name), f"Patient: {attribute}", (), 0, Told("on %(day)s", day=_place(fact.on)) if fact.on else "", ())
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
        what=joined(", ", _resources(fact, series)),
        codes=tuple(codes[:MAX_CODES]) if series.codes is not None else (Told("any"),),
        more_codes=max(0, len(codes) - MAX_CODES),
        window=_together(list(_window(fact))) if series is fact.series else Told("in relation to it"),
        statuses=tuple(dict.fromkeys(status for _, counted in series.statuses for status in sorted(counted))),
    )


def _resources(fact: EventFact, series: Series) -> Iterator[str]:
    for table in series.tables:
        yield from TABLES[table].resource_types
    if fact.household:
        yield Told("also of others at the same address")


def _window(fact: EventFact) -> Iterator[str]:
    if fact.window.timing != "starts":
        yield _TIMINGS[fact.window.timing]
    yield from (Told("from %(day)s", day=_place(bound)) for bound in fact.window.lower)
    yield from (Told("to %(day)s", day=_place(bound)) for bound in fact.window.upper)


def _together(words: Sequence[str]) -> str:
    return reduce(lambda first, then: Told("%(first)s and %(then)s", first=first, then=then), words) if words else ""


_TIMINGS: Final = {
    "ends": Told("ends"),
    "overlaps": Told("overlaps"),
    "inside": Told("inside"),
    "overlaps before": Told("overlaps before"),
    "overlaps after": Told("overlaps after"),
}
"""How an event stands to its window, unless it starts in it."""


def _place(bound: Bound) -> str:
    if bound.year is not None:
        origin: str = _YEARS[bound.year == 0, bound.last]
    else:
        origin = short(bound.anchor) if bound.anchor else str(bound.day) if bound.day else Told("today")
    moved = _moved(bound, origin) if bound.offset else origin
    if not bound.days:
        return moved
    return Told("the day before %(day)s", day=moved) if bound.days < 0 else Told("the day after %(day)s", day=moved)


def _moved(bound: Bound, origin: str) -> str:
    number, _, unit = str(bound.offset).partition(" ")
    offset = Told("%(number)s %(unit)s", number=number, unit=_UNITS[unit])
    if bound.backwards:
        return Told("%(offset)s before %(day)s", offset=offset, day=origin)
    return Told("%(offset)s after %(day)s", offset=offset, day=origin)


_UNITS: Final = {
    "day": Told("day"),
    "days": Told("days"),
    "week": Told("week"),
    "weeks": Told("weeks"),
    "month": Told("month"),
    "months": Told("months"),
    "year": Told("year"),
    "years": Told("years"),
}
_YEARS: Final = {
    (True, False): Told("this year's start"),
    (True, True): Told("this year's end"),
    (False, False): Told("last year's start"),
    (False, True): Told("last year's end"),
}
"""By whether it is this year, and whether it is the end."""


def _code(coding: Coding) -> str:
    if coding == EPISODE:
        return Told("the episode")
    return f"{_SHORT_SYSTEMS.get(coding.system, coding.system)} {coding.code}"
