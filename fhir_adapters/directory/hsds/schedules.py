"""HSDS's schedule: iCal recurrence spread over columns."""

import re
from typing import Final

from fhir_adapters.directory.hours import WEEKDAYS, Day, Hours
from fhir_adapters.directory.hsds.cells import day, number, text, whole_numbers
from fhir_adapters.directory.hsds.rows import Row, Tables
from fhir_adapters.quarantine import Reading, Reason

_DAY: Final = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)", re.ASCII)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_WHOLE_DAY: Final = ("00:00", "23:59")
"""How HSDS writes that something is open around the clock."""


def schedule(row: Row, tables: Tables) -> Hours:
    """One row of the schedule table. A rule with parts that RFC 5545 does not allow together is unclear, and says of no day whether."""
    reading = tables.reading(row)
    before = reading.defects
    frequency = (text(row, "freq") or "").upper() or None
    days, month_days, weeks = _days(row, reading), whole_numbers(row, "bymonthday", reading), whole_numbers(row, "byweekno", reading)
    if frequency is None and days:
        frequency = "WEEKLY"
    week_start = (text(row, "wkst") or "MO").upper()
    unclear = (
        frequency not in (None, "WEEKLY", "MONTHLY")
        or bool(whole_numbers(row, "byyearday", reading))
        or (frequency == "WEEKLY" and bool(month_days or any(each.nth for each in days)))
        or bool(weeks and (frequency == "MONTHLY" or min(weeks) < 0))
        or week_start not in WEEKDAYS
    )
    interval, count = number(row, "interval", reading, 1, 1000), number(row, "count", reading, 1, 100_000)
    opens, closes = _time(row, "opens_at", reading), _time(row, "closes_at", reading)
    start, last = day(row, "dtstart", reading), day(row, "until", reading)
    valid = day(row, "valid_from", reading), day(row, "valid_to", reading)
    return Hours(
        opens=opens,
        closes=closes,
        all_day=(opens or "")[:5] == _WHOLE_DAY[0] and (closes or "")[:5] == _WHOLE_DAY[1],
        text=text(row, "description") or text(row, "notes"),
        frequency=frequency,
        interval=int(interval or 1),
        days=days,
        month_days=month_days,
        weeks=weeks,
        week_start=WEEKDAYS.index(week_start) if week_start in WEEKDAYS else 0,
        unclear=unclear or reading.defects > before,
        start=start,
        valid_from=valid[0],
        valid_to=valid[1],
        until=last,
        count=None if count is None else int(count),
    )


def _days(row: Row, reading: Reading) -> tuple[Day, ...]:
    found = []
    for part in filter(None, (piece.strip().upper() for piece in (text(row, "byday") or "").split(","))):
        match = _DAY.fullmatch(part)
        if match is None:
            reading.bad("byday", Reason.NOT_IN_BINDING)
        else:
            found.append(Day(WEEKDAYS.index(match[2]), int(match[1] or 0)))
    return tuple(found)


def _time(row: Row, name: str, reading: Reading) -> str | None:
    given = text(row, name)
    if given is not None and not _TIME.fullmatch(given):
        reading.bad(name, Reason.INVALID_DATE)
        return None
    return given
