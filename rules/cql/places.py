"""Days on the calendar: what the end of a window means, and how long ago something was."""

from typing import Final

from rules.cql.text import day, identifier, length, moved
from rules.days import Duration
from rules.ir import Bound

_ALWAYS_IN_RANGE: Final = Duration(1000, "year")


def days_of(bound: Bound) -> str:
    """The days that a bound may mean."""
    if bound.year is not None:
        year = 'year from "As Of"' + (f" + {bound.year}" if bound.year > 0 else f" - {-bound.year}" if bound.year else "")
        return day_range(_shifted(f"Date({year}, 12, 31)" if bound.last else f"Date({year}, 1, 1)", bound))
    if bound.anchor:
        ends = (_shifted(f"{edge} of {identifier(f'{bound.anchor}: day')}", bound) for edge in ("start", "end"))
        return f"Interval[{', '.join(ends)}]"
    return day_range(_shifted(day(bound.day) if bound.day else '"As Of"', bound))


def _shifted(expression: str, bound: Bound) -> str:
    if bound.offset is not None:
        expression = _moved(expression, bound.offset, bound, backwards=bound.backwards)
    return _moved(expression, Duration(abs(bound.days), "day"), bound, backwards=bound.days < 0) if bound.days else expression


def _moved(expression: str, by: Duration, bound: Bound, *, backwards: bool) -> str:
    near = bound.anchor is None and not _is_long(by)
    if near:  # from a day of our time, the calendar does not end within such a length
        return f"{expression} {'-' if backwards else '+'} {length(by)}"
    return moved(expression, by, backwards=backwards)


def _is_long(offset: Duration) -> bool:
    return offset.count * {"day": 1, "week": 7, "month": 28, "year": 365}[offset.unit] > _ALWAYS_IN_RANGE.count * 365


def day_range(text: str) -> str:
    """One day as a range of days."""
    return f"Interval[{text}, {text}]"


def outermost(function: str, ranges: list[str]) -> str:
    """The latest (``Max``) or earliest (``Min``) of several days, each given as a range."""
    if len(ranges) == 1:
        return ranges[0]
    ends = (f"{function}({{ {', '.join(f'{edge} of {r}' for r in ranges)} }})" for edge in ("start", "end"))
    return f"Interval[{', '.join(ends)}]"


def whole(unit: str, since: str) -> str:
    """How many units are complete since a day."""
    match unit:
        case "month":
            return f'WholeMonths({since}, "As Of")'
        case "year":
            return f'(WholeMonths({since}, "As Of") div 12)'
        case "week":
            return f'((difference in days between {since} and "As Of") div 7)'
    return f'(difference in days between {since} and "As Of")'
