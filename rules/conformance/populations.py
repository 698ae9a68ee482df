"""People at random, drawn for one program: dates on the edges of its windows, values on its thresholds, and whatever records lack."""

import calendar
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final

from rules import days
from rules.conformance.draws import ANSWERS, CODES, DAYS, LANGUAGES, NUMBERS, POSTCODES, STRANGE_ANSWER, UNITS, Draws
from rules.conformance.programs import TABLE_NAMES, numbers_of, random_program
from rules.facts import HOUSEHOLD, ROLES, TABLES, DateRange, Event, Person, PersonRecord, with_households
from rules.grammar import SEXES
from rules.ir import EventFact, PatientFact, Program

MAX_EVENTS: Final = 20
_HOUR: Final = 3_600_000_000
_ONE_DAY: Final = timedelta(days=1)
_STRANGE_STATUSES: Final = ("unheard-of", "entered-in-error", "cancelled")


@dataclass(frozen=True, slots=True)
class World:
    """A program, a day, the people asked about: everything that one comparison of engines needs."""

    seed: str
    program: Program
    as_of: date
    people: tuple[PersonRecord, ...]


def random_world(seed: str, rules: int, people: int) -> World:
    """The world of a seed: the same text, the same world."""
    draws = Draws(seed)
    program, as_of = random_program(draws, rules), draws.choice(DAYS)
    return World(seed, program, as_of, tuple(population(draws, program, as_of, people)))


def population(draws: Draws, program: Program, as_of: date, size: int) -> Iterator[PersonRecord]:
    """So many people, some of them sharing homes, some read alone, some living with people who are not asked about."""
    spare = size // 5
    people = _People(draws, program, as_of)
    together = with_households(people.record(i) for i in range(size - spare // 2 + spare))
    yield from together[: size - spare // 2]
    yield from (people.alone(i) for i in range(size + spare, size + spare + spare // 2))


class _People:
    def __init__(self, draws: Draws, program: Program, as_of: date) -> None:
        self.draws = draws
        self.as_of = as_of
        self.edges = sorted({as_of, *_window_edges(program, as_of)})
        self.births = sorted(_births(program, as_of))
        self.lengths = list(_lengths(program))
        self.values = NUMBERS

    def alone(self, number: int) -> PersonRecord:
        """Somebody whose chart alone was read, though the address is shared with others."""
        record = self.record(number)
        return replace(record, not_loaded=record.not_loaded | {HOUSEHOLD})

    def record(self, number: int) -> PersonRecord:
        draws = self.draws
        events = [self.event(number, i) for i in range(draws.randint(0, MAX_EVENTS))]
        tied = [self.tie(e, i) for i, e in enumerate(events) if draws.chance(0.5)]
        tied += [self.later(e, i) for i, e in enumerate(events) if draws.chance(0.3)]
        missing = frozenset(draws.some(TABLE_NAMES, 2)) if draws.chance(0.1) else frozenset()
        return PersonRecord(self.person(number), tuple(events + tied), missing)

    def person(self, number: int) -> Person:
        draws = self.draws
        return Person(
            id=f"p{number}",
            birth=draws.maybe(self.vague(draws.choice(self.births)), 0.9),
            sex=draws.maybe(draws.choice(SEXES), 0.9),
            deceased=draws.choice((False, False, False, True, None)),
            died=draws.maybe(self.vague(self.day()), 0.3),
            language=draws.maybe(draws.choice(LANGUAGES), 0.8),
            postcode=draws.maybe(draws.choice(POSTCODES), 0.8),
            household=draws.maybe(f"home {number // 4}" if draws.chance(0.6) else f"home of {number}", 0.85),
        )

    def event(self, person: int, number: int) -> Event:
        draws = self.draws
        table = draws.choice(TABLE_NAMES)
        start = draws.maybe(self.vague(self.day()), 0.98)
        opaque = draws.chance(0.015)
        return Event(
            table=table,
            source=f"{TABLES[table].resource_types[0]}/{person}-{draws.randint(0, 10**6)}-{number}",
            part=draws.choice(("", "", "component[1]")),
            codes=() if opaque else draws.some(CODES, 3, least=0 if draws.chance(0.1) else 1),
            answers=draws.some((*ANSWERS, STRANGE_ANSWER), 2, least=0),
            value=draws.maybe(draws.choice(self.values), 0.85),
            unit=draws.maybe(draws.choice((*UNITS, "%", "%")), 0.9),
            status=self.status(table),
            tags=tuple((draws.choice(ROLES), code) for code in draws.some(CODES, 3, least=0)) if draws.chance(0.7) else (),
            start=start,
            end=draws.maybe(self.vague(self.day()), 0.4),
            instant=self.instant(start) if start else None,
            issued=draws.maybe(draws.randint(0, 2), 0.8),
            updated=draws.maybe(draws.randint(0, 2), 0.8),
            opaque=opaque,
        )

    def tie(self, event: Event, number: int) -> Event:
        """Another answer or value at the same moment; the time of issue, of the last update or the id decides which is the latest."""
        other = self.event(0, number)
        return replace(
            event,
            source=f"{event.source}-tie",
            answers=other.answers,
            value=other.value,
            issued=event.issued if self.draws.chance(0.6) else other.issued,
            updated=other.updated,
            status=other.status,
        )

    def later(self, event: Event, number: int) -> Event:
        """Another event as far from this one as some relation asks, or a day nearer or farther."""
        draws = self.draws
        length = draws.choice(self.lengths)
        day = event.start.low if event.start and event.start.low.year > 1900 else self.as_of
        moved = (days.after if draws.chance(0.5) else days.before)(day, length) + draws.choice((-1, 0, 0, 1)) * _ONE_DAY
        start = self.vague(moved)
        return replace(self.event(0, number), source=f"{event.source}-later", start=start, instant=self.instant(start))

    def status(self, table: str) -> str | None:
        draws = self.draws
        if draws.chance(0.03):
            return None
        known = sorted(TABLES[table].counted) * 4 + sorted(TABLES[table].known - TABLES[table].counted) + list(_STRANGE_STATUSES)
        return draws.choice(known)

    # ---------------------------------------------------------------- dates

    def day(self) -> date:
        """A day on the edge of some window, or a day before or after; else one in the last years, or a day to come."""
        draws = self.draws
        if draws.chance(0.6):
            return draws.choice(self.edges) + draws.choice((-1, 0, 0, 1)) * _ONE_DAY
        return self.as_of - draws.randint(-20, 1200) * _ONE_DAY

    def vague(self, day: date) -> DateRange:
        """The day itself, or its month or its year."""
        draws = self.draws
        if draws.chance(0.94):
            return DateRange(day, day)
        if draws.chance(0.1):
            return DateRange(date.min, day)
        if draws.chance(0.5):
            return DateRange(date(day.year, 1, 1), date(day.year, 12, 31))
        return DateRange(day.replace(day=1), day.replace(day=calendar.monthrange(day.year, day.month)[1]))

    def instant(self, start: DateRange) -> int:
        """Usually midnight, so that ties are common; sometimes an hour of the day, sometimes in a time zone far away."""
        draws = self.draws
        hours = draws.choice((0, 0, 0, 9, 23, -14, 26)) if start.low == start.high else 0
        return days.midnight(start.low) + hours * _HOUR


def _window_edges(program: Program, as_of: date) -> Iterator[date]:
    for fact in program.facts:
        if isinstance(fact, EventFact):
            yield from (b.fixed(as_of) for b in (*fact.window.lower, *fact.window.upper) if b.anchor is None)
        if isinstance(fact, EventFact) and fact.aggregate == "time since latest" and fact.scale:
            yield from (days.before(as_of, days.Duration(int(n), fact.scale)) for n in numbers_of(fact) if n >= 1)


def _lengths(program: Program) -> Iterator[days.Duration]:
    """The lengths of time in relations; a few others if there are none."""
    series = (s for fact in program.facts if isinstance(fact, EventFact) for s in fact.series.nested())
    found = [length for s in series for r in s.relations for length in (r.least, r.most) if length]
    yield from found or (days.Duration(1, "day"), days.Duration(1, "month"))


def _births(program: Program, as_of: date) -> Iterator[date]:
    """Birthdays today, yesterday and tomorrow at every age that matters, and leap days."""
    for fact in program.facts:
        if isinstance(fact, PatientFact) and fact.attribute == "age":
            for years in numbers_of(fact):
                birthday = days.before(as_of, days.Duration(int(years), "year")) if years else as_of
                yield from (birthday - _ONE_DAY, birthday, birthday + _ONE_DAY)
    yield from (date(1960, 2, 29), date(2008, 2, 29), date(1976, 2, 29))
