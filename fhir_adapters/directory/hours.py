"""Opening hours: FHIR's availableTime and HSDS's iCal (RFC 5545) recurrence as one thing."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final, NamedTuple

WEEKDAYS: Final = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LONGEST_COUNT: Final = 366 * 20


class Day(NamedTuple):
    """A weekday (Monday is 0); ``nth`` of the month if not 0, from its end if negative."""

    weekday: int
    nth: int = 0


@dataclass(frozen=True, slots=True)
class Hours:
    """When something is open. ``opens`` and ``closes`` are as written by the source (``HH:MM`` or ``HH:MM:SS``, perhaps with an offset)."""

    opens: str | None = None
    closes: str | None = None
    all_day: bool = False
    text: str | None = None
    frequency: str | None = None
    """WEEKLY or MONTHLY; ``None``: the days do not repeat by a rule that was given."""
    interval: int = 1
    days: tuple[Day, ...] = ()
    month_days: tuple[int, ...] = ()
    weeks: tuple[int, ...] = ()
    week_start: int = 0
    unclear: bool = False
    """The rule has parts that contradict each other or could not be read."""
    start: date | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    until: date | None = None
    count: int | None = None

    def open_on(self, day: date) -> bool | None:
        """Whether the rule gives this day; ``None`` if it does not say enough."""
        first, last = max(self.valid_from or date.min, self.start or date.min), min(self.valid_to or date.max, self.until or date.max)
        if not first <= day <= last:
            return False
        if self.unclear or (self.interval > 1 and self.start is None):
            return None
        found = self._gives(day)
        return found if self.count is None or not found else self._counted(day, self.count)

    def _counted(self, day: date, count: int) -> bool | None:
        """Whether an occurrence on ``day`` is among the first ``count``."""
        if self.start is None or (day - self.start).days > _LONGEST_COUNT:
            return None
        past = (self.start + timedelta(days=n) for n in range((day - self.start).days + 1))
        return sum(1 for each in past if self._gives(each)) <= count

    def _gives(self, day: date) -> bool | None:
        if self.frequency == "WEEKLY":
            return self._weekly(day)
        return self._monthly(day) if self.frequency == "MONTHLY" else None

    def _weekly(self, day: date) -> bool | None:
        weekdays = {each.weekday for each in self.days} or ({self.start.weekday()} if self.start else set())
        if not weekdays:
            return None
        if self.weeks and day.isocalendar().week not in self.weeks:
            return False
        if self.start is not None and self.interval > 1:
            weeks = (self._week(day) - self._week(self.start)).days // 7
            return weeks % self.interval == 0 and day.weekday() in weekdays
        return day.weekday() in weekdays

    def _week(self, day: date) -> date:
        """The first day of its week."""
        return day - timedelta(days=(day.weekday() - self.week_start) % 7)

    def _monthly(self, day: date) -> bool | None:
        if self.start is not None and ((day.year - self.start.year) * 12 + day.month - self.start.month) % self.interval:
            return False
        length = monthrange(day.year, day.month)[1]
        month_days = self.month_days or ((self.start.day,) if self.start and not self.days else ())
        if not month_days and not self.days:
            return None
        in_days = not self.days or any(
            each.weekday == day.weekday() and each.nth in (0, (day.day - 1) // 7 + 1, -((length - day.day) // 7 + 1)) for each in self.days
        )
        return in_days and (not month_days or day.day in month_days or day.day - length - 1 in month_days)

    def __str__(self) -> str:
        names = ", ".join((f"{each.nth}." if each.nth else "") + WEEKDAYS[each.weekday].title() for each in self.days)
        times = "all day" if self.all_day else " to ".join(filter(None, (self.opens, self.closes)))
        return " ".join(filter(None, (names, times))) or self.text or "not stated"
