"""The rules that come with the product: their examples hold in every engine, and show every answer and every line at work."""

import re
from collections.abc import Iterator

import pytest
from support.engines import NAMES, open_engines

from rules.conformance.comparison import same
from rules.engines import Engine
from rules.engines.reference import ReferenceEngine
from rules.examples import ExampleCase
from rules.findings import ANSWERS
from rules.logic import All, Any, Compare, Condition, Holds, Is, Known, Leaf, Not, leaves, truth
from rules.pack import BUILT_IN, Pack, load_packs

PACKS = load_packs(BUILT_IN)
CASES = [(pack, case) for pack in PACKS for case in pack.cases]
RULES = [(pack, rule.id.text) for pack in PACKS for rule in pack.document.rules]


def case_id(value: object) -> str:
    return f"{value.rule}: {value.name}" if isinstance(value, ExampleCase) else value.document.id if isinstance(value, Pack) else str(value)


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, Engine]]:
    with open_engines() as opened:
        yield opened


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("pack", "case"), CASES, ids=case_id)
def test_example(pack: Pack, case: ExampleCase, name: str, engines: dict[str, Engine]) -> None:
    (evaluation,) = engines[name].evaluate(pack.program, [case.record], case.as_of)
    assert ANSWERS[evaluation.answers[case.rule]] == case.expect, case.span
    values = {**evaluation.facts, **evaluation.answers}
    for fact, expected in case.facts.items():
        found = values[fact]
        near = pytest.approx(expected, abs=1e-9) if isinstance(expected, float) and isinstance(found, float) else expected
        assert found == near, fact


@pytest.mark.parametrize(("pack", "case"), CASES, ids=case_id)
def test_the_engines_agree_about_every_rule_of_the_pack(pack: Pack, case: ExampleCase, engines: dict[str, Engine]) -> None:
    """An example belongs to one rule, but the person is evaluated by all."""
    (reference, *others) = [next(e.evaluate(pack.program, [case.record], case.as_of)) for e in engines.values()]
    for other in others:
        assert all(same(reference.facts[n], other.facts[n]) for n in reference.facts)
        assert other.answers == reference.answers


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=case_id)
def test_examples_show_all_three_answers(pack: Pack, rule: str) -> None:
    assert {case.expect for case in pack.cases if case.rule == rule} == {"yes", "no", "unknown"}


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=case_id)
def test_the_summary_names_facts_of_the_rule(pack: Pack, rule: str) -> None:
    written = pack.rule(rule)
    named = set(re.findall(r"\{(.*?)\}", written.card.summary.text))
    behind = {name.rpartition("/")[2] for name in pack.program.facts_behind(rule)}
    assert named <= behind


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=case_id)
def test_the_evidence_can_be_read(pack: Pack, rule: str) -> None:
    written = pack.rule(rule)
    assert written.citations
    assert all(c.url.startswith("https://") and c.title for c in written.citations)
    assert written.limitations
    assert written.why.endswith(".")


# ---------------------------------------------------------------- coverage: which lines were seen to decide


def seen(pack: Pack, rule: str) -> dict[Leaf, set[bool | None]]:
    """The answers of each line of a rule over the rule's own examples, those of derived facts included."""
    found: dict[Leaf, set[bool | None]] = {leaf: set() for leaf in lines(pack, pack.program.conditions[rule])}
    for case in pack.cases:
        if case.rule == rule:
            (evaluation,) = ReferenceEngine().evaluate(pack.program, [case.record], case.as_of)
            for leaf, answers in found.items():
                answers.add(truth(leaf, {**evaluation.facts, **evaluation.answers}))
    return found


def lines(pack: Pack, condition: Condition) -> Iterator[Leaf]:
    for leaf in leaves(condition):
        yield leaf
        if leaf.fact in pack.program.conditions:
            yield from lines(pack, pack.program.conditions[leaf.fact])


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=case_id)
def test_every_line_is_seen_yes_and_no(pack: Pack, rule: str) -> None:
    own = {leaf: answers for leaf, answers in seen(pack, rule).items() if belongs(leaf, rule)}
    assert [leaf for leaf, answers in own.items() if not {True, False} <= answers] == []


def belongs(leaf: Leaf, rule: str) -> bool:
    """Whether the line asks for a fact of the rule itself; what the pack shares is shown by the examples of all its rules."""
    return leaf.fact.startswith(f"{rule}/")


@pytest.mark.parametrize("pack", PACKS, ids=case_id)
def test_every_shared_line_is_seen_yes_and_no_by_some_rule(pack: Pack) -> None:
    together: dict[Leaf, set[bool | None]] = {}
    for rule in pack.program.rules:
        for leaf, answers in seen(pack, rule).items():
            together.setdefault(leaf, set()).update(answers)
    assert [leaf for leaf, answers in together.items() if not {True, False} <= answers] == []


# ---------------------------------------------------------------- mutation: a changed rule fails its examples


def mutants(condition: Condition) -> Iterator[Condition]:
    """The condition with one thing changed: a part dropped, a line denied, a limit moved to the other side of itself."""
    match condition:
        case Not(part):
            yield from (Not(m) for m in mutants(part))
        case All(parts) | Any(parts):
            kind = type(condition)
            for i, part in enumerate(parts):
                if len(parts) > 1:
                    yield kind(parts[:i] + parts[i + 1 :])
                yield from (kind((*parts[:i], m, *parts[i + 1 :])) for m in mutants(part))
        case Compare(fact, op, number):
            turned = {">": ">=", ">=": ">", "<": "<=", "<=": "<", "=": "!=", "!=": "="}
            yield Compare(fact, turned[op], number)  # type: ignore[arg-type]
        case Holds() | Is() | Known():
            yield Not(condition)


@pytest.mark.parametrize(("pack", "rule"), RULES, ids=case_id)
def test_the_examples_notice_every_change_of_the_rule(pack: Pack, rule: str) -> None:
    """Dropping any part, denying any line, or moving any limit changes the answer of some example of the pack."""
    own = [c for c in pack.cases if c.rule == rule]
    values = []
    for case in own:
        (evaluation,) = ReferenceEngine().evaluate(pack.program, [case.record], case.as_of)
        values.append({**evaluation.facts, **evaluation.answers})
    expected = [case.expect for case in own]
    survivors = [m for m in mutants(pack.program.conditions[rule]) if [ANSWERS[truth(m, v)] for v in values] == expected]
    assert survivors == []
