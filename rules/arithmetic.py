"""Arithmetic over number facts, in IEEE double precision. ``None`` is unknown, and so is whatever is computed from it."""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import floor, isfinite, log
from typing import Final

from rules.facts import Value


@dataclass(frozen=True, slots=True)
class Constant:
    """A number."""

    number: float


@dataclass(frozen=True, slots=True)
class Reading:
    """The value of a number fact."""

    fact: str


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``+ - * / ^ min max``, or ``log`` to a base, of two expressions. Division by nought and anything with an unknown part is unknown."""

    op: str
    left: "Expression"
    right: "Expression"


Expression = Constant | Reading | Arithmetic


def readings(expression: Expression) -> Iterator[str]:
    """The facts that an expression reads."""
    match expression:
        case Reading(fact):
            yield fact
        case Arithmetic(_, left, right):
            yield from readings(left)
            yield from readings(right)


def compute(expression: Expression, values: Mapping[str, Value]) -> float | None:
    """The number that ``expression`` gives, in IEEE double precision and in the order written."""
    match expression:
        case Constant(number):
            return number
        case Reading(fact):
            value = values[fact]
            return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        case Arithmetic(op, left, right):
            a, b = compute(left, values), compute(right, values)
            return None if a is None or b is None else _arithmetic(op, a, b)


def _arithmetic(op: str, a: float, b: float) -> float | None:
    if (op == "/" and b == 0) or (op == "^" and a <= 0) or (op == "log" and (a <= 0 or b <= 0 or b == 1)):
        return None
    try:
        return finite(ARITHMETIC[op](a, b))
    except OverflowError:
        return None


def finite(value: float) -> float | None:
    """The number, or ``None`` if it is too large for double precision."""
    return value if isfinite(value) else None


ARITHMETIC: Final[dict[str, Callable[[float, float], float]]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "^": operator.pow,
    "min": min,
    "max": max,
    "log": lambda a, b: log(a) / log(b),
}


def rounded(value: float | None, places: int | None) -> float | None:
    """``value`` with so many decimal places, half up."""
    if value is None or places is None:
        return value
    scale = 10.0**places
    shifted = finite(value * scale)
    return None if shifted is None else floor(shifted + 0.5) / scale
