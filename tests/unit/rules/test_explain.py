"""What decides an answer: enough to decide it, nothing that is not needed, and nothing but what the record says."""

from datetime import date

import pytest

from rules.conformance.populations import World, random_world
from rules.engines.reference import reduce_facts
from rules.explain import evidence, explain, words
from rules.facts import Coding, DateRange, Event, Person, PersonRecord, Value
from rules.ir import Derived, EventFact, PatientFact, Program, Series, derive
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Leaf, Not, leaves, truth

DAY = date(2026, 6, 30)
A, B, C = Holds("a"), Holds("b"), Holds("c")
NOBODY = PersonRecord(Person("p"))


def reasons(condition: Condition, **values: Value) -> set[str]:
    """The facts that explain the answer of a rule over the yes/no facts a, b and c; `None` where nothing is known."""
    facts = tuple(EventFact(n, "exists", "yes/no", Series(("conditions",))) for n in "abc")
    program = Program(facts, (Derived("r", condition),), ("r",))
    known: dict[str, Value] = {"a": None, "b": None, "c": None, **values}
    results = reduce_facts(program, NOBODY, DAY)
    return {r.fact for r in explain(program, "r", NOBODY, results, {**known, **derive(program, known)})}


@pytest.mark.parametrize(
    ("condition", "values", "expected"),
    [
        pytest.param(All((A, B)), {"a": True, "b": True}, {"a", "b"}, id="yes: all of all"),
        pytest.param(All((A, B)), {"a": False, "b": True}, {"a"}, id="no: the one that stands against it"),
        pytest.param(All((A, B)), {"a": False, "b": False}, {"a"}, id="no: one is enough"),
        pytest.param(All((A, B)), {"b": True}, {"a"}, id="unknown: what is missing"),
        pytest.param(All((A, B)), {}, {"a", "b"}, id="unknown: all that is missing"),
        pytest.param(Any((A, B)), {"b": True}, {"b"}, id="yes: one of any"),
        pytest.param(Any((A, B)), {"a": False, "b": False}, {"a", "b"}, id="no: each of any"),
        pytest.param(Any((A, B)), {"a": False}, {"b"}, id="unknown: not what is known"),
        pytest.param(Any((All((A, B)), C)), {"a": True, "b": True, "c": True}, {"c"}, id="the shorter way"),
        pytest.param(Not(Any((A, B))), {"a": True}, {"a"}, id="no: against none"),
        pytest.param(Not(A), {}, {"a"}, id="unknown: not"),
        pytest.param(Known("a"), {}, {"a"}, id="known is never unknown"),
    ],
)
def test_deciding_facts(condition: Condition, values: dict[str, Value], expected: set[str]) -> None:
    assert reasons(condition, **values) == expected


@pytest.fixture(scope="module", params=range(4))
def world(request: pytest.FixtureRequest) -> World:
    return random_world(f"explain {request.param}", rules=10, people=40)


def test_a_yes_or_no_is_decided_by_its_reasons(world: World) -> None:
    """Whatever the other facts were, the answer would be the same: with all of them unknown it still is."""
    for record in world.people:
        results = reduce_facts(world.program, record, world.as_of)
        facts = {n: r.value for n, r in results.items()}
        answers = derive(world.program, facts)
        for rule in world.program.rules:
            given = {leaf for leaf in leaves(unfolded(world.program, world.program.conditions[rule]))}
            shown = {(r.fact, r.asks) for r in explain(world.program, rule, record, results, {**facts, **answers})}
            if answers[rule] is not None:
                kept = {
                    leaf.fact: facts[leaf.fact]
                    for leaf in given
                    if said(world.program, leaf) in shown or goes_without_saying(world.program, leaf.fact, facts)
                }
                assert bare_truth(unfolded(world.program, world.program.conditions[rule]), kept) is answers[rule]
            else:
                assert any(facts[leaf.fact] is None for leaf in given if leaf.fact.rpartition("/")[2] in {f for f, _ in shown})


def goes_without_saying(program: Program, fact: str, facts: dict[str, Value]) -> bool:
    """That nobody noted a death is not told."""
    return isinstance(program.by_name[fact], PatientFact) and facts[fact] is False


def test_no_note_of_death_is_no_reason() -> None:
    fact, record = PatientFact("deceased", "deceased", "yes/no"), PersonRecord(Person("p", deceased=False))
    program = Program((fact,), (Derived("r", Not(Holds("deceased"))),), ("r",))
    assert explain(program, "r", record, reduce_facts(program, record, DAY), {"deceased": False, "r": True}) == ()


def said(program: Program, leaf: Leaf) -> tuple[str, str]:
    """A leaf as a reason shows it."""
    fact = program.by_name[leaf.fact]
    return leaf.fact.rpartition("/")[2], words(leaf, fact.told_in if isinstance(fact, EventFact) else None)


def unfolded(program: Program, condition: Condition) -> Condition:
    """The condition with derived facts replaced by what they mean."""
    match condition:
        case Not(part):
            return Not(unfolded(program, part))
        case All(parts):
            return All(tuple(unfolded(program, p) for p in parts))
        case Any(parts):
            return Any(tuple(unfolded(program, p) for p in parts))
        case AtLeast(parts, number):
            return AtLeast(tuple(unfolded(program, p) for p in parts), number)
        case Holds(fact) if fact in program.conditions:
            return unfolded(program, program.conditions[fact])
    return condition


def bare_truth(condition: Condition, kept: dict[str, Value]) -> bool | None:
    """The truth when only ``kept`` is known; ``is known`` of anything else is not settled either."""
    match condition:
        case Not(part):
            inner = bare_truth(part, kept)
            return None if inner is None else not inner
        case All(parts):
            answers = [bare_truth(p, kept) for p in parts]
            return False if False in answers else None if None in answers else True
        case Any(parts):
            answers = [bare_truth(p, kept) for p in parts]
            return True if True in answers else None if None in answers else False
        case AtLeast(parts, number):
            answers = [bare_truth(p, kept) for p in parts]
            sure, open_ = answers.count(True), answers.count(None)
            return True if sure >= number else None if sure + open_ >= number else False
    return truth(condition, kept) if condition.fact in kept else None


# ---------------------------------------------------------------- evidence


def test_evidence_names_the_resource_the_day_and_what_it_says() -> None:
    code = Coding("http://loinc.org", "4548-4")
    counted = (("observations", frozenset({"final"})),)
    fact = EventFact("demo/visits", "count", "number", Series(("observations",), frozenset({code}), counted))
    days = [DateRange(date(2026, 1, i), date(2026, 1, i)) for i in range(1, 8)]
    events = tuple(
        Event("observations", f"Observation/{i}", codes=(code,), status="final", start=d, instant=i, value=float(i), unit="%")
        for i, d in enumerate(days)
    )
    record = PersonRecord(Person("p"), events, frozenset())
    program = Program((fact,), (), ())
    shown = list(evidence(program, "demo/visits", record, reduce_facts(program, record, DAY)))
    assert [e.resource for e in shown] == [f"Observation/{i}" for i in (6, 5, 4, 3, 2)]
    assert (shown[0].fact, shown[0].date, shown[0].value, shown[0].unit) == ("visits", "2026-01-07", 6.0, "%")


def test_an_absence_has_no_evidence() -> None:
    fact = EventFact("x", "exists", "yes/no", Series(("conditions",), statuses=(("conditions", frozenset({"active"})),)))
    record = PersonRecord(Person("p"), (), frozenset())
    program = Program((fact,), (), ())
    results = reduce_facts(program, record, DAY)
    assert results["x"].value is False
    assert list(evidence(program, "x", record, results)) == []


@pytest.mark.parametrize(
    ("leaf", "unit", "text"),
    [
        (Holds("r/has diabetes"), None, "has diabetes"),
        (Compare("r/hba1c", ">", 9.0), "%", "hba1c > 9 %"),
        (Compare("n", "!=", 1.5), None, "n != 1.5"),
        (Is("food", "at risk"), None, "food is at risk"),
        (Known("food"), None, "food is known"),
    ],
)
def test_words_of_a_line(leaf: Holds | Compare | Is | Known, unit: str | None, text: str) -> None:
    assert words(leaf, unit) == text
