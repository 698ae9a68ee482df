"""Which of a person's events a fact is about: those that match its series, and of them those in its window.

Facts that read the same events and differ in window or aggregate share one `Reading`; a person's events are looked at once for all.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import attrgetter
from typing import Final, NamedTuple

from rules.engines.matching import IN_WINDOW, Span, has_begun, matches, starts_in
from rules.facts import HOUSEHOLD, Coding, Event, PersonRecord
from rules.ir import EventFact

ORDER: Final = attrgetter("order")

Place = tuple[int, int, tuple[int, ...], tuple[int, ...]]
"""Where the events of a window stand in a reading: ``certain`` from the first number up to, without it, the second; which of these, or
of their neighbours, only may lie in it; and which of ``possible`` may.
"""


class Selection(NamedTuple):
    """The events of a fact in its window, each part from the first to the latest in `Event.order`."""

    certain: Sequence[Event]
    """Those that match and lie in it for certain."""
    possible: Sequence[Event]
    """Those that only may."""
    complete: bool
    """Whether everything that the fact asks about was read."""
    exact: bool
    """Whether every event is known to have begun on one known day, and none is only possible."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The events that match a series, whatever the window."""

    certain: Sequence[Event]
    possible: Sequence[Event]
    complete: bool
    """Whether everything that the fact asks about was read."""
    days: Sequence[date] | None
    """The first days on which ``certain`` may have begun, if they rise as the events do: then those of a window are a slice."""
    partial: Sequence[int]
    """The numbers of those in ``certain`` that began on one day or another."""

    def place(self, span: Span) -> Place | None:
        """Where the events of ``span`` stand; ``None`` if they are no slice of ``certain``, and each must be asked."""
        if self.days is None or span.days is None:
            return None
        first, last = span.days
        return (
            bisect_left(self.days, first),
            bisect_right(self.days, last),
            tuple(n for n in self.partial if starts_in(self.certain[n], span) is None) if self.partial else (),
            tuple(n for n, event in enumerate(self.possible) if starts_in(event, span) is not False) if self.possible else (),
        )

    def at(self, place: Place) -> Selection:
        """The events that stand at a `place`."""
        first, last, across, possible = place
        if not across and not possible:
            return Selection(self.certain[first:last], (), self.complete, not self.partial)
        certain = [self.certain[n] for n in range(first, last) if n not in across]
        unsure = [self.certain[n] for n in across] + [self.possible[n] for n in possible]
        return Selection(certain, unsure, self.complete, exact=False)

    def within(self, span: Span) -> Selection:
        """The events of ``span``."""
        place = self.place(span)
        if place:
            return self.at(place)
        test = IN_WINDOW[span.timing]
        tests = [(event, test(event, span)) for event in self.certain]
        unsure = [event for event, inside in tests if inside is None]
        unsure += [event for event in self.possible if test(event, span) is not False]
        return Selection([event for event, inside in tests if inside], unsure, self.complete, exact=False)


_MOST_KINDS: Final = 8192
"""So many combinations of table, codes and status are looked up once; a population has fewer."""

Places = tuple[tuple[int, ...], tuple[int, ...]]
"""The facts to which an event belongs if only it has begun, for they ask for nothing but code and status; and those that ask more."""


class Asked:
    """What some facts ask of a person's events: for an event's table, codes and status, the facts that it may belong to."""

    def __init__(self, facts: Iterable[EventFact]) -> None:
        """``facts``: one for each reading that is wanted; `read` answers in their order."""
        self.facts = tuple(facts)
        self._of_table: dict[str, set[int]] = defaultdict(set)
        self._of_any_code: dict[str, set[int]] = defaultdict(set)
        self._of_code: dict[str, dict[Coding, set[int]]] = defaultdict(lambda: defaultdict(set))
        for place, fact in enumerate(self.facts):
            for table in fact.series.tables:
                self._of_table[table].add(place)
                if fact.series.codes is None:
                    self._of_any_code[table].add(place)
                for code in fact.series.codes or ():
                    self._of_code[table][code].add(place)
        self.households = any(fact.household for fact in self.facts)
        self.places = lru_cache(_MOST_KINDS)(self._places)

    def _places(self, table: str, codes: tuple[Coding, ...], status: str | None, opaque: bool, own: bool) -> Places:
        """The facts that such an event, one's ``own`` or that of another in the household, may belong to."""
        places = self._of_table.get(table, set()) if opaque else self._coded(table, codes)
        asking = {place: self.facts[place].series for place in sorted(places) if own or self.facts[place].household}
        plain = [place for place, series in asking.items() if series.plain and not opaque and status is not None]
        return (
            tuple(place for place in plain if status in asking[place].counted[table]),
            tuple(place for place in asking if place not in plain),
        )

    def _coded(self, table: str, codes: tuple[Coding, ...]) -> set[int]:
        """The facts that ask for one of ``codes``, or for any."""
        of_code = self._of_code.get(table, {})
        return self._of_any_code.get(table, set()).union(*(of_code[code] for code in codes if code in of_code))


def read(asked: Asked, record: PersonRecord, as_of: date) -> list[Reading]:
    """For each fact of ``asked``, the events that match it whatever its window."""
    certain: list[list[Event]] = [[] for _ in asked.facts]
    possible: list[list[Event]] = [[] for _ in asked.facts]
    places = asked.places
    for member in record.household_records() if asked.households else (record,):
        own = member is record
        for event in member.ordered():
            plain, others = places(event.table, event.codes, event.status, event.opaque, own)
            if plain and (sure := has_begun(event, as_of)) is not False:
                for place in plain:
                    (certain if sure else possible)[place].append(event)
            for place in others:
                fact = asked.facts[place]
                test = matches(fact.series, event, member, as_of, passing=fact.aggregate != "all")
                if test is not False:
                    (certain if test else possible)[place].append(event)
    return [_reading(*each, record) for each in zip(asked.facts, certain, possible, strict=True)]


def _reading(fact: EventFact, certain: list[Event], possible: list[Event], record: PersonRecord) -> Reading:
    complete = _is_complete(fact, record)
    if not certain and not possible:
        return _NOTHING[complete]
    if fact.household:
        certain.sort(key=ORDER)
    days = [event.start.low for event in certain if event.start]  # each of them has one: it certainly began
    rising = days == sorted(days)  # two time zones can have two days change places
    partial = [n for n, event in enumerate(certain) if event.start and event.start.low != event.start.high]
    return Reading(certain, possible, complete, days if rising else None, partial)


_NOTHING: Final = {complete: Reading((), (), complete, (), ()) for complete in (True, False)}


def _is_complete(fact: EventFact, record: PersonRecord) -> bool:
    if not fact.household:
        return record.not_loaded.isdisjoint(fact.series.tables)
    return HOUSEHOLD not in record.not_loaded and all(m.not_loaded.isdisjoint(fact.series.tables) for m in record.household_records())
