"""What lines become: their exact form, and the edge between what is refused and what is not."""

from dataclasses import replace

import pytest
from support.rule_texts import RULE

from rules.arithmetic import Arithmetic, Constant, Expression, Reading
from rules.errors import RuleError
from rules.ir import ComputedFact, EventFact, Program
from rules.logic import All, Any, Compare, Condition, Holds, Is, Not
from rules.lowering import lower
from rules.pack import _standalone
from rules.parse import parse_rule
from rules.parse.fields import Problems
from rules.source import read

FACT = "  gap: {time since latest: procedures, in: months}\n"
WHEN = RULE[RULE.index("when:\n") : RULE.index("then:\n")]


def loaded(text: str) -> Program:
    problems = Problems()
    rule = parse_rule(read(text), problems)
    if problems.found:
        raise RuleError(problems.found)
    return lower(replace(_standalone(), rules=(rule,)))


def when(text: str) -> Condition:
    """The rule's condition as engines see it."""
    return loaded(RULE.replace(WHEN, f"when: {text}\n")).conditions["demo"]


def calculation(text: str, *facts: str) -> Expression:
    made = loaded(RULE.replace(FACT, FACT + "".join(f"  {line}\n" for line in facts) + f"  made: {{value: '{text}', round: 1}}\n"))
    fact = made.by_name["demo/made"]
    assert isinstance(fact, ComputedFact)
    return fact.branches[0].value


def fact(text: str) -> EventFact:
    made = loaded(RULE.replace(FACT, f"{FACT}  made: {text}\n")).by_name["demo/made"]
    assert isinstance(made, EventFact)
    return made


def code(text: str) -> str:
    """The one mistake in a whole rule."""
    with pytest.raises(RuleError) as caught:
        loaded(text)
    (mistake,) = caught.value.diagnostics
    return mistake.code


DIABETES, HIGH, NEEDY = Holds("demo/has diabetes"), Compare("demo/hba1c", ">", 9.0), Is("demo/food", "at risk")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("has diabetes", DIABETES),
        ("{all: [has diabetes]}", DIABETES),
        ("{any: [has diabetes]}", DIABETES),
        ("{none: [has diabetes]}", Not(DIABETES)),
        ("{not: has diabetes}", Not(DIABETES)),
        ("{all: [has diabetes, hba1c > 9 %]}", All((DIABETES, HIGH))),
        ("{any: [has diabetes, hba1c > 9 %, food is at risk]}", Any((DIABETES, HIGH, NEEDY))),
        ("{none: [has diabetes, hba1c > 9 %]}", Not(Any((DIABETES, HIGH)))),
        ("food is not at risk", Not(NEEDY)),
        ("hba1c between 7 and 9.5 %", All((Compare("demo/hba1c", ">=", 7.0), Compare("demo/hba1c", "<=", 9.5)))),
        ("hba1c between 9 and 9 %", All((Compare("demo/hba1c", ">=", 9.0), Compare("demo/hba1c", "<=", 9.0)))),
        ("age >= 65 years", Compare("demo/age", ">=", 65.0)),
        ("age < 1 year", Compare("demo/age", "<", 1.0)),
        ("gap >= 12 months", Compare("demo/gap", ">=", 12.0)),
        ("gap >= 12", Compare("demo/gap", ">=", 12.0)),
        ("sex is female", Is("demo/sex", "female")),
    ],
)
def test_a_condition_becomes(text: str, expected: Condition) -> None:
    assert when(text) == expected


def test_a_rule_with_exceptions_is_a_group() -> None:
    assert loaded(RULE).conditions["demo"] == All((All((DIABETES, HIGH)), Not(Is("demo/food", "no risk"))))


@pytest.mark.parametrize(
    "line", ["gap >= 3 years", "gap > 3 days", "hba1c > 9 years", "hba1c > 9 kg", "age > 3 months", "visits > 2 %", "visits > 2 months"]
)
def test_another_unit_is_refused(line: str) -> None:
    visits = "  visits: {count: observations, code: HbA1c, where: value > 1 %, unit: '%'}\n"
    assert code(RULE.replace(FACT, FACT + visits).replace(WHEN, f"when: {line}\n")) == "ALM216"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("sex is femal", "ALM213"),
        ("food is risky", "ALM213"),
        ("food is not risky", "ALM213"),
        ("food", "ALM212"),
        ("hba1c between 9 and 8 %", "ALM214"),
    ],
)
def test_a_line_is_refused(line: str, expected: str) -> None:
    assert code(RULE.replace(WHEN, f"when: {line}\n")) == expected


# ---------------------------------------------------------------- calculations

H, G = Reading("demo/hba1c"), Reading("demo/gap")


def of(op: str, left: Expression, right: Expression) -> Arithmetic:
    return Arithmetic(op, left, right)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hba1c", H),
        ("12.5", Constant(12.5)),
        ("hba1c + gap * 2", of("+", H, of("*", G, Constant(2.0)))),
        ("(hba1c + gap) * 2", of("*", of("+", H, G), Constant(2.0))),
        ("hba1c - gap - 2", of("-", of("-", H, G), Constant(2.0))),
        ("hba1c / gap / 2", of("/", of("/", H, G), Constant(2.0))),
        ("2 * hba1c ^ gap", of("*", Constant(2.0), of("^", H, G))),
        ("min(hba1c + 1, gap + 2)", of("min", of("+", H, Constant(1.0)), of("+", G, Constant(2.0)))),
        ("max(hba1c * 2, 3)", of("max", of("*", H, Constant(2.0)), Constant(3.0))),
        ("min(max(hba1c, 1), gap) - 1", of("-", of("min", of("max", H, Constant(1.0)), G), Constant(1.0))),
    ],
)
def test_a_calculation_becomes(text: str, expected: Expression) -> None:
    assert calculation(text) == expected


def test_the_longest_name_that_fits_is_read() -> None:
    names = ("hba1c 2: {patient: age}", "gap-free: {patient: age}")
    assert calculation("hba1c 2 + hba1c", *names) == of("+", Reading("demo/hba1c 2"), H)
    assert calculation("gap-free + gap", *names) == of("+", Reading("demo/gap-free"), G)


def test_a_calculation_holds_32_parts() -> None:
    assert calculation(" + ".join(["hba1c"] * 32))
    assert code(RULE.replace(FACT, f"{FACT}  made: {{value: '{' + '.join(['hba1c'] * 33)}'}}\n")) == "ALM244"


# ---------------------------------------------------------------- tests of a value


def test_tests_of_a_value() -> None:
    made = fact("{exists: observations, code: HbA1c, unit: '%', where: [value != 7 %, value >= 6.5 %, value < 9]}")
    assert [(t.op, t.number) for t in made.series.values] == [("!=", 7.0), (">=", 6.5), ("<", 9.0)]


@pytest.mark.parametrize(("unit", "other"), [("%", "kg"), ("kg", "%")])
def test_a_value_in_another_unit_is_refused(unit: str, other: str) -> None:
    made = f"  made: {{exists: observations, unit: '{unit}', where: value > 7 {other}}}\n"
    assert code(RULE.replace(FACT, FACT + made)) == "ALM216"


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        ("{value: born + 1}", "ALM245"),
        ("{value: sex + 1}", "ALM245"),
        ("{value: has diabetes + 1}", "ALM245"),
        ("{exists: procedures, since: sex}", "ALM207"),
        ("{exists: procedures, since: age}", "ALM207"),
        ("{exists: procedures, since: has diabetes}", "ALM207"),
    ],
)
def test_a_fact_of_another_kind_is_refused(fact: str, expected: str) -> None:
    assert code(RULE.replace(FACT, f"{FACT}  born: {{patient: birth}}\n  made: {fact}\n")) == expected


def test_a_value_can_be_asked_not_to_be_one_number_only() -> None:
    text = RULE.replace(FACT, f"{FACT}  made: {{exists: observations, unit: '%', where: [value != 7, value != 8]}}\n")
    assert code(text) == "ALM247"


@pytest.mark.parametrize(
    ("text", "present", "backwards"),
    [("followed by", True, False), ("preceded by", True, True), ("not followed by", False, False), ("not preceded by", False, True)],
)
def test_relations(text: str, present: bool, backwards: bool) -> None:
    (relation,) = fact(f"{{exists: observations, {text}: {{events: procedures, at least: 2 days, within: 9 days}}}}").series.relations
    assert (relation.present, relation.backwards) == (present, backwards)
    assert (str(relation.least), str(relation.most)) == ("2 days", "9 days")
