"""Conditions and arithmetic. CQL's connectives are Kleene's, so that a condition is said almost as it is meant."""

from typing import Final

from rules.cql.text import decimal_places, identifier, literal, number
from rules.ir import (
    All,
    Any,
    Arithmetic,
    Compare,
    ComputedFact,
    Condition,
    Constant,
    Expression,
    Holds,
    Is,
    Known,
    Not,
    PatientFact,
    Reading,
)

_FUNCTIONS: Final = {"min": "Lesser", "max": "Greater", "^": "Raised"}


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


def _joined(parts: tuple[Condition, ...], word: str, empty: str) -> str:
    if not parts:
        return empty
    return "(" + f"\n  {word} ".join(f"({condition_text(part)})" for part in parts) + ")"


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
        value = expression_text(branch.value)
        rounded = value if fact.places is None else f"Round({value}, {decimal_places(fact.places)})"
        condition = condition_text(branch.when)
        if branch.when != All(()):
            lines.append(f"  when ({condition}) is null then null")
        lines.append(f"  when {condition} then {rounded}")
    return "\n".join([*lines, "  else null", "end"])


_PATIENT: Final = {
    "age": """\
if WholeYears(start of "person: birth", "As Of") = WholeYears(end of "person: birth", "As Of")
then ToDecimal(WholeYears(start of "person: birth", "As Of")) else null""",
    "birth": 'if start of "person: birth" = end of "person: birth" then ToString(start of "person: birth") else null',
    "sex": "if Patient.gender.value in {'male', 'female', 'other'} then Patient.gender.value else null",
    "deceased": '"person: deceased"',
    "language": '"person: language"',
    "postcode": '"person: postcode"',
}


def patient_text(fact: PatientFact) -> str:
    """A fact about the person."""
    return _PATIENT[fact.attribute]
