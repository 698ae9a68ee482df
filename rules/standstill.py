"""What the passing of time can change about a person of whom nothing new is recorded, told beforehand for everybody.

From one day of evaluation to a later one the ends of windows move. An event that lies in none of the stretches which they move across is
in the same windows as before: what is said about somebody all of whose events are so, and whose facts have the same values, is said for
the same reasons, word for word.
"""

from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from typing import Final, NamedTuple

from rules.facts import TABLES, Coding
from rules.ir import Bound, EventFact, Program


class Stretch(NamedTuple):
    """From a day to a day, both included: events of a table that begin or end there may be in another window than before."""

    table: str
    first: date
    last: date
    codes: frozenset[Coding] | None
    """Only those that carry one of these, or of which nobody knows what they carry; ``None``: whatever they carry."""


_ONE_DAY: Final = timedelta(days=1)


def stretches(programs: Iterable[Program], then: date, now: date) -> tuple[Stretch, ...] | None:
    """Across which days the end of some window moves from ``then`` to ``now``, sorted.

    ``None``: that tells too little. For covered days are looked at only so far ahead, and that moves on from day to day
    (`rules.forecast`); a window may be empty on one day and not on another, which what has gone on all the time feels; a new year brings
    other days of change into view; and nobody looks back from an earlier day.
    """
    if then == now:
        return ()
    facts = [fact for program in programs for fact in program.facts if isinstance(fact, EventFact)]
    if then > now or then.year != now.year or any(map(_changes_unseen, facts)):
        return None
    found: dict[tuple[str, date, date], frozenset[Coding] | None] = {(table, then + _ONE_DAY, now): None for table in TABLES}
    for table, first, last, codes in (crossed for fact in facts for crossed in _crossed(fact, then, now)):
        before = found.get((table, first, last), frozenset())
        found[table, first, last] = None if before is None or codes is None else before | codes
    return tuple(Stretch(*days, found[days]) for days in sorted(found))


def _changes_unseen(fact: EventFact) -> bool:
    """Whether it may change though no end of its window has moved across an event."""
    moving_alone = not fact.window.upper and all(bound.offset and not bound.anchor and not bound.day for bound in fact.window.lower)
    return fact.aggregate == "days covered" or (fact.window.timing.startswith("overlaps") and not moving_alone)


def _crossed(fact: EventFact, then: date, now: date) -> Iterator[Stretch]:
    for table in fact.series.tables:
        for bound in _moving(fact.window.lower):  # what lay on or after the first day and lies before it now
            yield Stretch(table, bound.fixed(then), bound.fixed(now) - _ONE_DAY, fact.series.codes)
        for bound in _moving(fact.window.upper):  # what lay after the last day and does no longer
            yield Stretch(table, bound.fixed(then) + _ONE_DAY, bound.fixed(now), fact.series.codes)


def _moving(bounds: Iterable[Bound]) -> Iterator[Bound]:
    return (bound for bound in bounds if bound.anchor is None and bound.day is None)
