"""Calendar arithmetic, at day precision. Every engine uses these rules; SQL dialects say the same in their own words."""

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from rules.facts import DateRange

UNITS: Final = ("day", "week", "month", "year")
MEAN: Final = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}
"""The mean length of each unit in days (Julian years), for the time in which a trend is told."""


@dataclass(frozen=True, slots=True)
class Duration:
    """A length of time such as 12 months. ``unit`` is day, week, month or year."""

    count: int
    unit: str

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


def before(day: date, length: Duration) -> date:
    """The day ``length`` before ``day``. Months clip: 31 March less 1 month is 28 or 29 February. Never before year 1."""
    if length.unit in ("day", "week"):
        days = length.count * (7 if length.unit == "week" else 1)
        return day - timedelta(days=min(days, (day - date.min).days))
    months = length.count * (12 if length.unit == "year" else 1)
    return _shift_months(day, -months)


def after(day: date, length: Duration) -> date:
    """The day ``length`` after ``day``, clipped as in `before`. Never past year 9999."""
    if length.unit in ("day", "week"):
        days = length.count * (7 if length.unit == "week" else 1)
        return day + timedelta(days=min(days, (date.max - day).days))
    return _shift_months(day, length.count * (12 if length.unit == "year" else 1))


def _shift_months(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if year < 1:
        return date.min
    if year > 9999:
        return date.max
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def is_last_of_month(day: date) -> bool:
    """Whether ``day`` is the last day of its month."""
    return day.day == calendar.monthrange(day.year, day.month)[1]


def whole(unit: str, start: date, end: date) -> int:
    """Completed units from ``start`` to ``end`` (not before it). The last day of a month completes a month."""
    if unit in ("day", "week"):
        return (end - start).days // (7 if unit == "week" else 1)
    months = (end.year - start.year) * 12 + end.month - start.month
    months -= end.day < start.day and not is_last_of_month(end)
    return months // 12 if unit == "year" else months


def age(birth: date, day: date) -> int:
    """Whole years by calendar. Who was born on 29 February turns on 1 March in other years."""
    return day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))


_PARTIAL: Final = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)


def partial(text: str) -> DateRange | None:
    """The days that a FHIR ``date`` may mean (``2026``, ``2026-03``, ``2026-03-14``); ``None`` if it is no date."""
    match = _PARTIAL.fullmatch(text)
    if not match:
        return None
    year, month, day = match.groups()
    try:
        low = date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return None
    if day:
        return DateRange(low, low)
    last = int(month or 12)
    return DateRange(low, low.replace(month=last, day=calendar.monthrange(low.year, last)[1]))


_EPOCH: Final = date(1970, 1, 1).toordinal()
_DAY: Final = 24 * 60 * 60 * 1_000_000


def midnight(day: date) -> int:
    """The start of ``day`` in UTC, in microseconds since 1970."""
    return (day.toordinal() - _EPOCH) * _DAY


def shown(days: DateRange | None) -> str:
    """A possibly partial date as people write it: 2026-03-14, 2026-03, 2026, ``by 2026-03-14``; empty if unknown."""
    if days is None:
        return ""
    low, high = days.low, days.high
    if low == high:
        return low.isoformat()
    if low == date.min:
        return f"by {high.isoformat()}"
    whole_months = low.day == 1 and is_last_of_month(high)
    if whole_months and (low.year, low.month) == (high.year, high.month):
        return low.isoformat()[:7]
    if whole_months and (low.month, high.month) == (1, 12) and low.year == high.year:
        return low.isoformat()[:4]
    return f"{low.isoformat()} to {high.isoformat()}"


def is_leap(year: int) -> bool:
    """Whether ``year`` has a 29 February."""
    return calendar.isleap(year)
