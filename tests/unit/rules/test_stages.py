"""A program that is more than one durable_rules rule set can hold runs in several, with the reference's answers."""

import math
from collections.abc import Iterator
from itertools import combinations

import pytest

from rules.conformance.comparison import same
from rules.conformance.draws import Draws
from rules.conformance.programs import numbers_of
from rules.engines.horn import HornProgram
from rules.engines.rete import _Child
from rules.engines.stages import stages
from rules.errors import EngineLimit
from rules.facts import Value
from rules.ir import Derived, Fact, PatientFact, Program, derive
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Not

YES_NO = tuple(PatientFact(f"y{i}", "deceased", "yes/no") for i in range(1200))
NUMBERS = tuple(PatientFact(f"n{i}", "age", "number") for i in range(20))
WORDS = tuple(PatientFact(f"w{i}", "sex", "word") for i in range(3))
WORD = ("red", "green", "blue")


def program(*derived: Derived) -> Program:
    return Program((*YES_NO, *NUMBERS, *WORDS), derived, tuple(d.name for d in derived))


def rule(condition: Condition) -> Program:
    return program(Derived("r", condition))


def holds(count: int) -> tuple[Condition, ...]:
    return tuple(Holds(f.name) for f in YES_NO[:count])


def thresholds(count: int) -> tuple[Condition, ...]:
    return tuple(Compare("n0", op, float(i)) for i in range(count) for op in (">", "<="))  # type: ignore[arg-type]


LARGE = {
    "too many conditions": rule(All(holds(1200))),
    "too many conditions, none of which may hold": rule(Not(Any(holds(1000)))),
    "too many limits on one number": rule(Any(tuple(Compare("n0", ">", i + 0.5) for i in range(200)))),
    "limits on both sides": rule(All(thresholds(100))),
    "too many rules on one condition": program(*(Derived(f"r{i}", Holds("y0")) for i in range(700))),
    "too many clauses": program(*(Derived(f"r{i}", All(pair)) for i, pair in enumerate(combinations(holds(60), 2)))),
    "two thousand rules": program(*(Derived(f"r{i}", Any((Holds(f"y{i % 1200}"), Compare("n1", "<", float(i))))) for i in range(2000))),
    "a chain over stages": program(
        Derived("d0", Holds("y0")), *(Derived(f"d{i}", Any((Holds(f"d{i - 1}"), Holds(f"y{i}")))) for i in range(1, 600))
    ),
    "known and unknown of derived values": program(
        Derived("d", Any((Holds("y0"), Holds("y1")))), Derived("e", Not(Known("d"))), Derived("r", All((Known("e"), Not(Holds("d")))))
    ),
    "at least half of too many": rule(AtLeast(holds(90), 45)),
    "all but a few of too many": rule(Not(AtLeast(thresholds(40), 77))),
    "words, and groups within groups": rule(
        Not(Any(tuple(All((Is("w0", word), Not(Any((Is("w1", word), Holds(f"y{i}")))))) for i in range(250) for word in WORD)))
    ),
}


@pytest.mark.parametrize("large", LARGE.values(), ids=LARGE.keys())
def test_a_large_program_is_answered_as_the_reference_does(large: Program) -> None:
    with pytest.raises(EngineLimit):
        HornProgram(large)
    child = _Child(stages(large), [d.name for d in large.derived])
    try:
        for facts in people(large, 12):
            expected, found = derive(large, facts), child.answers(facts)
            assert list(found) == list(expected)
            assert [name for name in expected if not same(expected[name], found[name])] == []
    finally:
        child.stop()
    assert child.restarts == 0


def people(program: Program, count: int) -> Iterator[dict[str, Value]]:
    """People of all kinds: everything known, little known, all yes, all no."""
    for number in range(count):
        draws = Draws(str(number))
        share = (1.0, 0.0, 0.5, 0.98)[number % 4]
        missing = (0.0, 0.02, 0.5)[number % 3]
        yield {f.name: None if draws.random() < missing else _value(draws, f, share) for f in program.facts}


def _value(draws: Draws, fact: Fact, share: float) -> Value:
    if fact.type == "word":
        return draws.choice((*WORD, "none of these"))
    if fact.type == "number":
        return draws.choice((*numbers_of(fact), 37.25, 99.0, 1200.0))
    return draws.random() < share


CONSTANT = {
    "always": All(()),
    "never": Any(()),
    "not never": Not(Any(())),
    "never, within a group": All((Holds("y0"), Any(()))),
    "always, within a group": Any((Holds("y0"), Not(Any(())))),
    "always, among others": All((Holds("y0"), All(()), Holds("y1"))),
}


@pytest.mark.parametrize("condition", CONSTANT.values(), ids=CONSTANT.keys())
def test_groups_without_parts_hold_or_fail_whatever_is_known(condition: Condition) -> None:
    small = Program(YES_NO[:2], (Derived("r", condition), Derived("s", Holds("r"))), ("r", "s"))
    child = _Child(stages(small), ["r", "s"])
    people: list[dict[str, Value]] = [{"y0": a, "y1": b} for a in (True, False, None) for b in (True, False, None)]
    found = [child.answers(facts) for facts in people]
    child.stop()
    assert found == [derive(small, facts) for facts in people]


def test_a_program_that_fits_is_one_stage() -> None:
    assert len(stages(rule(All(holds(20))))) == 1


def test_stages_are_as_few_as_they_can_be() -> None:
    """700 rules on one condition, 200 at a time."""
    assert len(stages(LARGE["too many rules on one condition"])) == 4


@pytest.mark.parametrize("limit", [2.0**53, math.inf, math.nan])
def test_a_limit_that_no_rule_set_can_hold(limit: float) -> None:
    with pytest.raises(EngineLimit, match=r"only numbers below 2\*\*53 are held exactly"):
        stages(rule(Any((Holds("y0"), Compare("n0", ">", limit)))))


def test_facts_that_mean_the_same_are_told_as_one() -> None:
    small = Program(YES_NO[:3], (Derived("r", All(holds(3))), Derived("s", Not(Known("y2")))), ("r", "s"))
    (stage,) = stages(small, small.twins)
    child = _Child((stage,), ["r", "s"])
    people: list[dict[str, Value]] = [dict.fromkeys(("y0", "y1", "y2"), value) for value in (True, False, None)]
    assert [len(stage.messages(facts)) for facts in people] == [1, 1, 1]
    found = [child.answers(facts) for facts in people]
    child.stop()
    assert found == [derive(small, facts) for facts in people]


def test_twins_are_told_apart_where_too_many_rules_would_stand_on_one_condition() -> None:
    many = program(*(Derived(f"r{i}", Holds(f"y{i}")) for i in range(190)), *(Derived(f"s{i}", Holds(f"y{i}")) for i in range(20)))
    with pytest.raises(EngineLimit, match="clauses on one condition"):
        HornProgram(many, twins=many.twins)
    (stage,) = stages(many, many.twins)
    assert len(stage.messages(dict.fromkeys(many.by_name))) == 0
    assert len(stage.messages({fact.name: True if fact.name == "y7" else None for fact in many.facts})) == 1
