"""What durable_rules is given: numbers that its parser reads rightly, and never more than it can hold."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.engines.horn import MAX_BODY, MAX_NUMBER, HornProgram, encode
from rules.errors import EngineError, EngineLimit
from rules.ir import Derived, Fact, PatientFact, Program
from rules.logic import All, Any, Compare, Condition, Holds, Is, Known, Not


def program(condition: Condition, *facts: Fact) -> Program:
    base = facts or (PatientFact("n", "age", "number"), PatientFact("y", "deceased", "yes/no"), PatientFact("w", "sex", "word"))
    return Program(base, (Derived("r", condition),), ("r",))


# ---------------------------------------------------------------- numbers


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (1e-05, "0.00001"),
        (1e-07, "0.0000001"),
        (5e-324, "0." + "0" * 323 + "5"),
        (9.0, "9.0"),
        (9, "9.0"),
        (-0.5, "-0.5"),
        (1e15, "1000000000000000.0"),
        (1e16, "9007199254740992.0"),
        (-1e300, "-9007199254740992.0"),
        (math.inf, "9007199254740992.0"),
        (True, "true"),
        (False, "false"),
    ],
)
def test_encoded(value: float, written: str) -> None:
    assert encode(value) == written


@given(st.floats(-MAX_NUMBER, MAX_NUMBER))
def test_encoding_loses_nothing(value: float) -> None:
    text = encode(value)
    assert "e" not in text
    assert "." in text
    assert float(text) == value


@pytest.mark.parametrize("value", [math.nan, "9", None])
def test_what_is_no_number(value: float | str | None) -> None:
    with pytest.raises(EngineError, match="not a number"):
        encode(value)


@pytest.mark.parametrize("limit", [0.00001, 1e-10, 999999999999999.0, -0.5])
def test_the_rule_set_writes_numbers_plainly(limit: float) -> None:
    text = HornProgram(program(Compare("n", ">", limit))).ruleset()
    assert encode(limit) in text
    assert "e-" not in text
    assert json.loads(text)["go"]["all"][0]["m"] == {"f": "$go"}


# ---------------------------------------------------------------- clauses


def test_each_rail_has_its_own_clauses() -> None:
    compiled = HornProgram(program(All((Holds("y"), Compare("n", ">", 9)))))
    assert compiled.heads == (("d0", True), ("d0", False), ("d0", False))


def test_alternatives_are_clauses_of_what_they_conclude() -> None:
    """Groups inside groups of the same kind are no detours; only what is one condition of several has a head of its own."""
    compiled = HornProgram(program(Not(All((Not(Any((Holds("y"), Compare("n", ">", 9)))), All((Is("w", "female"), Known("w"))))))))
    assert [head for head in compiled.heads if head[1]].count(("d0", True)) == 4
    assert {name for name, _ in compiled.heads} == {"d0"}
    both = HornProgram(program(All((Any((Holds("y"), Known("w"))), Known("n")))))
    assert [name for name, rail in both.heads if rail] == ["x1", "x1", "d0"]


def test_a_head_that_no_clause_reads_is_not_told() -> None:
    facts = (PatientFact("y", "deceased", "yes/no"), PatientFact("n", "age", "number"))
    first, last = Derived("first", Holds("y")), Derived("last", All((Holds("first"), Any((Holds("y"), Compare("n", ">", 9))))))
    compiled = HornProgram(Program(facts, (first, last), ("last",)))
    assert {compiled.heads[i][0] for i in compiled.silent()} == {"d1"}
    assert {name for name, _ in compiled.heads} == {"d0", "d1", "x1"}


def test_messages_say_what_is_known_and_what_is_not() -> None:
    compiled = HornProgram(program(Any((Is("w", "female"), Known("w"), Holds("y"), Compare("n", ">", 9)))))
    known = compiled.messages({"n": 9.0, "y": False, "w": "male"})
    assert known == ['"f0":"f0","v":9.0', '"f1":"f1","v":false', '"f0":"w0","v":false', '"f2":"f2","v":true']
    missing = compiled.messages({"n": None, "y": None, "w": None})
    assert missing == ['"f2":"f2","u":1'], "of the others no clause asks whether they are known"


def test_what_no_clause_reads_is_not_told() -> None:
    compiled = HornProgram(program(Holds("y")))
    assert compiled.messages({"n": 9.0, "y": False, "w": "male"}) == ['"f1":"f1","v":false']
    assert HornProgram(program(Known("w"))).messages({"n": None, "y": None, "w": None}) == ['"f2":"f2","u":1']


def test_answers_come_from_the_rail_that_fired() -> None:
    compiled = HornProgram(program(Holds("y")))
    assert [compiled.answers([("d0", rail)])["r"] for rail in (True, False)] == [True, False]
    assert compiled.answers([]) == {"r": None}


def test_a_long_conjunction_is_split() -> None:
    facts = [PatientFact(f"y{i}", "deceased", "yes/no") for i in range(40)]
    compiled = HornProgram(program(All(tuple(Holds(f.name) for f in facts)), *facts))
    bodies = [rule["all"] for name, rule in json.loads(compiled.ruleset()).items() if name != "go"]
    assert max(map(len, bodies)) <= MAX_BODY + 1


# ---------------------------------------------------------------- limits


def test_too_many_limits_on_one_number() -> None:
    many = Any(tuple(Compare("n", ">", float(i)) for i in range(61)))
    with pytest.raises(EngineLimit, match=r"durable: \d+ conditions on one fact, at most 60 are safe; use --engine reference or columnar"):
        HornProgram(program(many))


def test_too_many_conditions() -> None:
    """Two for each fact, one for each rail, and the links of the clauses that were split."""
    facts = [PatientFact(f"y{i}", "deceased", "yes/no") for i in range(201)]
    with pytest.raises(EngineLimit, match=r"durable: 420 different conditions, at most 400 are safe"):
        HornProgram(program(All(tuple(Holds(f.name) for f in facts)), *facts))


def test_too_many_rules_on_one_condition() -> None:
    rules = tuple(Derived(f"r{i}", Holds("y")) for i in range(201))
    big = Program((PatientFact("y", "deceased", "yes/no"),), rules, tuple(r.name for r in rules))
    with pytest.raises(EngineLimit, match=r"durable: 201 clauses on one condition, at most 200 are safe"):
        HornProgram(big)


def test_too_many_clauses() -> None:
    """Every pair of 100 facts: few conditions, but three clauses for each pair."""
    facts = tuple(PatientFact(f"y{i}", "deceased", "yes/no") for i in range(100))
    pairs = [All((Holds(a.name), Holds(b.name))) for a in facts for b in facts if a.name < b.name]
    rules = tuple(Derived(f"r{i}", pair) for i, pair in enumerate(pairs))
    with pytest.raises(EngineLimit, match=r"durable: 14850 clauses, at most 2000 are safe"):
        HornProgram(Program(facts, rules, ()))


@pytest.mark.parametrize("limit", [2.0**53, -1e300, math.inf, math.nan])
def test_a_limit_that_cannot_be_held(limit: float) -> None:
    """Numbers of people beyond 2**53 are told as 2**53, which is right only as long as no limit lies there."""
    with pytest.raises(EngineLimit, match=r"only numbers below 2\*\*53 are held exactly"):
        HornProgram(program(Compare("n", ">", limit)))


def test_known_of_a_derived_fact() -> None:
    facts = (PatientFact("y", "deceased", "yes/no"),)
    derived = (Derived("d", Holds("y")), Derived("r", Not(Known("d"))))
    with pytest.raises(EngineLimit, match="'is known' and 'is unknown' of the derived fact 'd' are not monotone"):
        HornProgram(Program(facts, derived, ("r",)))
