"""Conditions and the three-valued logic that they obey. Defined here and only here.

``None`` is *unknown*. A condition over unknown facts is yes or no only where every possible value would give that same answer to
its connectives (Kleene's strong logic).
"""

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from rules.facts import Value

Operator = Literal[">", ">=", "<", "<=", "=", "!="]

OPERATORS: Final[dict[str, Callable[[float, float], bool]]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "=": operator.eq,
    "!=": operator.ne,
}


@dataclass(frozen=True, slots=True)
class Holds:
    """A yes/no fact is yes."""

    fact: str


@dataclass(frozen=True, slots=True)
class Compare:
    """A number fact compared with a constant in the fact's own unit."""

    fact: str
    op: Operator
    number: float


@dataclass(frozen=True, slots=True)
class Is:
    """A word fact has this word."""

    fact: str
    word: str


@dataclass(frozen=True, slots=True)
class Known:
    """A fact has a value. Never unknown itself."""

    fact: str


@dataclass(frozen=True, slots=True)
class Not:
    """The contrary; unknown stays unknown."""

    part: "Condition"


@dataclass(frozen=True, slots=True)
class All:
    """No if any part is no; else unknown if any part is unknown; else yes."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Yes if any part is yes; else unknown if any part is unknown; else no."""

    parts: tuple["Condition", ...]


Leaf = Holds | Compare | Is | Known
Condition = Leaf | Not | All | Any


def truth(condition: Condition, values: Mapping[str, Value]) -> bool | None:
    """The three-valued answer of ``condition`` when the facts have these ``values``."""
    match condition:
        case Not(part):
            inner = truth(part, values)
            return None if inner is None else not inner
        case All(parts):
            answers = [truth(p, values) for p in parts]
            return False if False in answers else None if None in answers else True
        case Any(parts):
            answers = [truth(p, values) for p in parts]
            return True if True in answers else None if None in answers else False
        case Known(fact):
            return values[fact] is not None
    return _leaf_truth(condition, values[condition.fact])


def _leaf_truth(leaf: Holds | Compare | Is, value: Value) -> bool | None:
    if value is None:
        return None
    if isinstance(leaf, Compare):
        assert isinstance(value, int | float)  # noqa: S101 - the parser has checked the fact's type
        return OPERATORS[leaf.op](value, leaf.number)
    return value == leaf.word if isinstance(leaf, Is) else value is True


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of a condition, from left to right."""
    match condition:
        case Not(part):
            yield from leaves(part)
        case All(parts) | Any(parts):
            for part in parts:
                yield from leaves(part)
        case _:
            yield condition
