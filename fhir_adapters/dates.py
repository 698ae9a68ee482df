"""FHIR dates as what they mean: a range of possible days, and the earliest instant.

The day is the day *as written* by the author, whatever the offset: a visit at 23:30 in Boston was that day, not the next day in
UTC. The offset decides the instant only.
"""

import re
from calendar import monthrange
from datetime import date
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import DateRange

_FORM: Final = re.compile(
    r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?",
    re.ASCII,
)
_EPOCH: Final = date(1970, 1, 1).toordinal()
_SECOND: Final = 1_000_000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 1440 * _MINUTE
_WIDEST_OFFSET: Final = 14 * 60


class Moment(NamedTuple):
    """A FHIR date, dateTime or instant. ``zoned`` is false if it has a time of day but no offset (UTC is assumed then)."""

    days: DateRange
    instant: int
    zoned: bool = True


class Span(NamedTuple):
    """When something began and ended; each part ``None`` if unknown."""

    start: DateRange | None = None
    instant: int | None = None
    end: DateRange | None = None


UNKNOWN: Final = Span()


@lru_cache(maxsize=1 << 16)
def _days(year: int, month: int, day: int) -> DateRange:
    if month == 0:
        return DateRange(date(year, 1, 1), date(year, 12, 31))
    if day == 0:
        return DateRange(date(year, month, 1), date(year, month, monthrange(year, month)[1]))
    return DateRange(date(year, month, day), date(year, month, day))


@lru_cache(maxsize=1 << 16)
def parse(text: str) -> Moment | None:
    """The meaning of ``text``, or ``None`` if it is not a FHIR date (30 February, year 0000, 24:00 …).

    A leap second counts as the second before it; seconds may be missing.
    """
    found = _FORM.fullmatch(text)
    if found is None or "00" in found.group(2, 3):
        return None
    year, month, day, hour, minute, second, fraction, zone = found.groups()
    try:
        days = _days(int(year), int(month or 0), int(day or 0))
    except ValueError:
        return None
    midnight = (days.low.toordinal() - _EPOCH) * _DAY
    if hour is None:
        return Moment(days, midnight)
    offset = _offset(zone)
    if offset is None or int(hour) > 23 or int(minute) > 59 or int(second or 0) > 60:
        return None
    time = (int(hour) * 60 + int(minute)) * _MINUTE + min(int(second or 0), 59) * _SECOND + int((fraction or "0")[:6].ljust(6, "0"))
    return Moment(days, midnight + time - offset * _MINUTE, zone is not None)


def _offset(zone: str | None) -> int | None:
    if zone is None or zone == "Z":
        return 0
    hours, minutes = int(zone[1:3]), int(zone[4:6])
    if minutes > 59 or hours * 60 + minutes > _WIDEST_OFFSET:
        return None
    return (hours * 60 + minutes) * (-1 if zone[0] == "-" else 1)


def read_moment(reading: Reading, value: Any, path: str) -> Moment | None:
    """The element at ``path``; ``None`` if it is absent or (reported) cannot be understood."""
    if value is None:
        return None
    if not isinstance(value, str):
        reading.bad(path, Reason.WRONG_TYPE)
        return None
    moment = parse(value.strip())
    if moment is None:
        reading.bad(path, Reason.INVALID_DATE)
    elif not moment.zoned:
        reading.bad(path, Reason.NO_ZONE)
    return moment


def at(moment: Moment | None) -> Span:
    """Something that happened at one moment."""
    return UNKNOWN if moment is None else Span(moment.days, moment.instant)


def before(moment: Moment | None) -> Span:
    """Something that began some time before ``moment``, nobody knows when."""
    return UNKNOWN if moment is None else Span(DateRange(date.min, moment.days.high))


def brief(span: Span) -> Span:
    """Something that ended on the day on which it began."""
    return span._replace(end=span.start)


def some_day_from(start: DateRange | None) -> DateRange:
    """When something ended that is known to be over: any day from the one on which it began."""
    return DateRange(date.min if start is None else start.low, date.max)


def end_of(span: Span, *, over: bool) -> DateRange | None:
    """When it ended: as stated, else some day if it is known to be ``over``; ``None`` if it may be going on."""
    return span.end or (some_day_from(span.start) if over else None)


def read_period(reading: Reading, value: Any, path: str) -> Span:
    """A Period."""
    if value is None:
        return UNKNOWN
    if not isinstance(value, dict):
        reading.bad(path, Reason.NOT_AN_OBJECT)
        return UNKNOWN
    start, end = (read_moment(reading, value.get(name), f"{path}.{name}") for name in ("start", "end"))
    return from_to(reading, start, end, path)


def from_to(reading: Reading, start: Moment | None, end: Moment | None, path: str) -> Span:
    """The time from ``start`` to ``end``. With an end only, the start may be any day up to it."""
    if start is None:
        return before(end)._replace(end=end.days if end else None)
    if end is not None and end.days.high < start.days.low:
        reading.bad(path, Reason.ENDS_BEFORE_START)
        end = None
    return Span(start.days, start.instant, end.days if end else None)


def read_timing(reading: Reading, value: Any, path: str) -> Span:
    """A Timing: its first event, else the start of its bounds."""
    if not isinstance(value, dict):
        reading.bad(path, Reason.NOT_AN_OBJECT)
        return UNKNOWN
    events = value.get("event")
    if isinstance(events, list) and events:
        return at(read_moment(reading, events[0], f"{path}.event[0]"))
    repeat = value.get("repeat")
    return read_period(reading, repeat.get("boundsPeriod") if isinstance(repeat, dict) else None, f"{path}.repeat.boundsPeriod")


def read_instant(reading: Reading, resource: Json, element: str) -> Moment | None:
    """The moment at a top-level element."""
    return read_moment(reading, resource.get(element), element)
