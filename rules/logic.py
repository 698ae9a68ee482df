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


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Yes if at least ``number`` parts are yes; no if too few could be; else unknown."""

    parts: tuple["Condition", ...]
    number: int


Leaf = Holds | Compare | Is | Known
Group = All | Any | AtLeast
Condition = Leaf | Not | Group


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
        case AtLeast(parts, number):
            answers = [truth(p, values) for p in parts]
            certain, unknown = answers.count(True), answers.count(None)
            return True if certain >= number else None if certain + unknown >= number else False
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


def quorum(group: Group, answer: bool) -> int:
    """How many parts must give ``answer`` for the whole group to give it."""
    match group:
        case AtLeast(parts, number):
            return number if answer else max(len(parts) - number + 1, 0)
        case All(parts):
            return len(parts) if answer else 1
        case Any(parts):
            return 1 if answer else len(parts)


def leaves(condition: Condition) -> Iterator[Leaf]:
    """Every leaf of a condition, from left to right."""
    waiting = [condition]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Not):
            waiting.append(part.part)
        elif isinstance(part, Group):
            waiting += reversed(part.parts)
        else:
            yield part
