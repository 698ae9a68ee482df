"""When an answer will change by itself: the first later day on which a rule says something else if nothing new is recorded.

Windows move, people have birthdays, appointments on record come to pass; everything else stands still. So the days on which a
fact can change are known beforehand, and only those are tried.
"""

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from math import floor

from rules import days
from rules.days import Duration
from rules.engines.reference import reduce_facts
from rules.facts import DateRange, Event, PersonRecord
from rules.ir import Compare, EventFact, PatientFact, Program, derive, leaves


def next_flips(program: Program, record: PersonRecord, as_of: date, answers: Mapping[str, bool | None]) -> dict[str, date | None]:
    """For each rule, the first day after ``as_of`` on which its answer differs from ``answers``; ``None``: never."""
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
        if isinstance(fact, PatientFact):
            changes = _patient_changes(fact, record, limits.get(fact.name, set()))
        else:
            changes = _event_changes(fact, record, limits.get(fact.name, set()))
        yield from (day for day in changes if day > as_of)


def _limits(program: Program) -> dict[str, set[int]]:
    """The whole numbers at which a compared fact can cross a limit."""
    found: dict[str, set[int]] = {}
    for derived in program.derived:
        for leaf in leaves(derived.condition):
            if isinstance(leaf, Compare):
                found.setdefault(leaf.fact, set()).update({floor(leaf.number), floor(leaf.number) + 1})
    return found


def _patient_changes(fact: PatientFact, record: PersonRecord, limits: set[int]) -> Iterator[date]:
    person = record.person
    if fact.attribute == "deceased" and person.died:
        yield from (person.died.low, person.died.high)
    if fact.attribute == "age" and person.birth:
        for birth in (person.birth.low, person.birth.high):
            yield from (_birthday(birth, years) for years in limits if 0 < years < 150)


def _birthday(birth: date, years: int) -> date:
    if (birth.month, birth.day) == (2, 29) and not days.is_leap(birth.year + years):
        return date(birth.year + years, 3, 1)
    return birth.replace(year=min(birth.year + years, 9999))


def _event_changes(fact: EventFact, record: PersonRecord, limits: set[int]) -> Iterator[date]:
    for member in record.household_records() if fact.household else (record,):
        for event in member.events:
            if event.start and event.table in fact.tables and _may_match(fact, event):
                yield from _changes_by(fact, event.start, limits)


def _may_match(fact: EventFact, event: Event) -> bool:
    return event.opaque or fact.codes is None or not fact.codes.isdisjoint(event.codes)


def _changes_by(fact: EventFact, start: DateRange, limits: set[int]) -> Iterator[date]:
    for day in (start.low, start.high):
        yield day
        if fact.within:
            yield _first_day_outside(day, fact.within)
        if fact.scale:
            yield from (days.after(day, Duration(limit, fact.scale)) for limit in limits if limit > 0)


def _first_day_outside(day: date, within: Duration) -> date:
    """The first day whose window no longer reaches back to ``day``."""
    candidate = days.after(day, within)
    while candidate < date.max and days.before(candidate, within) <= day:
        candidate += timedelta(days=1)
    return candidate
