"""Conditions: lines become typed comparisons."""

import re
from typing import Final, get_args

from rules import document as doc
from rules import ir, logic
from rules.errors import did_you_mean
from rules.grammar import SEXES
from rules.parse.fields import BLANK, Problems
from rules.scope import Scope, type_of
from rules.source import TextNode
from rules.units import canonical

_NUMBER: Final = r"(-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,10})?)"
_COMPARE: Final = re.compile(rf"(>=|<=|!=|=|>|<) *{_NUMBER}(?: +(\S.*))?")
_BETWEEN: Final = re.compile(rf"between {_NUMBER} and {_NUMBER}(?: +(\S.*))?")
_OPERATORS: Final[dict[str, logic.Operator]] = {operator: operator for operator in get_args(logic.Operator)}
_KNOWN: Final = ("is known", "is unknown")
_AFTER_NAME: Final = re.compile(r" (?:is|between|>=|<=|!=|=|>|<)(?: |$)")


def lower_condition(written: doc.ConditionText, scope: Scope) -> logic.Condition:
    """A condition as engines see it."""
    return _Lowering(scope.problems).condition(written, scope)


def lower_group(written: doc.Group, parts: tuple[logic.Condition, ...]) -> logic.Condition:
    """A group as engines see it, given its parts as they see them."""
    match written.kind:
        case "any":
            return parts[0] if len(parts) == 1 else logic.Any(parts)
        case "at least":
            return logic.AtLeast(parts, written.number)
        case "none" | "not":
            return logic.Not(parts[0] if len(parts) == 1 else logic.Any(parts))
    return parts[0] if len(parts) == 1 else logic.All(parts)


class _Lowering:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems

    def condition(self, written: doc.ConditionText, scope: Scope) -> logic.Condition:
        if isinstance(written, doc.Leaf):
            return self.leaf(written.text, scope)
        return lower_group(written, tuple(self.condition(part, scope) for part in written.parts))

    def leaf(self, line: TextNode, scope: Scope) -> logic.Condition:
        name = scope.longest_fact(line.text)
        if name is None:
            word = _AFTER_NAME.split(line.text)[0]
            if line is not BLANK:
                self.problems.add(line.span, "ALM210", f"there is no fact called '{word}'", did_you_mean(word, scope.fact_names()))
            return logic.All(())
        fact, full, rest = scope.facts_in_view()[name], scope.resolve(name), line.text[len(name) :].strip()
        kind = type_of(fact)
        if kind == "date" and (rest not in _KNOWN or not isinstance(fact, doc.PatientFact)):
            return self.date(name, line, fact)
        if rest in _KNOWN:
            return logic.Known(full) if rest == "is known" else logic.Not(logic.Known(full))
        if kind == "yes/no":
            return self.yes_no(full, name, rest, line)
        return self.word(full, name, rest, line, fact, scope) if kind == "word" else self.comparison(full, name, rest, line, fact)

    def date(self, name: str, line: TextNode, fact: doc.Fact) -> logic.Condition:
        hint = "name its 'unit' or 'question' if its value is meant" if isinstance(fact, doc.EventFact) else ""
        message = f"'{name}' is a date: count a window from it, such as 'within: 30 days after {name}'"
        self.problems.add(line.span, "ALM217", message, hint)
        return logic.All(())

    def yes_no(self, full: str, name: str, rest: str, line: TextNode) -> logic.Condition:
        if rest:
            self.problems.add(line.span, "ALM211", f"'{name}' is yes/no; it stands alone, without '{rest}'")
        return logic.Holds(full)

    def word(self, full: str, name: str, rest: str, line: TextNode, fact: doc.Fact, scope: Scope) -> logic.Condition:
        if not rest.startswith("is "):
            self.problems.add(line.span, "ALM212", f"'{name}' is a word: say which, such as \"{name} is {self.some_word(fact, scope)}\"")
            return logic.All(())
        word, allowed = rest.removeprefix("is "), self.words(fact, scope)
        if negated := word not in allowed and word.startswith("not "):  # a word may itself be 'not wanted'
            word = word.removeprefix("not ")
        if allowed and word not in allowed:
            self.problems.add(
                line.span, "ALM213", f"'{name}' is never '{word}'", did_you_mean(word, allowed) or f"one of: {', '.join(allowed)}"
            )
        return logic.Not(logic.Is(full, word)) if negated else logic.Is(full, word)

    def words(self, fact: doc.Fact, scope: Scope) -> tuple[str, ...]:
        if isinstance(fact, doc.EventFact) and fact.series.question and (question := scope.question(fact.series.question, quiet=True)):
            return tuple(w.text for w, _ in question.words)
        if isinstance(fact, doc.ComputedFact):
            return tuple(dict.fromkeys(value.text for _, value in fact.lines))
        return SEXES if isinstance(fact, doc.PatientFact) and fact.attribute.text == "sex" else ()

    def some_word(self, fact: doc.Fact, scope: Scope) -> str:
        return next(iter(self.words(fact, scope)), "…")

    def comparison(self, full: str, name: str, rest: str, line: TextNode, fact: doc.Fact) -> logic.Condition:
        if compare := _COMPARE.fullmatch(rest):
            self.check_unit(name, compare[3], line, fact)
            return logic.Compare(full, _OPERATORS[compare[1]], float(compare[2]))
        if between := _BETWEEN.fullmatch(rest):
            self.check_unit(name, between[3], line, fact)
            low, high = float(between[1]), float(between[2])
            if low > high:
                self.problems.add(
                    line.span, "ALM214", f"nothing is between {between[1]} and {between[2]}", "write the smaller number first"
                )
            return logic.All((logic.Compare(full, ">=", low), logic.Compare(full, "<=", high)))
        self.problems.add(
            line.span, "ALM215", f"'{name}' is a number: compare it, such as \"{name} > 9\"" + (f"; cannot read '{rest}'" if rest else "")
        )
        return logic.All(())

    def check_unit(self, name: str, written: str | None, line: TextNode, fact: doc.Fact) -> None:
        own = _unit_of(fact)
        if isinstance(fact, doc.EventFact) and written and written.removesuffix("s") == _counted_in(fact):
            return
        if isinstance(fact, doc.PatientFact) and written in ("years", "year"):
            return
        if written and canonical(written) != own:
            scale = _counted_in(fact) if isinstance(fact, doc.EventFact) else None
            counted = own or (f"{scale}s" if scale else "no unit")
            self.problems.add(line.span, "ALM216", f"'{name}' is measured in {counted}; this compares it with {written}")


def _counted_in(fact: doc.EventFact) -> str | None:
    """The unit of time that a fact is a number of."""
    return "day" if fact.aggregate.text == "days covered" else fact.scale if fact.aggregate.text == "time since latest" else None


def _unit_of(fact: doc.Fact) -> str | None:
    match fact:
        case doc.EventFact():
            unit = canonical(fact.series.unit.text) if fact.series.unit and fact.aggregate.text != "count" else None
            return f"{unit}/{ir.PER[fact.scale]}" if fact.aggregate.text == "trend" and fact.scale else unit
        case doc.ComputedFact():
            return canonical(fact.unit.text) if fact.unit else None
    return None
