"""Which of a person's events a fact is about: those that match its series, and of them those in its window.

Facts that read the same events and differ in window or aggregate share one `Reading`.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from operator import attrgetter
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
    """The days on which ``certain`` began, when they rise and nothing is only possible: then a window is a slice."""
    complete: bool
    """Whether everything that the fact asks about was read."""

    def within(self, window: Window, span: Span) -> Selection:
        """The events in the window that ``span`` is on this person's calendar."""
        if self.days is not None and span.days and window.timing == "starts":
            low, high = span.days
            return Selection(self.certain[bisect_left(self.days, low) : bisect_right(self.days, high)], (), exact=True)
        certain: list[Event] = []
        possible: list[Event] = []
        test = IN_WINDOW[window.timing]
        for event in self.certain:
            inside = test(event, span)
            if inside is not False:
                (certain if inside else possible).append(event)
        possible += (event for event in self.possible if test(event, span) is not False)
        return Selection(certain, possible, exact=False)


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
    return Reading(certain, possible, None if possible else _rising_days(certain), _is_complete(fact, record))


def _rising_days(events: Iterable[Event]) -> Sequence[date] | None:
    """The days on which events in order began; ``None`` if one is partial, or two time zones have two days change places."""
    days: list[date] = []
    for event in events:
        start = event.start
        if start is None or start.low != start.high or (days and days[-1] > start.low):
            return None
        days.append(start.low)
    return days


def _is_complete(fact: EventFact, record: PersonRecord) -> bool:
    if not fact.household:
        return record.not_loaded.isdisjoint(fact.series.tables)
    return HOUSEHOLD not in record.not_loaded and all(m.not_loaded.isdisjoint(fact.series.tables) for m in record.household_records())
