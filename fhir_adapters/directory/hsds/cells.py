"""The values of one row: text, numbers, days and lists, from a CSV cell or a JSON value. What cannot be read is reported and unknown."""

from datetime import date
from math import isfinite

from fhir_adapters.dates import parse
from fhir_adapters.directory.hsds.rows import Row
from fhir_adapters.quarantine import Reading, Reason


def text(row: Row, name: str) -> str | None:
    """The words of a field without the space around them."""
    value = row.fields.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return " ".join(str(value).split()) or None


def number(row: Row, name: str, reading: Reading, lowest: float, highest: float) -> float | None:
    """A finite number from ``lowest`` to ``highest``."""
    given = text(row, name)
    if given is None:
        return None
    try:
        value = float(given)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        reading.bad(name, Reason.NOT_A_NUMBER)
        return None
    if not lowest <= value <= highest:
        reading.bad(name, Reason.OUT_OF_RANGE)
        return None
    return value


def day(row: Row, name: str, reading: Reading) -> date | None:
    """The day of an ISO 8601 date or time; of a partial date the first."""
    given = text(row, name)
    if given is None:
        return None
    moment = parse(given.replace(" ", "T", 1))
    if moment is None:
        reading.bad(name, Reason.INVALID_DATE)
        return None
    return moment.days.low


def whole_numbers(row: Row, name: str, reading: Reading) -> tuple[int, ...]:
    """A list of numbers such as ``1,15,-1``; empty (and reported) if one of them is not."""
    parts = [part.strip() for part in (text(row, name) or "").split(",") if part.strip()]
    try:
        return tuple(int(part) for part in parts)
    except ValueError:
        reading.bad(name, Reason.NOT_A_NUMBER)
        return ()
