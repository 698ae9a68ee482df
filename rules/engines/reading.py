"""Which of a person's events a fact is about: those that match its series, and of them those in its window.

Facts that read the same events and differ in window or aggregate share one `Reading`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter, le
from typing import Final, NamedTuple

from rules.engines.matching import IN_WINDOW, Span, matches
from rules.facts import HOUSEHOLD, Event, PersonRecord
from rules.ir import EventFact, Window

ORDER: Final = attrgetter("order")


class Selection(NamedTuple):
    """The events of a fact, each part from the first to the latest in `Event.order`."""

    certain: Sequence[Event]
    """They match, and lie in the window."""
    possible: Sequence[Event]
    """They may match, or may lie in the window."""
    exact: bool
    """Whether every event began on one known day, and none only may be meant."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The events that match a series, whatever the window."""

    certain: Sequence[Event]
    possible: Sequence[Event]
    days: Sequence[date] | None
    """The first days on which ``certain`` may have begun, if they are known and rise: then a window is a slice."""
    partial: Sequence[int]
    """The places in ``certain`` of those that began on one day or another."""
    complete: bool
    """Whether everything that the fact asks about was read."""

    def within(self, window: Window, span: Span) -> Selection:
        """The events in the window that ``span`` is on this person's calendar."""
        test = IN_WINDOW[window.timing]
        possible = [event for event in self.possible if test(event, span) is not False] if self.possible else ()
        if self.days is None or span.days is None or window.timing != "starts":
            tests = [(event, test(event, span)) for event in self.certain]
            unsure = [event for event, inside in tests if inside is None]
            return Selection([event for event, inside in tests if inside], (*unsure, *possible), exact=False)
        first, last = bisect_left(self.days, span.days[0]), bisect_right(self.days, span.days[1])
        across = [place for place in self.partial if test(self.certain[place], span) is None]
        if not across:
            return Selection(self.certain[first:last], possible, exact=not (self.partial or possible))
        sure = [self.certain[place] for place in range(first, last) if place not in across]
        return Selection(sure, (*(self.certain[place] for place in across), *possible), exact=False)


def read(fact: EventFact, record: PersonRecord, as_of: date) -> Reading:
    """The events that match ``fact`` whatever its window."""
    certain: list[Event] = []
    possible: list[Event] = []
    for member in record.household_records() if fact.household else (record,):
        for event in member.having(fact.series.codes):
            test = matches(fact.series, event, member, as_of, passing=fact.aggregate != "all")
            if test is not False:
                (certain if test else possible).append(event)
    if fact.household:
        certain.sort(key=ORDER)
    days = [event.start.low for event in certain if event.start]
    rising = len(days) == len(certain) and all(map(le, days, days[1:]))  # two time zones can have two days change places
    partial = [place for place, event in enumerate(certain) if event.start and event.start.low != event.start.high]
    return Reading(certain, possible, days if rising else None, partial, _is_complete(fact, record))


def _is_complete(fact: EventFact, record: PersonRecord) -> bool:
    if not fact.household:
        return record.not_loaded.isdisjoint(fact.series.tables)
    return HOUSEHOLD not in record.not_loaded and all(m.not_loaded.isdisjoint(fact.series.tables) for m in record.household_records())
