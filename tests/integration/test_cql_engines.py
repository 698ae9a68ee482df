"""The exported CQL, on engines of others, says what the reference engine says: an oracle that shares no code with ours.

Runs where Node.js and three npm packages are there (``make cql``).
"""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.cql_engines import Chart, charts, compare, why_not
from support.fhir_resources import resources_of
from support.fifty_rules import write_fifty_rules
from support.language_reference import blocks
from support.other_tables import OTHER_TABLES_RULE, other_tables, resource_for
from support.spec import record_of, write_pack, write_rules

from fhir_adapters.synthetic import population
from rules.conformance.populations import random_world
from rules.facts import HOUSEHOLD, PersonRecord
from rules.ir import EventFact, Fact, Program
from rules.pack import BUILT_IN, load_packs

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(why_not()), reason=why_not() or "they run")]

AS_OF = date(2026, 6, 30)
SPECIFICATIONS = Path(__file__).parent.parent / "spec"
LARGEST = 1e20
"""CQL's decimals end here."""
GAPS = ("groups:", "round: 9", "trend: ")
"""Measures, which are not exported, and what a CQL decimal has too few places for."""
SAYABLE = (-1.0, 0.0, 0.00001, 0.3, 1.0, 4.0, 6.5, 6.54304, 9.0, 9.000001, 9.6, 48.0, 75.0, 86.0, 1234.789)
"""Within what a CQL decimal holds, and small: cql-execution takes any whole number beyond 32 bits for an overflow."""


def test_fifty_rules_agree_about_a_thousand_people(tmp_path: Path) -> None:
    (pack,) = load_packs(write_fifty_rules(tmp_path / "pack"))
    people = charts(population(1000, 7, AS_OF), AS_OF)
    found = compare(pack.program, people, tmp_path / "run")
    assert len(pack.program.rules) == 50
    assert len(people) == 1000
    assert found.cells == 1000 * (len(pack.program.facts) + len(pack.program.derived))
    assert "\n".join(found.differences) == ""
    assert [rule for rule, answers in found.answers.items() if True not in answers or len(answers) < 2] == []


def test_the_shipped_pack_agrees(tmp_path: Path) -> None:
    (pack,) = load_packs(BUILT_IN / "whole-person")
    found = compare(pack.program, charts(population(200, 11, AS_OF), AS_OF), tmp_path)
    assert found.cells
    assert "\n".join(found.differences) == ""


def _sayable(fact: Fact) -> Fact:
    """The fact itself; in place of a trend, which CQL cannot say, the mean of the same events."""
    return replace(fact, aggregate="mean", scale=None) if isinstance(fact, EventFact) and fact.aggregate == "trend" else fact


def _chart(record: PersonRecord, as_of: date) -> Chart:
    return Chart(record.person.id, resources_of(record), as_of, record.not_loaded - {HOUSEHOLD})


def test_every_paragraph_of_the_language_means_the_same(tmp_path: Path) -> None:
    """All specifications as one pack, and the people of all their cases: each rule is asked about everybody."""
    said = [block for block in blocks(SPECIFICATIONS) if not block[2] and not any(gap in block[0] for gap in GAPS)]
    (pack,) = load_packs(write_rules(tmp_path / "pack", {f"spec-{n}": snippet for n, (snippet, _, _) in enumerate(said)}))
    cases = [case for _, cases, _ in said for case in cases if all(abs(e.value or 0) < LARGEST for e in case.events)]
    people = [_chart(record_of(n, case), date.fromisoformat(case.as_of)) for n, case in enumerate(cases)]
    found = compare(pack.program, people, tmp_path / "run")
    assert found.cells == len(people) * (len(pack.program.facts) + len(pack.program.derived))
    assert "\n".join(found.differences) == ""


@pytest.mark.parametrize("seed", ["cql 1", "cql 2"])
def test_generated_rules_agree_about_generated_people(seed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("programs", "populations"):
        monkeypatch.setattr(f"rules.conformance.{module}.NUMBERS", SAYABLE)
    world = random_world(seed, rules=12, people=60)
    people = [_chart(record, world.as_of) for record in world.people]
    program = Program(tuple(map(_sayable, world.program.facts)), world.program.derived, world.program.rules)
    found = compare(program, people, tmp_path)
    assert found.cells
    assert "\n".join(found.differences) == ""


def test_every_other_table_agrees(tmp_path: Path) -> None:
    (pack,) = load_packs(write_pack(tmp_path / "pack", OTHER_TABLES_RULE))
    people = []
    for number, (kind, found) in enumerate(other_tables()):
        for name, updated in ((f"p{number}", False), (f"q{number}", True)):
            people.append(Chart(name, ({"resourceType": "Patient", "id": name}, resource_for(name, kind, found, updated=updated)), AS_OF))
    compared = compare(pack.program, people, tmp_path / "run")
    assert compared.cells
    assert "\n".join(compared.differences) == ""
