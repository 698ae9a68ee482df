"""CQL's identifiers and literals."""

from datetime import date
from decimal import Decimal
from typing import Final

from rules.days import Duration
from rules.days import after as day_after
from rules.days import before as day_before

MOST_PLACES: Final = 8
MOST_DIGITS: Final = 20
"""A CQL decimal holds so many digits before the point, and so many places after it."""


class CannotSay(Exception):
    """CQL has no way to say this faithfully; the message names the construct and why."""


def identifier(name: str) -> str:
    """``name`` as a quoted identifier."""
    return '"' + _escaped(name).replace('"', '\\"') + '"'


def literal(text: str) -> str:
    """``text`` as a string literal."""
    return "'" + _escaped(text).replace("'", "\\'") + "'"


def _escaped(text: str) -> str:
    plain = text.replace("\\", "\\\\")
    return "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in plain)


def number(value: float) -> str:
    """A decimal literal.

    Raises:
        CannotSay: a CQL decimal cannot hold the number.
    """
    exact = Decimal(repr(value))
    places = max(0, -int(exact.as_tuple().exponent))
    if places > MOST_PLACES or abs(exact) >= Decimal(10) ** MOST_DIGITS:
        raise CannotSay(f"the number {exact:f}: a CQL decimal holds {MOST_DIGITS} digits before the point and {MOST_PLACES} after it")
    shown = f"{exact:f}"
    shown = shown if "." in shown else f"{shown}.0"
    return f"({shown})" if value < 0 else shown


def decimal_places(places: int) -> str:
    """The number of decimal places to round to.

    Raises:
        CannotSay: more than a CQL decimal has.
    """
    if places > MOST_PLACES:
        raise CannotSay(f"round: {places}: a CQL decimal has {MOST_PLACES} places")
    return str(places)


def day(value: date) -> str:
    """A date literal."""
    return f"@{value.isoformat()}"


def length(duration: Duration) -> str:
    """``3 months``."""
    return f"{duration.count} {duration.unit}{'' if duration.count == 1 else 's'}"


def moved(expression: str, by: Duration, *, backwards: bool) -> str:
    """A date moved by a length of time, and no further than the calendar goes: CQL would make such a date null."""
    if backwards:
        return f"(if {expression} < {day(day_after(date.min, by))} then {day(date.min)} else {expression} - {length(by)})"
    return f"(if {expression} > {day(day_before(date.max, by))} then {day(date.max)} else {expression} + {length(by)})"
