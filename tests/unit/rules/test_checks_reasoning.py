"""What the lints call impossible never happens: compared with the logic itself, over generated programs and random facts."""

import pytest

from rules import ir, logic
from rules.checks.reasoning import Reasoning
from rules.conformance.draws import Draws
from rules.conformance.programs import numbers_of, random_program
from rules.facts import Value
from rules.grammar import SEXES


def any_value(draws: Draws, fact: ir.Fact) -> Value:
    """A value that the fact can have, or none."""
    if draws.chance(0.2):
        return None
    match fact.type:
        case "yes/no":
            return draws.chance(0.5)
        case "date":
            return "2026-01-01"
        case "word":
            if isinstance(fact, ir.EventFact):
                answers = fact.series.answers
                return draws.choice([word for word, _ in fact.series.words if answers is None or word in answers])
            return draws.choice(SEXES) if fact.name == "sex" else draws.choice(("en", "es", "02139", "10001", "other"))
    whole = (isinstance(fact, ir.EventFact) and fact.aggregate in ("count", "time since latest")) or fact.name == "age"
    number = draws.choice(numbers_of(fact)) + draws.choice((-1.0, 0.0, 0.0, 0.5, 1.0))
    return float(max(0, int(number))) if whole else number


def facts_of(draws: Draws, program: ir.Program) -> dict[str, Value]:
    """Values for every fact: the same for those that mean the same, and true to the arithmetic of those that are computed."""
    values: dict[str, Value] = {}
    for fact in program.facts:
        if fact.name in program.twins:
            values[fact.name] = values[program.twins[fact.name]]
        else:
            values[fact.name] = ir.computed_value(fact, values) if isinstance(fact, ir.ComputedFact) else any_value(draws, fact)
    return values


@pytest.mark.parametrize("seed", range(12))
def test_every_answer_that_comes_was_called_possible(seed: int) -> None:
    draws = Draws(seed)
    program = random_program(draws, rules=4)
    reasoning = Reasoning(program)
    possible = {name: reasoning.answers(condition) for name, condition in program.conditions.items()}
    covers = [(a, b) for a in program.rules for b in program.rules if a != b and reasoning.implies(a, b)]
    for _ in range(60):
        answers = ir.derive(program, facts_of(draws, program))
        assert {name: answer for name, answer in answers.items() if answer not in possible[name]} == {}
        assert [(a, b) for a, b in covers if answers[a] is True and answers[b] is not True] == []


def test_what_is_impossible_is_seen() -> None:
    """The test above would hold of a search that calls everything possible."""
    facts = tuple(ir.PatientFact(name, name, "number") for name in ("age", "height"))

    def compare(fact: str, op: logic.Operator, number: float) -> logic.Compare:
        return logic.Compare(fact, op, number)

    contrary = logic.All((compare("age", ">", 65.0), compare("age", "<", 18.0)))
    program = ir.Program(
        facts,
        (
            ir.Derived("contrary", contrary),
            ir.Derived("either", logic.Any((compare("height", ">=", 1.0), logic.Not(logic.Holds("tall"))))),
            ir.Derived("tall", compare("height", ">=", 1.0)),
            ir.Derived("known", logic.Known("tall")),
        ),
        ("contrary", "either"),
    )
    reasoning = Reasoning(program)
    assert reasoning.answers(contrary) == {False, None}
    assert reasoning.answers(program.conditions["either"]) == {True, None}
    assert reasoning.answers(program.conditions["known"]) == {True, False}


def test_a_circle_of_doublings_does_not_stop_it() -> None:
    """Each derived fact names the one before twice; unfolded there would be 2 to the 200th lines."""
    facts = (ir.PatientFact("age", "age", "number"),)
    derived = [ir.Derived("d0", logic.Compare("age", ">", 65.0))]
    derived += [ir.Derived(f"d{n}", logic.Any((logic.Holds(f"d{n - 1}"), logic.Not(logic.Holds(f"d{n - 1}"))))) for n in range(1, 200)]
    program = ir.Program(facts, tuple(derived), ("d199",))
    assert Reasoning(program).answers(program.conditions["d199"]) == {True, None}
