"""What the passing of time can change about a person of whom nothing new is recorded, told beforehand for everybody.

From one day of evaluation to a later one the ends of windows move. An event that lies in none of the stretches which they move across is
in the same windows as before: what is said about somebody all of whose events are so, and whose facts have the same values, is said for
the same reasons, word for word.
"""

from collections.abc import Iterable, Iterator
from datetime import date

from rules.ir import Bound, EventFact, Program

Stretch = tuple[date, date]
"""From a day to a day, both included."""


def stretches(programs: Iterable[Program], then: date, now: date) -> tuple[Stretch, ...] | None:
    """Across which days the end of some window moves from ``then`` to ``now``, sorted; days are counted generously.

    ``None``: that tells too little. For the days that a therapy covers may change on any day, a new year brings other days of change
    into view, and nobody looks back from an earlier day.
    """
    found: set[Stretch] = set()
    for program in programs:
        for fact in program.facts:
            if isinstance(fact, EventFact):
                if fact.aggregate == "days covered" and then != now:
                    return None
                found.update(_crossed(fact, then, now))
    if then > now or then.year != now.year:
        return None
    return () if then == now else tuple(sorted({*found, (then, now)}))


def _crossed(fact: EventFact, then: date, now: date) -> Iterator[Stretch]:
    bounds: tuple[Bound, ...] = (*fact.window.lower, *fact.window.upper)
    for bound in bounds:
        if bound.anchor is None and (before := bound.fixed(then)) != (after := bound.fixed(now)):
            yield min(before, after), max(before, after)
