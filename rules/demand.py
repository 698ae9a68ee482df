"""What is coming: how many people each rule will newly flag, and no longer flag, in the weeks ahead if nothing new is recorded."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from rules.engines.base import Engine
from rules.facts import PersonRecord
from rules.pack import Pack


@dataclass(frozen=True, slots=True)
class Week:
    """An ISO week, up to its Sunday."""

    name: str
    """``2026-W27``."""
    ends: date


@dataclass(frozen=True, slots=True)
class WeekDemand:
    """One rule in one week. Who is yes and stops within the same week is not seen: only the answers at the ends of weeks count."""

    week: Week
    newly: int
    """Not yes (no or unknown) at the end of the week before, yes at the end of this one."""
    stopping: int
    """Yes at the end of the week before, not at the end of this one."""
    flagged: int
    """Yes at the end of this week."""


@dataclass(frozen=True, slots=True)
class RuleDemand:
    """One rule: how many it flags now, and what each week brings."""

    rule: str
    flagged: int
    weeks: tuple[WeekDemand, ...]


def weeks_after(as_of: date, count: int) -> tuple[Week, ...]:
    """The next ``count`` ISO weeks to end after ``as_of``; the first may have begun already."""
    sunday = as_of + timedelta(days=7 - as_of.isoweekday() or 7)
    return tuple(_week(sunday + timedelta(weeks=i)) for i in range(count))


def _week(sunday: date) -> Week:
    year, number, _ = sunday.isocalendar()
    return Week(f"{year}-W{number:02}", sunday)


def demand(packs: Iterable[Pack], people: Sequence[PersonRecord], as_of: date, weeks: int, engine: Engine) -> list[RuleDemand]:
    """What each rule will ask for, sorted by rule. Everybody is evaluated as of the end of every week: exact, not estimated."""
    ahead = weeks_after(as_of, weeks)
    found: list[RuleDemand] = []
    for pack in packs:
        flagged = [_flagged(pack, people, day, engine) for day in (as_of, *(week.ends for week in ahead))]
        for rule in pack.program.rules:
            yes = [each[rule] for each in flagged]
            found.append(RuleDemand(rule, len(yes[0]), tuple(_changes(ahead, yes))))
    return sorted(found, key=lambda each: each.rule)


def _flagged(pack: Pack, people: Sequence[PersonRecord], day: date, engine: Engine) -> dict[str, set[str]]:
    """Rule → the patients for whom it says yes on ``day``."""
    found: dict[str, set[str]] = {rule: set() for rule in pack.program.rules}
    for evaluation in engine.evaluate(pack.program, people, day):
        for rule in pack.program.rules:
            if evaluation.answers[rule]:
                found[rule].add(evaluation.patient)
    return found


def _changes(weeks: Sequence[Week], yes: Sequence[set[str]]) -> Iterator[WeekDemand]:
    for week, (before, after) in zip(weeks, pairwise(yes), strict=True):
        yield WeekDemand(week, len(after - before), len(before - after), len(after))
