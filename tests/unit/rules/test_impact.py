"""What a change of rules does to whom: everybody counted once, and nobody forgotten."""

from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from support.spec import write_pack

from rules.engines.reference import ReferenceEngine
from rules.facts import DateRange, Person, PersonRecord
from rules.impact import CHANGES, EVERYBODY, PEOPLE, Move, answers_of, counted, group, impact
from rules.pack import load_packs
from rules.suppression import Cell

AS_OF = date(2026, 6, 30)


def born(id: str, year: int | None, **details: object) -> PersonRecord:
    day = None if year is None else DateRange(date(year, 1, 1), date(year, 1, 1))
    return PersonRecord(Person(id, birth=day, **details))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("no", "yes", "newly flagged"),
        ("unknown", "yes", "newly flagged"),
        ("absent", "yes", "newly flagged"),
        ("yes", "no", "cleared"),
        ("yes", "absent", "cleared"),
        ("yes", "unknown", "became unknown"),
        ("no", "unknown", "became unknown"),
        ("unknown", "no", "became known"),
        ("absent", "unknown", "unchanged"),
        ("no", "absent", "unchanged"),
        ("yes", "yes", "unchanged"),
        ("unknown", "unknown", "unchanged"),
    ],
)
def test_each_pair_of_answers_is_one_change(old: str, new: str, change: str) -> None:
    assert Move("p", old, new).change == change


def test_two_versions_of_a_rule(tmp_path: Path) -> None:
    snippet = "facts: {{age: {{patient: age}}}}\nwhen: age >= {}\n"
    people = [born("p3", 1960), born("p1", 2010), born("p2", None)]
    before, after = (load_packs(write_pack(tmp_path / str(limit), snippet.format(limit))) for limit in (65, 10))
    old, new = (answers_of(packs, people, AS_OF, ReferenceEngine()) for packs in (before, after))
    found = impact(old, new, (r.person.id for r in people))
    (rule,) = found.rules
    assert [(m.patient, m.old, m.new) for m in rule.moves] == [("p1", "no", "yes")]
    assert found.only_old == found.only_new == ()


def test_rules_that_one_version_lacks_are_named() -> None:
    found = impact({"a": {"p": True}, "b": {"p": None}}, {"b": {"p": None}, "c": {"p": True}}, ["p"])
    assert (found.only_old, found.only_new) == (("a",), ("c",))
    assert [(each.rule, [move.change for move in each.moves]) for each in found.rules] == [
        ("a", ["cleared"]),
        ("b", []),
        ("c", ["newly flagged"]),
    ]


def test_counts_add_up() -> None:
    old = {"r": {f"p{i}": (True, False, None)[i % 3] for i in range(30)}}
    new = {"r": {f"p{i}": (True, False, None)[i % 4 % 3] for i in range(30)}}
    (rule,) = impact(old, new, old["r"]).rules
    counts = counted(rule, {f"p{i}": f"group {i % 2}" for i in range(30)})
    moves = Counter((int(m.patient[1:]) % 2, m.change) for m in rule.moves)
    assert all(counts.cells[Cell(f"group {number}", change)] == count for (number, change), count in moves.items())
    for row in counts.rows:
        assert sum(counts.cells[Cell(row, change)] for change in CHANGES) == counts.cells[Cell(row, PEOPLE)]
    for column in counts.columns:
        parts = sum(counts.cells[Cell(row, column)] for row in counts.rows[:-1])
        assert parts == counts.cells[Cell(EVERYBODY, column)]
    assert counts.cells[Cell(EVERYBODY, PEOPLE)] == 30


def test_groups() -> None:
    person = born("p", 1986, sex="female", race=("2028-9", "2106-3"), language="es").person
    assert group(person, AS_OF, ()) == EVERYBODY
    assert group(person, AS_OF, ("sex", "age band")) == "female, 40-64"
    assert group(person, AS_OF, ("race", "ethnicity", "language")) == "more than one race, unknown, es"
    assert [group(born("p", year).person, AS_OF, ("age band",)) for year in (None, 2024, 2010, 1950)] == [
        "unknown",
        "0-4",
        "5-17",
        "75 and over",
    ]


def test_groups_stand_in_the_order_of_numbers() -> None:
    (rule,) = impact({"r": {"a": True, "b": True, "c": None}}, {"r": {}}, []).rules
    assert counted(rule, {"a": "18-39", "b": "5-17", "c": "0-4"}).rows == ("0-4", "5-17", "18-39", EVERYBODY)
