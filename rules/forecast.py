"""When an answer will change by itself: the first later day on which a rule says something else if nothing new is recorded.

Windows move, people have birthdays, appointments on record come to pass; everything else stands still. So the days on which a
fact can change are known beforehand, and only those are tried.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import floor
from typing import Final

from rules import days
from rules.days import Duration
from rules.engines.reference import reduce_facts
from rules.facts import DateRange, PersonRecord
from rules.ir import Bound, ComputedFact, EventFact, PatientFact, Program, derive
from rules.logic import Compare, leaves

_ONE_DAY: Final = timedelta(days=1)
_HORIZON: Final = timedelta(days=400)
"""Covered days may change every day; so far ahead they are tried."""
_LEAP: Final = date(2000, 2, 29)
STEPS: Final = 150
"""Of a time that is computed with (an age in a formula), so many whole units are tried."""


def next_flips(
    program: Program, record: PersonRecord, as_of: date, answers: Mapping[str, bool | None], rules: tuple[str, ...] | None = None
) -> dict[str, date | None]:
    """For each rule (or each of ``rules``), the first day after ``as_of`` on which its answer differs from ``answers``; ``None``: never."""
    program = program if rules is None else program.only(rules)
    flips: dict[str, date | None] = dict.fromkeys(program.rules)
    waiting = set(program.rules)
    for day in sorted(set(_days_of_change(program, record, as_of))):
        facts = {name: result.value for name, result in reduce_facts(program, record, day).items()}
        later = derive(program, facts)
        for rule in [r for r in waiting if later[r] is not answers[r]]:
            flips[rule] = day
            waiting.discard(rule)
        if not waiting:
            break
    return flips


def _days_of_change(program: Program, record: PersonRecord, as_of: date) -> Iterator[date]:
    """Every later day on which some fact may change (and perhaps some on which none does)."""
    limits = _limits(program)
    for fact in program.facts:
        match fact:
            case PatientFact():
                changes = _patient_changes(fact, record, limits.get(fact.name, set()))
            case EventFact():
                changes = _event_changes(fact, record, as_of, limits.get(fact.name, set()))
            case _:
                changes = iter(())
        yield from (day for day in changes if day > as_of)


def _limits(program: Program) -> dict[str, set[int]]:
    """The whole numbers at which a fact can cross a limit: those it is compared with, or every one if it is computed with."""
    found: dict[str, set[int]] = {}
    computed = [fact for fact in program.facts if isinstance(fact, ComputedFact)]
    conditions = [d.condition for d in program.derived] + [b.when for fact in computed for b in fact.branches]
    for leaf in (leaf for condition in conditions for leaf in leaves(condition) if isinstance(leaf, Compare)):
        found.setdefault(leaf.fact, set()).update({floor(leaf.number), floor(leaf.number) + 1})
    for name in (name for fact in computed for name in fact.computed_with()):
        found.setdefault(name, set()).update(range(1, STEPS + 1))
    return found


def _patient_changes(fact: PatientFact, record: PersonRecord, limits: set[int]) -> Iterator[date]:
    person = record.person
    if fact.attribute == "deceased" and person.died:
        yield from (person.died.low, person.died.high)
    if fact.attribute == "age" and person.birth and (fact.on is None or _moves(fact.on)):
        steps = limits if person.birth.low == person.birth.high else range(1, STEPS + 1)
        for birth in (person.birth.low, person.birth.high):
            for birthday in (_birthday(birth, years) for years in steps if 0 < years <= STEPS):
                yield from _felt(birthday, fact.on)


def _felt(birthday: date, on: Bound | None) -> Iterator[date]:
    """The days on which a birthday counts for the age on another day: that day has come to it."""
    if on is None:
        yield birthday
    elif on.year is not None:
        year = birthday.year + _LEAP.year - on.fixed(_LEAP).year
        yield from (date(min(max(year + i, 1), 9999), 1, 1) for i in (-1, 0, 1, 2))
    elif on.offset and on.backwards:
        yield _first(birthday, on.offset)


def _moves(bound: Bound) -> bool:
    """Whether the day that a bound means changes as time goes by."""
    return bound.anchor is None and bound.day is None


def _birthday(birth: date, years: int) -> date:
    if (birth.month, birth.day) == (2, 29) and not days.is_leap(birth.year + years):
        return date(birth.year + years, 3, 1)
    return birth.replace(year=min(birth.year + years, 9999))


def _event_changes(fact: EventFact, record: PersonRecord, as_of: date, limits: set[int]) -> Iterator[date]:
    moving, closing = (list(filter(_moves, bounds)) for bounds in (fact.window.lower, fact.window.upper))
    if any(b.year is not None for b in (*moving, *closing)):
        yield from (date(as_of.year + i, 1, 1) for i in range(1, 4))
    if fact.aggregate == "days covered" and as_of < date.max - _HORIZON:
        yield from (as_of + _ONE_DAY * i for i in range(1, _HORIZON.days))
    # A day that a bound has passed by now it will not reach again.
    lasting = [(b.offset, days.before(as_of, b.offset)) for b in (*moving, *closing) if b.offset and b.backwards]
    for member in record.household_records() if fact.household else (record,):
        for series in fact.series.nested():
            for event in (e for e in member.having(series.codes) if e.table in series.tables):
                for day in {day for range_ in (event.start, event.end) if range_ for day in (range_.low, range_.high)}:
                    yield from _changes_by(day, [offset for offset, now in lasting if now <= day])
                if fact.aggregate == "time since latest" and fact.scale and event.start:
                    yield from _scale_changes(event.start, fact.scale, limits)


def _changes_by(day: date, offsets: list[Duration]) -> Iterator[date]:
    """The day itself, and for each bound so long before today the days on which it reaches ``day`` and on which it has passed it."""
    yield day
    for offset in offsets:
        reached = _first(day, offset)
        yield reached
        yield _first(day + _ONE_DAY, offset) if day < date.max else reached


def _first(day: date, offset: Duration) -> date:
    """The first day from which going back by ``offset`` leads to ``day`` or later; months clip, so several days lead to one."""
    candidate = days.after(day, offset)
    while days.before(candidate, offset) < day and candidate < date.max:
        candidate += _ONE_DAY
    while candidate > date.min and days.before(candidate - _ONE_DAY, offset) >= day:
        candidate -= _ONE_DAY
    return candidate


def _scale_changes(start: DateRange, scale: str, limits: set[int]) -> Iterator[date]:
    """With a partial date the number is known only while all its days give the same one: every unit counts."""
    steps = limits if start.low == start.high else limits | set(range(1, STEPS + 1))
    for day in (start.low, start.high):
        yield from (days.after(day, Duration(limit, scale)) for limit in steps if limit > 0)
