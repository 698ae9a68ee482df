"""When things happen: days, clock times in several time zones, and dates that are written only in part."""

from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import Resource

_PRECISION = Mix[str](("time", 80), ("day", 14), ("month", 3), ("year", 1.5), ("missing", 1.5))


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time: the day it truly was, and how the record says it."""

    day: date
    instant: str
    """The full date-time with its offset, for ``issued`` and ``lastUpdated``."""
    written: str | None
    """As the author wrote it: a date-time, a date, ``2026-03``, ``2026``, or nothing."""

    def dated(self, element: str) -> Resource:
        """``{element: written}``, or nothing if the date is missing."""
        return {} if self.written is None else {element: self.written}


def moment(rng: Random, day: date, offset: str, *, exact: bool = False) -> Moment:
    """A working-hours moment on ``day``; written in part for some, unless ``exact``."""
    instant = f"{day.isoformat()}T{rng.randrange(7, 20):02}:{rng.randrange(60):02}:{rng.randrange(60):02}{offset}"
    return Moment(day, instant, instant if exact else partial(day, _PRECISION.draw(rng), instant))


def partial(day: date, precision: str, instant: str | None = None) -> str | None:
    """``day`` as written with this precision: time (the ``instant``), day, month, year or missing."""
    if precision == "time":
        return instant
    if precision == "missing":
        return None
    return day.isoformat()[: {"day": 10, "month": 7, "year": 4}[precision]]


def days_before(rng: Random, last: date, nearest: int, farthest: int) -> date:
    """A day between ``nearest`` and ``farthest`` days before ``last``."""
    return last - timedelta(days=rng.randint(nearest, farthest))
