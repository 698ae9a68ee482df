"""Which of a person's events a fact is about: those that match its series, and of them those in its window.

Facts that read the same events and differ in window or aggregate share one `Reading`; a person's events are looked at once for all.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import attrgetter, le
from typing import Final

from rules.engines.matching import IN_WINDOW, Span, matches
from rules.facts import HOUSEHOLD, Coding, Event, PersonRecord
from rules.ir import EventFact, Window

ORDER: Final = attrgetter("order")

Selection = tuple[Sequence[Event], Sequence[Event], bool]
"""The events of a fact in its window, each part from the first to the latest in `Event.order`: those that match and lie in it for
certain; those that only may; whether every event began on one known day, and none only may be meant.
"""


@dataclass(frozen=True, slots=True)
class Reading:
    """The events that match a series, whatever the window."""

    certain: Sequence[Event]
    possible: Sequence[Event]
    complete: bool
    """Whether everything that the fact asks about was read."""
    days: Sequence[date] | None
    """The first days on which ``certain`` may have begun, if they are known and rise: then a window is a slice."""
    partial: Sequence[int]
    """The places in ``certain`` of those that began on one day or another."""

    def within(self, window: Window, span: Span) -> Selection:
        """The events in the window that ``span`` is on this person's calendar."""
        test = IN_WINDOW[window.timing]
        possible = [event for event in self.possible if test(event, span) is not False] if self.possible else ()
        if self.days is None or span.days is None or window.timing != "starts":
            tests = [(event, test(event, span)) for event in self.certain]
            unsure = [event for event, inside in tests if inside is None]
            return [event for event, inside in tests if inside], (*unsure, *possible), False
        first, last = bisect_left(self.days, span.days[0]), bisect_right(self.days, span.days[1])
        if not self.partial:
            return self.certain[first:last], possible, not possible
        across = [place for place in self.partial if test(self.certain[place], span) is None]
        if not across:
            return self.certain[first:last], possible, False
        sure = [self.certain[place] for place in range(first, last) if place not in across]
        return sure, (*(self.certain[place] for place in across), *possible), False


_MOST_CODES: Final = 8192
"""So many combinations of codes are looked up once; a population has fewer."""


class Asked:
    """What some facts ask of a person's events: for an event's table and codes, the facts that it may belong to."""

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
        self._of_opaque, self._of_codes = lru_cache(self._opaque), lru_cache(_MOST_CODES)(self._coded)

    def places(self, event: Event) -> tuple[int, ...]:
        """The facts that ``event`` may belong to, as far as its table and its codes say; one that is opaque may have any code."""
        return self._of_opaque(event.table) if event.opaque else self._of_codes(event.table, event.codes)

    def _opaque(self, table: str) -> tuple[int, ...]:
        return tuple(self._of_table.get(table, ()))

    def _coded(self, table: str, codes: tuple[Coding, ...]) -> tuple[int, ...]:
        of_code = self._of_code.get(table, {})
        return tuple(self._of_any_code.get(table, set()).union(*(of_code[code] for code in codes if code in of_code)))


def read(asked: Asked, record: PersonRecord, as_of: date) -> list[Reading]:
    """For each fact of ``asked``, the events that match it whatever its window."""
    certain: list[list[Event]] = [[] for _ in asked.facts]
    possible: list[list[Event]] = [[] for _ in asked.facts]
    for member in record.household_records() if asked.households else (record,):
        for event in member.ordered():
            for place in asked.places(event):
                fact = asked.facts[place]
                if member is not record and not fact.household:
                    continue
                test = matches(fact.series, event, member, as_of, passing=fact.aggregate != "all")
                if test is not False:
                    (certain if test else possible)[place].append(event)
    return [_reading(*each, record) for each in zip(asked.facts, certain, possible, strict=True)]


def _reading(fact: EventFact, certain: list[Event], possible: list[Event], record: PersonRecord) -> Reading:
    if fact.household:
        certain.sort(key=ORDER)
    days = [event.start.low for event in certain if event.start]  # each of them has a start: it certainly began
    rising = all(map(le, days, days[1:]))  # two time zones can have two days change places
    partial = [place for place, event in enumerate(certain) if event.start and event.start.low != event.start.high]
    return Reading(certain, possible, _is_complete(fact, record), days if rising else None, partial)


def _is_complete(fact: EventFact, record: PersonRecord) -> bool:
    if not fact.household:
        return record.not_loaded.isdisjoint(fact.series.tables)
    return HOUSEHOLD not in record.not_loaded and all(m.not_loaded.isdisjoint(fact.series.tables) for m in record.household_records())
