"""How far back in time a program looks: older events of a table can change none of its answers."""

from collections.abc import Iterable, Iterator, Mapping
from math import inf
from typing import Final

from rules.days import Duration
from rules.ir import Bound, EventFact, Fact, Program, Series, Window

_LONGEST: Final = {"day": 1, "week": 7, "month": 31, "year": 366}
"""The most days that a unit of time can have."""


def horizons(programs: Iterable[Program]) -> dict[str, int]:
    """For each table the days before the day of evaluation beyond which nothing can count. A table that is read without such a bound
    is left out: everything of it may count.

    Only what has begun on a known day is bounded so: an event without a date may lie anywhere.
    """
    reach: dict[str, float] = {}
    for program in programs:
        for table, days in _reaches(program):
            reach[table] = max(reach.get(table, 0.0), days)
    return {table: int(days) for table, days in reach.items() if days < inf}


def _reaches(program: Program) -> Iterator[tuple[str, float]]:
    for fact in program.facts:
        if isinstance(fact, EventFact):
            yield from _of_series(fact.series, _of_fact(fact, program.by_name))


def _of_series(series: Series, days: float) -> Iterator[tuple[str, float]]:
    """A series whose events begin at most ``days`` back, and those of the events that must stand in relation to them."""
    for table in series.tables:
        yield table, days
    for relation in series.relations:
        further: float = 0.0
        if relation.period:
            further = inf
        elif relation.backwards:
            further = inf if relation.most is None else _most(relation.most)
        yield from _of_series(relation.series, days + further)


def _of_fact(fact: Fact | None, by_name: Mapping[str, Fact]) -> float:
    """How far back the event that a fact chooses may begin."""
    return _of_window(fact.window, by_name) if isinstance(fact, EventFact) else inf


def _of_window(window: Window, by_name: Mapping[str, Fact]) -> float:
    """What ends in the window, or goes on in it, may have begun long before."""
    if window.timing not in ("starts", "inside"):
        return inf
    return min((_of_bound(bound, by_name) for bound in window.lower), default=inf)


def _of_bound(bound: Bound, by_name: Mapping[str, Fact]) -> float:
    if bound.day is not None:
        return inf  # the longer ago the later one asks
    if bound.anchor is not None:
        start = _of_fact(by_name.get(bound.anchor), by_name)
    elif bound.year is not None:
        start = 366.0 * (1 - bound.year)
    else:
        start = 0.0
    moved = _most(bound.offset) if bound.offset is not None and bound.backwards else 0
    return max(start + moved + max(-bound.days, 0), 0.0)


def _most(duration: Duration) -> int:
    return duration.count * _LONGEST[duration.unit]
