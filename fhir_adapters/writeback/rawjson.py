"""JSON with the place of every value in its text, so that one value can be changed and every other byte stays as it is.

A parser that makes Python values of a resource and writes them again turns 1.00 into 1.0 and ``\\u00e9`` into é, and loses what
stands twice. Here nothing is written again: a change is a splice.
"""

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

_DEEPEST: Final = 200
_SPACE: Final = re.compile(r"[ \t\n\r]*+")
_STRING: Final = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*+"')
_PLAIN: Final = re.compile(r"-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?|true|false|null")


class NotJson(ValueError):
    """The text is not JSON, or not JSON that means one thing only (a name stands twice). The message gives the position."""

    def __init__(self, at: int, what: str) -> None:
        super().__init__(f"{what} at character {at}")


@dataclass(frozen=True, slots=True)
class Value:
    """A value in a text: what stands from ``start`` to ``end``, the end not included."""

    start: int
    end: int
    members: "dict[str, Member] | None" = None
    """Of an object, in the order of the text."""
    items: "tuple[Value, ...] | None" = None
    """Of an array."""


@dataclass(frozen=True, slots=True)
class Member:
    """A name with its value; ``start`` is where the name begins."""

    start: int
    value: Value


def scan(text: str) -> Value:
    """The places of everything in ``text``. Raises `NotJson`."""
    value = _value(text, _space(text, 0), 0)
    if _space(text, value.end) != len(text):
        raise NotJson(value.end, "something after the end")
    return value


def read(text: str, value: Value) -> Any:
    """The value itself; numbers with a point or an exponent as `Decimal`, which remembers its places."""
    return json.loads(text[value.start : value.end], parse_float=Decimal)


def same(one: Any, other: Any) -> bool:
    """Whether two values are written alike: 1.0 is not 1.00, 1 is not 1.0 and not true. The order of an object's members does not count."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, Decimal) and isinstance(other, Decimal):
        return one.as_tuple() == other.as_tuple()
    return type(one) is type(other) and bool(one == other)


def _space(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Value:
    if depth > _DEEPEST:
        raise NotJson(at, "nested too deep")
    first = text[at : at + 1]
    if first == "{":
        return _object(text, at, depth)
    if first == "[":
        return _array(text, at, depth)
    found = (_STRING if first == '"' else _PLAIN).match(text, at)
    if not found:
        raise NotJson(at, "no value")
    return Value(at, found.end())


def _object(text: str, at: int, depth: int) -> Value:
    members: dict[str, Member] = {}
    next, more = _opened(text, at, "}")
    while more:
        name = _STRING.match(text, next)
        if not name:
            raise NotJson(next, "no name")
        key = str(json.loads(name[0]))
        if key in members:
            raise NotJson(next, "a name stands twice")
        colon = _space(text, name.end())
        if text[colon : colon + 1] != ":":
            raise NotJson(colon, "no colon")
        value = _value(text, _space(text, colon + 1), depth + 1)
        members[key] = Member(next, value)
        next, more = _continued(text, value.end, "}")
    return Value(at, next, members=members)


def _array(text: str, at: int, depth: int) -> Value:
    items = []
    next, more = _opened(text, at, "]")
    while more:
        items.append(_value(text, next, depth + 1))
        next, more = _continued(text, items[-1].end, "]")
    return Value(at, next, items=tuple(items))


def _opened(text: str, at: int, closing: str) -> tuple[int, bool]:
    """After an opening bracket: where the first thing stands and that there is one, or where the empty whole ends."""
    next = _space(text, at + 1)
    return (next + 1, False) if text[next : next + 1] == closing else (next, True)


def _continued(text: str, at: int, closing: str) -> tuple[int, bool]:
    """After a thing: where the next one stands and that there is one, or where the whole ends."""
    next = _space(text, at)
    sign = text[next : next + 1]
    if sign == closing:
        return next + 1, False
    if sign != ",":
        raise NotJson(next, "neither comma nor end")
    return _space(text, next + 1), True
