"""The operators themselves: their defaults, their logic at its edges, and a program's view of what rests on what."""

import dataclasses
from datetime import date
from types import ModuleType

import pytest

from rules import arithmetic, days, ir, logic, units
from rules.arithmetic import Arithmetic, Constant, Reading, compute, rounded
from rules.engines import matching, reading
from rules.facts import Value
from rules.ir import Bound, Branch, ComputedFact, Derived, EventFact, Fact, PatientFact, Program, Relation, Series, Window, computed_value
from rules.logic import All, Any, Compare, Holds, Is, Known, Not, leaves, truth


def classes(*modules: ModuleType) -> list[type]:
    """The dataclasses that these modules define."""
    found = [(module, c) for module in modules for c in vars(module).values() if isinstance(c, type)]
    return [c for module, c in found if c.__module__ == module.__name__ and dataclasses.is_dataclass(c)]


@pytest.mark.parametrize("kind", classes(ir, logic, arithmetic, matching, reading, units, days), ids=lambda c: c.__name__)
def test_operators_are_frozen_and_slotted(kind: type) -> None:
    """What is shared by threads, kept in caches and hashed must not change, nor grow fields by a slip of the pen."""
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)


@pytest.mark.parametrize(
    ("relation", "said"),
    [
        (Relation(Series(("tasks",)), True, False), "followed by"),
        (Relation(Series(("tasks",)), False, True), "not preceded by"),
        (Relation(Series(("tasks",)), True, False, period=True), "during"),
        (Relation(Series(("tasks",)), False, True, period=True), "not containing"),
    ],
)
def test_how_a_relation_is_written(relation: Relation, said: str) -> None:
    assert relation.said == said


def test_what_is_not_said_is_the_plainest() -> None:
    assert Bound() == Bound(anchor=None, day=None, year=None, last=False, offset=None, backwards=False)
    assert Window() == Window((), (), "starts")
    assert Series(("observations",)) == Series(("observations",), None, (), (), None, None, (), (), (), False, ())
    assert Relation(Series(("tasks",)), True, False) == Relation(Series(("tasks",)), True, False, None, None)
    fact = EventFact("f", "exists", "yes/no", Series(("tasks",)))
    assert (fact.household, fact.scale, fact.days, fact.window, fact.unit) == (False, None, False, Window(), None)
    made = ComputedFact("c", ())
    assert (made.unit, made.places, made.type) == (None, None, "number")


def test_the_unit_of_a_fact_is_that_of_its_series() -> None:
    assert EventFact("f", "latest", "number", Series(("observations",), unit="%")).unit == "%"


def told(aggregate: str, *, unit: str | None = None, scale: str | None = None) -> tuple[str | None, str | None]:
    fact = EventFact("f", aggregate, "number", Series(("observations",), unit=unit), scale=scale)
    return fact.unit, fact.told_in


def test_the_unit_that_people_read() -> None:
    assert told("latest", unit="%") == ("%", "%")
    assert told("trend", unit="%", scale="month") == ("%/mo", "%/mo")
    assert told("time since latest", scale="month") == (None, "months")
    assert told("time since latest", unit="%", scale="month") == ("%", "%")
    assert told("days covered") == (None, "days")
    assert told("days covered", unit="%") == ("%", "days")
    assert told("count") == (None, None)
    assert told("sum", unit="%") == ("%", "%")


def test_only_all_reads_events_of_its_own() -> None:
    """It looks at those that do not pass, too; all other aggregates of one series share what was read."""
    same = Series(("observations",))
    kinds = ("exists", "all", "count", "latest", "sum")
    facts = [EventFact(kind, kind, "number", same) for kind in kinds]
    home = EventFact("home", "exists", "yes/no", same, household=True)
    assert dict(Program((*facts, home), (), ()).readings) == {"exists": 0, "all": 1, "count": 0, "latest": 0, "sum": 0, "home": 2}


# ---------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    ("bound", "expected"),
    [
        (Bound(), date(2026, 6, 30)),
        (Bound(day=date(2025, 1, 2)), date(2025, 1, 2)),
        (Bound(year=0), date(2026, 1, 1)),
        (Bound(year=-1), date(2025, 1, 1)),
        (Bound(year=0, last=True), date(2026, 12, 31)),
        (Bound(year=-1, last=True), date(2025, 12, 31)),
        (Bound(offset=days.Duration(1, "day"), backwards=True), date(2026, 6, 29)),
        (Bound(offset=days.Duration(1, "day")), date(2026, 7, 1)),
        (Bound(day=date(2025, 1, 2), offset=days.Duration(1, "month")), date(2025, 2, 2)),
        (Bound(day=date(2025, 1, 2), days=3), date(2025, 1, 5)),
        (Bound(day=date(2025, 1, 2), days=-3), date(2024, 12, 30)),
        (Bound(day=date(2025, 1, 31), offset=days.Duration(1, "month"), days=1), date(2025, 3, 1)),
    ],
)
def test_the_day_that_a_bound_means(bound: Bound, expected: date) -> None:
    assert bound.fixed(date(2026, 6, 30)) == expected


def test_a_window_names_each_anchor_once() -> None:
    window = Window((Bound("a"), Bound("b"), Bound()), (Bound("a"), Bound("c")))
    assert window.anchors == ("a", "b", "c")


# ---------------------------------------------------------------- arithmetic


@pytest.mark.parametrize(
    ("op", "left", "right", "expected"),
    [
        ("+", 2.0, 0.5, 2.5),
        ("-", 2.0, 0.5, 1.5),
        ("*", 2.0, 0.5, 1.0),
        ("/", 2.0, 0.5, 4.0),
        ("/", 2.0, 0.0, None),
        ("/", 0.0, 2.0, 0.0),
        ("/", 6.0, -2.0, -3.0),
        ("log", 8.0, 2.0, 3.0),
        ("log", 0.25, 0.5, 2.0),
        ("log", 8.0, 1.0, None),
        ("log", 8.0, 0.0, None),
        ("log", 8.0, -2.0, None),
        ("log", 0.0, 2.0, None),
        ("log", -8.0, 2.0, None),
        ("^", 2.0, 0.0, 1.0),
        ("^", 2.0, -1.0, 0.5),
        ("^", 0.5, 2.0, 0.25),
        ("^", 0.0, 2.0, None),
        ("^", -8.0, 2.0, None),
        ("^", 10.0, 400.0, None),
        ("*", 1e300, 1e300, None),
        ("*", -1e300, 1e300, None),
        ("*", 2.0, 0.0, 0.0),
        ("*", -2.0, 3.0, -6.0),
        ("+", -2.0, 0.0, -2.0),
        ("-", 0.0, 0.0, 0.0),
        ("min", 2.0, 0.0, 0.0),
        ("max", -2.0, 0.0, 0.0),
    ],
)
def test_arithmetic(op: str, left: float, right: float, expected: float | None) -> None:
    assert compute(Arithmetic(op, Constant(left), Constant(right)), {}) == expected


@pytest.mark.parametrize(("value", "expected"), [(9.5, 9.5), (0.0, 0.0), (2, 2.0), (None, None), (True, None), ("9", None)])
def test_a_reading_is_a_number_or_unknown(value: Value, expected: float | None) -> None:
    assert compute(Reading("f"), {"f": value}) == expected


@pytest.mark.parametrize("known", ["left", "right"])
def test_an_unknown_part_makes_arithmetic_unknown(known: str) -> None:
    values: dict[str, Value] = {"left": None, "right": None, known: 1.0}
    assert compute(Arithmetic("min", Reading("left"), Reading("right")), values) is None


@pytest.mark.parametrize(
    ("value", "places", "expected"),
    [
        (2.5, 0, 3.0),
        (2.45, 1, 2.5),
        (-2.5, 0, -2.0),
        (2.4, 0, 2.0),
        (1.005, None, 1.005),
        (None, 1, None),
        (1e308, 9, None),
        (0.125, 2, 0.13),
    ],
)
def test_rounding_is_half_up(value: float | None, places: int | None, expected: float | None) -> None:
    assert rounded(value, places) == expected


def test_the_first_line_of_a_table_that_holds_counts() -> None:
    lines = (Branch(Holds("a"), Constant(1.25)), Branch(Holds("b"), Constant(2.0)))
    table = ComputedFact("t", lines, places=1)
    answers = {(a, b): computed_value(table, {"a": a, "b": b}) for a in (True, False, None) for b in (True, False, None)}
    assert answers == {
        **{(True, b): 1.3 for b in (True, False, None)},
        **{(None, b): None for b in (True, False, None)},
        (False, True): 2.0,
        (False, False): None,
        (False, None): None,
    }


# ---------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("condition", "yes", "no", "unknown"),
    [
        (Holds("f"), [True], [False], [None]),
        (Is("f", "red"), ["red"], ["green", "blue", ""], [None]),
        (Known("f"), [True, False, 0.0, "", 9.0], [None], []),
        (Compare("f", ">", 9.0), [9.1, 300.0], [9.0, 8.9, -10.0], [None]),
        (Compare("f", "=", 300.0), [300.0, float("300")], [299.9], [None]),
        (Compare("f", "!=", 300.0), [299.9], [float("300")], [None]),
    ],
)
def test_lines(condition: ir.Condition, yes: list[Value], no: list[Value], unknown: list[Value]) -> None:
    assert [truth(condition, {"f": v}) for v in yes] == [True] * len(yes)
    assert [truth(condition, {"f": v}) for v in no] == [False] * len(no)
    assert [truth(condition, {"f": v}) for v in unknown] == [None] * len(unknown)
    assert [truth(Not(condition), {"f": v}) for v in (*yes, *no)] == [False] * len(yes) + [True] * len(no)


def test_groups_without_parts() -> None:
    assert truth(All(()), {}) is True
    assert truth(Any(()), {}) is False


def test_leaves_stand_from_left_to_right() -> None:
    condition = Any((Holds("a"), Not(All((Known("b"), Compare("c", ">", 1))))))
    assert [leaf.fact for leaf in leaves(condition)] == ["a", "b", "c"]


# ---------------------------------------------------------------- programs


def patient(name: str) -> PatientFact:
    return PatientFact(name, "deceased", "yes/no")


def program() -> Program:
    """``r`` rests on ``d``, on a computed fact and on a counted window; ``alone`` on nothing else."""
    since = EventFact("since", "exists", "yes/no", Series(("tasks",)), Window((Bound("seen"),)))
    seen = EventFact("seen", "latest", "number", Series(("observations",), unit="%"))
    made = ComputedFact("made", (Branch(Holds("c"), Arithmetic("+", Reading("n"), Constant(1.0))),))
    number = PatientFact("n", "age", "number")
    facts: tuple[Fact, ...] = (patient("a"), patient("b"), patient("c"), number, made, seen, since, patient("unused"))
    derived = (
        Derived("d", Any((Holds("a"), Not(Holds("b"))))),
        Derived("r", All((Holds("d"), Compare("made", ">", 1), Holds("since")))),
        Derived("alone", Holds("unused")),
    )
    return Program(facts, derived, ("r", "alone"))


def test_what_a_rule_rests_on() -> None:
    assert program().facts_behind("r") == ("a", "b", "c", "n", "made", "seen", "since")
    assert program().facts_behind("d") == ("a", "b")
    assert program().facts_behind("since") == ("seen", "since")
    assert program().facts_behind("alone") == ("unused",)


def test_a_part_of_a_program_holds_what_its_rules_rest_on() -> None:
    whole = program()
    part = whole.only(("r",))
    assert [f.name for f in part.facts] == ["a", "b", "c", "n", "made", "seen", "since"]
    assert [d.name for d in part.derived] == ["d", "r"]
    assert part.rules == ("r",)
    assert whole.only(("r",)) is part
    assert [d.name for d in whole.only(("alone", "r")).derived] == ["d", "r", "alone"]


@pytest.mark.parametrize("names", [("a", "b"), ("b", "a")])
def test_facts_that_mean_the_same_are_evaluated_once(names: tuple[str, str]) -> None:
    twins = Program((patient(names[0]), patient(names[1]), PatientFact("c", "age", "number")), (), ())
    assert twins.twins == {names[1]: names[0]}


def test_a_program_is_shown_by_what_it_says_and_equal_to_itself_only() -> None:
    whole = program()
    assert whole == whole
    assert whole != program()
    assert not {"by_name", "conditions", "twins", "readings", "_places", "_parts"} & {
        part.partition("=")[0] for part in repr(program()).split(", ")
    }
    assert repr(Program((), (), ())) == "Program(facts=(), derived=(), rules=())"


def test_every_series_is_found_the_innermost_first() -> None:
    inner, outer = Series(("tasks",)), Series(("goals",))
    nested = Series(("observations",), relations=(Relation(Series(("goals",), relations=(Relation(inner, True, False),)), True, False),))
    fact, other = EventFact("f", "exists", "yes/no", nested), EventFact("g", "exists", "yes/no", outer)
    found = Program((patient("a"), fact, other), (), ()).series()
    assert [s.tables[0] for s in found] == ["tasks", "goals", "observations", "goals"]
