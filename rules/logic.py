"""Conditions and the three-valued logic that they obey. Defined here and only here.

``None`` is *unknown*. A condition over unknown facts is yes or no only where every possible value would give that same answer to
its connectives (Kleene's strong logic).
"""

import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from rules.facts import Value

Operator = Literal[">", ">=", "<", "<=", "=", "!="]

OPERATORS: Final[dict[str, Callable[..., bool]]] = {
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


Judge = Callable[[Mapping[str, Value]], bool | None]
"""The three-valued answer of a condition, given the values of the facts."""


def truth(condition: Condition, values: Mapping[str, Value]) -> bool | None:
    """The three-valued answer of ``condition`` when the facts have these ``values``."""
    return judge(condition)(values)


def judge(condition: Condition) -> Judge:
    """What ``condition`` means, ready to be asked of one person's facts after another."""
    match condition:
        case Not(part):
            return _contrary(judge(part))
        case All(parts):
            return _decided([judge(p) for p in parts], by=False)
        case Any(parts):
            return _decided([judge(p) for p in parts], by=True)
        case AtLeast(parts, number):
            return _quorate([judge(p) for p in parts], number)
        case Known(fact):
            return lambda values: values[fact] is not None
        case Holds(fact):
            return lambda values: None if (value := values[fact]) is None else value is True
        case Is(fact, word):
            return lambda values: None if (value := values[fact]) is None else value == word
        case Compare(fact, op, number):
            compare = OPERATORS[op]
            return lambda values: None if (value := values[fact]) is None else compare(value, number)


def _contrary(part: Judge) -> Judge:
    def judged(values: Mapping[str, Value]) -> bool | None:
        answer = part(values)
        return None if answer is None else not answer

    return judged


def _decided(parts: list[Judge], by: bool) -> Judge:
    """The first part that answers ``by`` decides; else unknown if any part is unknown; else the contrary."""

    def judged(values: Mapping[str, Value]) -> bool | None:
        answer: bool | None = not by
        for part in parts:
            found = part(values)
            if found is by:
                return by
            if found is None:
                answer = None
        return answer

    return judged


def _quorate(parts: list[Judge], number: int) -> Judge:
    def judged(values: Mapping[str, Value]) -> bool | None:
        answers = [part(values) for part in parts]
        certain, unknown = answers.count(True), answers.count(None)
        return True if certain >= number else None if certain + unknown >= number else False

    return judged


def quorum(group: Group, answer: bool) -> int:
    """How many parts must give ``answer`` for the whole group to give it."""
    match group:
        case AtLeast(parts, number):
            return number if answer else max(len(parts) - number + 1, 0)
        case All(parts):
            return len(parts) if answer else 1
        case Any(parts):
            return 1 if answer else len(parts)


def combined(group: Group, answers: Sequence[bool | None]) -> bool | None:
    """The answer of a group, given those of its parts."""
    certain, needed = answers.count(True), quorum(group, True)
    return True if certain >= needed else None if certain + answers.count(None) >= needed else False


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
