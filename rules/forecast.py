"""When an answer will change by itself: the first later day on which a rule says something else if nothing new is recorded.

Windows move, people have birthdays, appointments on record come to pass; everything else stands still. So the days on which a
fact can change are known beforehand; on each of them only the facts that can change there are looked at again.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from functools import lru_cache
from heapq import heappop, heappush
from math import floor
from typing import Final

from rules import days
from rules.days import Duration
from rules.engines.base import FactResult
from rules.engines.reading import Reading
from rules.engines.reference import readings_of, reduce_fact, reduce_facts
from rules.facts import DateRange, Event, PersonRecord, Value
from rules.ir import Bound, ComputedFact, EventFact, PatientFact, Program, rests_on
from rules.logic import Compare, Judge, leaves

_ONE_DAY: Final = timedelta(days=1)
_HORIZON: Final = timedelta(days=400)
"""Covered days may change every day; so far ahead they are tried."""
_LEAP: Final = date(2000, 2, 29)
STEPS: Final = 150
"""Of a time that is computed with (an age in a formula), so many whole units are tried."""


def next_flips(
    program: Program,
    record: PersonRecord,
    as_of: date,
    answers: Mapping[str, bool | None],
    rules: tuple[str, ...] | None = None,
    results: Mapping[str, FactResult] | None = None,
) -> dict[str, date | None]:
    """For each rule (or each of ``rules``), the first day after ``as_of`` on which its answer differs from ``answers``; ``None``: never.

    ``results`` are the facts on ``as_of``, if they are at hand.
    """
    asked = program.rules if rules is None else rules
    outlook = _outlook(program)
    if results is None:
        results = reduce_facts(program.only(asked), record, as_of)
    course = _Course(outlook, record, as_of, results)
    flips: dict[str, date | None] = dict.fromkeys(asked)
    waiting = set(asked)
    for day, changed in course.run({name for rule in asked for name in outlook.behind(rule)}):
        for rule in [r for r in waiting if not changed.isdisjoint(outlook.behind(r))]:
            if course.answer(rule) is not answers[rule]:
                flips[rule] = day
                waiting.discard(rule)
        if not waiting:
            break
    return flips


class _Outlook:
    """What is the same for everybody about the changes of a program's facts."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.places = {fact.name: place for place, fact in enumerate(program.facts)}
        self.moving = {fact.name: _moving(fact) for fact in program.facts if isinstance(fact, EventFact)}
        self.crossing = {fact.name: ends for fact in program.facts if isinstance(fact, EventFact) if (ends := _ends(fact))}
        self.limits = _limits(program)
        self.upon = _upon(program)
        self._behind: dict[str, frozenset[str]] = {}
        self._chains: dict[str, tuple[tuple[str, Judge], ...]] = {}

    def behind(self, rule: str) -> frozenset[str]:
        """The facts that a rule rests on."""
        if rule not in self._behind:
            self._behind[rule] = frozenset(self.program.facts_behind(rule))
        return self._behind[rule]

    def chain(self, rule: str) -> tuple[tuple[str, Judge], ...]:
        """The derived values behind a rule, itself too, in dependency order."""
        if rule not in self._chains:
            self._chains[rule] = tuple(self.program.only((rule,)).judges().items())
        return self._chains[rule]


@lru_cache(maxsize=512)
def _outlook(program: Program) -> _Outlook:
    return _Outlook(program)


def _moving(fact: EventFact) -> tuple[Bound, ...]:
    return tuple(filter(_moves, (*fact.window.lower, *fact.window.upper)))


def _ends(fact: EventFact) -> tuple[Bound, ...]:
    """The ends of a window that today, or the moving ones, may pass with effect: in a closed one lies nothing that goes on, either."""
    bounds = (*fact.window.lower, *fact.window.upper) if fact.window.timing.startswith("overlaps") else ()
    return tuple(bound for bound in bounds if bound.anchor or bound.day or bound.year is not None)


def _upon(program: Program) -> dict[str, tuple[str, ...]]:
    """For each fact the others that rest on it, through others too."""
    found: dict[str, set[str]] = {fact.name: set() for fact in program.facts}
    for fact in reversed(program.facts):  # whatever rests on a fact comes after it
        for name in rests_on(fact):
            found[name] |= {fact.name, *found[fact.name]}
    return {name: tuple(upon) for name, upon in found.items() if upon}


class _Course:
    """A person's facts as time goes by."""

    def __init__(self, outlook: _Outlook, record: PersonRecord, as_of: date, results: Mapping[str, FactResult]) -> None:
        self._outlook, self._record, self._day = outlook, record, as_of
        self._results = dict(results)
        self._values: dict[str, Value] = {name: result.value for name, result in results.items()}
        self._beginnings = sorted(_beginnings(record, as_of))
        self._agenda: dict[date, set[str]] = defaultdict(set)
        self._days: list[date] = []
        self._in_the_end = readings_of(outlook.program, record, date.max)
        self._readings = readings_of(outlook.program, record, as_of) if self._beginnings else self._in_the_end

    def run(self, names: Iterable[str]) -> Iterator[tuple[date, set[str]]]:
        """The later days on which one of these facts may change, in order; with those that do, and what has changed upon them."""
        crossing = self._outlook.crossing
        for name in names:
            self._await(name, self._changes_of(name))
            self._await(name, self._crossings(name) if name in crossing else ())
        while self._days:
            self._day = heappop(self._days)
            looked_at, changed = self._move(self._agenda.pop(self._day))
            for name in crossing.keys() & looked_at:
                self._await(name, self._crossings(name))
            yield self._day, changed

    def _await(self, name: str, days_of_change: Iterable[date]) -> None:
        """Note the later days on which a fact may change, and perhaps some on which it does not."""
        for day in days_of_change:
            if day > self._day:
                if day not in self._agenda:
                    heappush(self._days, day)
                self._agenda[day].add(name)

    def _changes_of(self, name: str) -> Iterable[date]:
        fact, limits = self._outlook.program.by_name[name], self._outlook.limits.get(name, set())
        match fact:
            case PatientFact():
                return _patient_changes(fact, self._record, limits)
            case EventFact():
                reading = self._in_the_end[self._outlook.program.readings[name]]
                return _event_changes(fact, self._outlook.moving[name], reading, self._record, self._day, limits)
        return ()

    def _crossings(self, name: str) -> set[date]:
        """The days on which today or a moving end of a window reaches or passes an end that stays where it is."""
        ends: set[date] = set()
        for bound in self._outlook.crossing[name]:
            if bound.anchor:
                found = self._results[bound.anchor].day
                ends |= {bound.shifted(day) for day in (found.low, found.high)} if found else set()
            else:
                ends.add(bound.fixed(self._day))
        return {day for end in ends for day in _changes_by(end, self._outlook.moving[name])}

    def _move(self, names: set[str]) -> tuple[list[str], set[str]]:
        """To the day, on which no other facts than ``names`` can change by themselves: the facts looked at; those that have changed."""
        program, outlook = self._outlook.program, self._outlook
        if self._beginnings and self._beginnings[0] <= self._day:
            self._beginnings = [day for day in self._beginnings if day > self._day]
            self._readings = readings_of(program, self._record, self._day)
        upon = (other for name in names for other in outlook.upon.get(name, ()) if other in self._results)
        looked_at: list[str] = []
        changed: set[str] = set()
        for name in sorted({*names, *upon}, key=outlook.places.__getitem__):
            fact = program.by_name[name]
            if name in names or not changed.isdisjoint(rests_on(fact)):
                looked_at.append(name)
                old, new = self._results[name], reduce_fact(program, fact, self._record, self._readings, self._day, self._results)
                self._results[name], self._values[name] = new, new.value
                if new.value != old.value or new.day != old.day:
                    changed.add(name)
        return looked_at, changed

    def answer(self, rule: str) -> bool | None:
        """What a rule says on the day."""
        answer: bool | None = None
        for name, judged in self._outlook.chain(rule):
            answer = self._values[name] = judged(self._values)
        return answer


def _beginnings(record: PersonRecord, as_of: date) -> set[date]:
    """The later days on which events on record begin, or may have begun."""
    starts = [event.start for member in record.household_records() for event in member.events if event.start]
    return {day for start in starts if start.high > as_of for day in (start.low, start.high) if day > as_of}


def _limits(program: Program) -> dict[str, set[int]]:
    """The whole numbers at which a fact can cross a limit: those it is compared with, or every one if it is computed with."""
    found: dict[str, set[int]] = {}
    computed = [fact for fact in program.facts if isinstance(fact, ComputedFact)]
    conditions = [d.condition for d in program.derived] + [b.when for fact in computed for b in fact.branches]
    for leaf in (leaf for condition in conditions for leaf in leaves(condition) if isinstance(leaf, Compare)):
        found.setdefault(leaf.fact, set()).update({floor(leaf.number), floor(leaf.number) + 1})
    for name in (name for fact in computed for name in fact.computed_with()):
        found.setdefault(name, set()).update(range(STEPS + 1))
    return found


def _patient_changes(fact: PatientFact, record: PersonRecord, limits: set[int]) -> Iterator[date]:
    person = record.person
    if fact.attribute == "deceased" and person.died:
        yield from (person.died.low, person.died.high)
    if fact.attribute == "age" and person.birth and (fact.on is None or _moves(fact.on)):
        steps = limits if person.birth.low == person.birth.high else range(STEPS + 1)
        for birth in (person.birth.low, person.birth.high):
            for birthday in (_birthday(birth, years) for years in steps if 0 <= years <= STEPS):
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


def _event_changes(
    fact: EventFact, moving: Sequence[Bound], reading: Reading, record: PersonRecord, as_of: date, limits: set[int]
) -> set[date]:
    """``reading`` has the events of the fact as they are in the end, when all have begun."""
    found: set[date] = set()
    if any(b.year is not None for b in moving):
        found.update(date(as_of.year + i, 1, 1) for i in range(1, 4))
    if fact.aggregate == "days covered" and as_of < date.max - _HORIZON:
        found.update(as_of + _ONE_DAY * i for i in range(1, _HORIZON.days))
    events = _related(fact, record) if fact.series.relations else (*reading.certain, *reading.possible)
    # A day that a bound has passed by now it will not reach again.
    lasting = [(b, days.before(as_of, b.offset)) for b in moving if b.offset and b.backwards]
    for day in {day for event in events for range_ in (event.start, event.end) if range_ for day in (range_.low, range_.high)}:
        found.update(_changes_by(day, [bound for bound, now in lasting if now <= day]))
    if fact.aggregate == "time since latest" and fact.scale:
        for start in {event.start for event in events if event.start}:
            found.update(_scale_changes(start, fact.scale, limits))
    return found


def _related(fact: EventFact, record: PersonRecord) -> Iterator[Event]:
    """The events of a series with relations and of what they look for: any of them may stop to match when another begins."""
    for member in record.household_records() if fact.household else (record,):
        for series in fact.series.nested():
            yield from (event for event in member.having(series.codes) if event.table in series.tables)


def _changes_by(day: date, bounds: Iterable[Bound]) -> Iterator[date]:
    """The day itself, and for each moving bound the days on which it reaches ``day`` and on which it has passed it."""
    yield day
    for bound in bounds:
        if bound.offset and bound.backwards:
            reached = _first(day, bound.offset)
            yield reached
            yield _first(day + _ONE_DAY, bound.offset) if day < date.max else reached


def _first(day: date, offset: Duration) -> date:
    """The first day from which going back by ``offset`` leads to ``day`` or later; months clip, so several days lead to one."""
    candidate = days.after(day, offset)
    if offset.unit in ("day", "week"):
        return candidate
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
