"""The three-valued logic, against what its definition says of every assignment of the unknown."""

from itertools import product

import pytest

from rules import logic
from rules.facts import Value
from rules.logic import All, Any, AtLeast, Compare, Condition, Holds, Is, Known, Not, combined, judge, leaves, quorum, truth

PARTS = tuple(Holds(name) for name in "abcd")
STATES = (True, False, None)


def groups() -> list[logic.Group]:
    """Groups of up to four parts, with every number that a group can ask for."""
    found: list[logic.Group] = []
    for size in range(5):
        parts = PARTS[:size]
        found += [All(parts), Any(parts), *(AtLeast(parts, number) for number in range(size + 2))]
    return found


def classical(group: logic.Group, answers: tuple[bool, ...]) -> bool:
    """What it says when nothing is unknown."""
    match group:
        case All():
            return all(answers)
        case Any():
            return any(answers)
        case AtLeast(_, number):
            return sum(answers) >= number


@pytest.mark.parametrize("group", groups(), ids=str)
def test_a_group_is_sure_exactly_if_every_value_of_the_unknown_gives_the_same(group: logic.Group) -> None:
    for states in product(STATES, repeat=len(group.parts)):
        values: dict[str, Value] = dict(zip("abcd", states, strict=False))
        worlds = product(*[(True, False) if state is None else (state,) for state in states])
        answers = {classical(group, world) for world in worlds}
        assert truth(group, values) is combined(group, states) is (answers.pop() if len(answers) == 1 else None)


@pytest.mark.parametrize("group", groups(), ids=str)
@pytest.mark.parametrize("answer", [True, False])
def test_so_many_parts_must_answer_for_the_group_to_answer(group: logic.Group, answer: bool) -> None:
    """No fewer are enough, whatever the others would say; more are not needed. If more are needed than there are, it never answers so."""
    size, needed = len(group.parts), quorum(group, answer)
    for states in product(STATES, repeat=size):
        values: dict[str, Value] = dict(zip("abcd", states, strict=False))
        assert (truth(group, values) is answer) is (states.count(answer) >= needed)


LEAVES: list[tuple[Condition, Value, bool | None]] = [
    (Holds("x"), True, True),
    (Holds("x"), False, False),
    (Holds("x"), None, None),
    (Is("x", "red"), "red", True),
    (Is("x", "red"), "blue", False),
    (Is("x", "red"), None, None),
    (Known("x"), 0.0, True),
    (Known("x"), False, True),
    (Known("x"), None, False),
    (Compare("x", ">", 2.0), 2.0, False),
    (Compare("x", ">=", 2.0), 2.0, True),
    (Compare("x", "<", 2.0), 2.0, False),
    (Compare("x", "<=", 2.0), 2.0, True),
    (Compare("x", "=", 2.0), 2.0, True),
    (Compare("x", "!=", 2.0), 2.0, False),
    (Compare("x", ">", 2.0), None, None),
    (Not(Holds("x")), True, False),
    (Not(Holds("x")), False, True),
    (Not(Holds("x")), None, None),
]


@pytest.mark.parametrize(("condition", "value", "answer"), LEAVES)
def test_leaves(condition: Condition, value: Value, answer: bool | None) -> None:
    assert truth(condition, {"x": value}) is answer
    asked = judge(condition)
    assert [asked({"x": value}) for _ in range(2)] == [answer, answer]


def test_every_leaf_from_left_to_right() -> None:
    a, b, c, d = PARTS
    assert list(leaves(All((a, Not(Any((b, c))), AtLeast((d, a), 1))))) == [a, b, c, d, a]
