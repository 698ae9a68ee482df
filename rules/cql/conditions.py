"""Conditions and arithmetic. CQL's connectives are Kleene's, so that a condition is said almost as it is meant."""

from typing import Final

from rules.arithmetic import Arithmetic, Constant, Expression, Reading
from rules.cql.text import decimal_places, identifier, literal, number
from rules.ir import ComputedFact
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Not

_FUNCTIONS: Final = {"min": "Lesser", "max": "Greater", "^": "Raised", "log": "Logarithm"}


def condition_text(condition: Condition) -> str:
    """A three-valued expression."""
    match condition:
        case Holds(fact):
            return identifier(fact)
        case Compare(fact, op, limit):
            return f"{identifier(fact)} {op} {number(limit)}"
        case Is(fact, word):
            return f"{identifier(fact)} = {literal(word)}"
        case Known(fact):
            return f"{identifier(fact)} is not null"
        case Not(part):
            return f"not ({condition_text(part)})"
        case All(parts):
            return _joined(parts, "and", "true")
        case Any(parts):
            return _joined(parts, "or", "false")
        case AtLeast(parts, enough):
            return _at_least([condition_text(part) for part in parts], enough)


def _joined(parts: tuple[Condition, ...], word: str, empty: str) -> str:
    if not parts:
        return empty
    return "(" + f"\n  {word} ".join(f"({condition_text(part)})" for part in parts) + ")"


def _at_least(parts: list[str], enough: int) -> str:
    listed = "({ " + ", ".join(f"({part})" for part in parts) + " })"
    certain = f"Count({listed} _P where _P return all _P)"
    possible = f"Count({listed} _P where _P is null or _P return all 1)"
    return f"(case when {certain} >= {enough} then true when {possible} < {enough} then false else null end)"


def expression_text(expression: Expression) -> str:
    """Arithmetic in the order written. Null if a part is null; CQL divides by nought to null."""
    match expression:
        case Constant(value):
            return number(value)
        case Reading(fact):
            return identifier(fact)
        case Arithmetic(op, left, right):
            a, b = expression_text(left), expression_text(right)
            return f"{_FUNCTIONS[op]}({a}, {b})" if op in _FUNCTIONS else f"({a} {op} {b})"


def computed_text(fact: ComputedFact) -> str:
    """The first line whose condition holds gives the value; one that is unknown before it makes the fact unknown."""
    lines = ["case"]
    for branch in fact.branches:
        condition = condition_text(branch.when)
        if branch.when != All(()):
            lines.append(f"  when ({condition}) is null then null")
        lines.append(f"  when {condition} then {_value_text(branch.value, fact.places)}")
    return "\n".join([*lines, "  else null", "end"])


def _value_text(value: Expression | str, places: int | None) -> str:
    if isinstance(value, str):
        return literal(value)
    text = expression_text(value)
    return text if places is None else f"Round({text}, {decimal_places(places)})"
