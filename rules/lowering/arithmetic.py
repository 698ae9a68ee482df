"""Arithmetic over number facts, and tests of an event's own value."""

import re
from typing import Final, get_args

from rules import arithmetic, ir, logic
from rules.errors import did_you_mean
from rules.parse.fields import BLANK, Problems
from rules.scope import Scope, type_of
from rules.source import TextNode
from rules.units import canonical

_VALUE_TEST: Final = re.compile(r"value *(>=|<=|!=|=|>|<) *(-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?)(?: +(\S.*))?")
_NUMBER: Final = re.compile(r"(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?")
_PRECEDENCE: Final = (("+", "-"), ("*", "/"), ("^",))
_ENDS: Final = re.compile(r"$| *[),]| +[-+*/^] ")
"""What follows the name of a fact."""
_MAX_DEPTH: Final = 32


def value_test(text: TextNode, unit: str | None, problems: Problems) -> ir.ValueTest | None:
    """``value >= 140 mm[Hg]``: the unit, if written, must be the fact's."""
    match = _VALUE_TEST.fullmatch(text.text)
    if match is None:
        if text is not BLANK:
            problems.add(text.span, "ALM242", f"cannot read '{text}'", "write a test such as 'value >= 140 mm[Hg]'")
        return None
    if unit is None:
        problems.add(text.span, "ALM243", "a test of the value needs 'unit'", 'say which unit the number is in, such as unit: "mm[Hg]"')
    elif match[3] and canonical(match[3]) != unit:
        problems.add(text.span, "ALM216", f"the values are measured in {unit}; this compares them with {match[3]}")
    return ir.ValueTest(next(o for o in get_args(logic.Operator) if o == match[1]), float(match[2]))


def expression(text: TextNode, scope: Scope) -> arithmetic.Expression:
    """``(phq9 - baseline) / baseline * 100``. Operators stand between spaces, since names may hold hyphens."""
    parser = _Parser(text, scope)
    try:
        result = parser.sum(0)
        parser.end()
    except _Mistake as mistake:
        if text is not BLANK:
            scope.problems.add(text.span, mistake.code, mistake.message, mistake.hint)
        return arithmetic.Constant(0.0)
    return result


class _Mistake(Exception):
    def __init__(self, code: str, message: str, hint: str = "") -> None:
        self.code, self.message, self.hint = code, message, hint


class _Parser:
    """Reads an expression from left to right; the longest fact name that fits is taken."""

    def __init__(self, text: TextNode, scope: Scope) -> None:
        self.scope = scope
        self.rest = text.text.strip()
        self.depth = 0

    def sum(self, level: int) -> arithmetic.Expression:
        """Operators of one level of precedence; ``^`` binds most tightly."""
        if level == len(_PRECEDENCE):
            return self.atom()
        left = self.sum(level + 1)
        while op := self.take(*(f"{o} " for o in _PRECEDENCE[level])):
            left = arithmetic.Arithmetic(op.strip(), left, self.sum(level + 1))
        return left

    def atom(self) -> arithmetic.Expression:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise _Mistake("ALM244", f"more than {_MAX_DEPTH} parts in one expression")
        if self.take("("):
            inner = self.sum(0)
            self.expect(")")
            return inner
        if function := self.take("min(", "max(", "log("):
            left = self.sum(0)
            self.expect(",")
            right = self.sum(0)
            self.expect(")")
            return arithmetic.Arithmetic(function[:-1], left, right)
        if number := _NUMBER.match(self.rest):
            self.rest = self.rest[number.end() :].lstrip()
            return arithmetic.Constant(float(number[0]))
        return self.reading()

    def reading(self) -> arithmetic.Expression:
        names = sorted(self.scope.facts_in_view(), key=len, reverse=True)
        name = next(
            (
                n
                for n in names
                if self.rest.startswith(n) and not self.rest[len(n) :].lstrip(" ").startswith(tuple("abcdefghijklmnopqrstuvwxyz"))
            ),
            None,
        )
        if name is None:
            word = re.split(r" [-+*/^]|[(),]", self.rest)[0].strip()
            message = f"there is no fact called '{word}'" if word else "a number or a fact is missing"
            raise _Mistake("ALM210", message, did_you_mean(word, names))
        if type_of(self.scope.facts_in_view()[name]) != "number":
            raise _Mistake("ALM245", f"'{name}' is no number; it cannot be computed with")
        self.rest = self.rest[len(name) :].lstrip()
        return arithmetic.Reading(self.scope.resolve(name))

    def take(self, *tokens: str) -> str:
        for token in tokens:
            if self.rest.startswith(token):
                self.rest = self.rest[len(token) :].lstrip()
                return token
        return ""

    def expect(self, token: str) -> None:
        if not self.take(token):
            raise _Mistake("ALM246", f"expected '{token}' before '{self.rest}'" if self.rest else f"'{token}' is missing at the end")

    def end(self) -> None:
        if self.rest:
            raise _Mistake("ALM246", f"cannot read '{self.rest}'", "operators stand between spaces: a + b")
