"""Fingerprints follow the meaning of a rule: everything that changes it, and nothing else."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from rules import ir, logic
from rules.conformance.draws import Draws
from rules.conformance.programs import random_program
from rules.facts import Coding
from rules.fingerprint import fingerprint
from rules.pack import BUILT_IN, load_packs

PACK = BUILT_IN / "whole-person"
NAMES = sorted(path.stem for path in (PACK / "rules").glob("*.yaml"))


def fingerprints(folder: Path) -> dict[str, str]:
    (pack,) = load_packs(folder)
    return {rule: fingerprint(pack.program, rule) for rule in pack.program.rules}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    for file in PACK.rglob("*.yaml"):
        target = tmp_path / "pack" / file.relative_to(PACK)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    return tmp_path / "pack"


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    text = path.read_text(encoding="utf-8")
    assert old in text, f"{file} no longer says {old!r}"
    path.write_text(text.replace(old, new), encoding="utf-8")


SAME = {
    "a comment": ("rules/phq9-no-follow-up.yaml", "when:\n", "# why not\nwhen:  # here\n"),
    "layout": ("rules/phq9-no-follow-up.yaml", "    - phq9 >= 10\n", '\n    -   "phq9 >= 10.0"\n'),
    "the order of lines": (
        "rules/phq9-no-follow-up.yaml",
        "    - age >= 12\n    - phq9 >= 10\n",
        "    - phq9 >= 10\n    - age >= 12\n",
    ),
    "all within all": (
        "rules/phq9-no-follow-up.yaml",
        "    - age >= 12\n    - phq9 >= 10\n",
        "    - all: [age >= 12, phq9 >= 10]\n",
    ),
    "a line said twice": ("rules/phq9-no-follow-up.yaml", "    - age >= 12\n", "    - age >= 12\n    - age >= 12\n"),
    "not not": ("rules/phq9-no-follow-up.yaml", "    - age >= 12\n", "    - not: {not: age >= 12}\n"),
    "the order of tables": ("rules/phq9-no-follow-up.yaml", "[encounters, procedures, referrals]", "[referrals, encounters, procedures]"),
    "the order of codes": ("valuesets/screening.yaml", "4548-4, 17856-6, 17855-8", "17855-8, 4548-4, 17856-6"),
    "the title": ("rules/phq9-no-follow-up.yaml", "title: PHQ-9", "title: A PHQ-9"),
    "the priority": ("rules/phq9-no-follow-up.yaml", "priority: 90", "priority: 91"),
    "an example": ("rules/phq9-no-follow-up.yaml", "name: never measured", "name: not once measured"),
    "the usual statuses written out": (
        "rules/diabetes-food-insecurity.yaml",
        "has diabetes: {exists: conditions, code: diabetes}",
        "has diabetes: {exists: conditions, code: diabetes, status: [relapse, recurrence, active]}",
    ),
    "the name of a value set": ("valuesets/conditions.yaml", "  # E10", "  unused: {icd10: [Z59.41]}\n  # E10"),
    "a line given a name": (
        "rules/phq9-no-follow-up.yaml",
        "    - age >= 12\n",
        "    - old enough\n",
    ),
}


@pytest.mark.parametrize("what", SAME)
def test_it_stays_the_same_whatever_happens_to(what: str, copy: Path) -> None:
    before = fingerprints(copy)
    file, old, new = SAME[what]
    edit(copy, file, old, new)
    if what == "a line given a name":
        edit(copy, file, "facts:\n", "facts:\n  old enough: {when: age >= 12}\n")
    assert fingerprints(copy) == before


def test_it_stays_the_same_when_facts_get_other_names(copy: Path) -> None:
    before = fingerprints(copy)
    for old, new in (("phq9", "score"), ("days since score", "days gone")):
        edit(copy, "rules/phq9-no-follow-up.yaml", old, new)
    edit(copy, "rules/phq9-no-follow-up.yaml", "rule: score-no-follow-up", "rule: phq9-no-follow-up")
    assert fingerprints(copy) == before


def test_it_stays_the_same_when_files_are_joined_or_moved(copy: Path) -> None:
    before = fingerprints(copy)
    (copy / "valuesets" / "conditions.yaml").rename(copy / "valuesets" / "zz.yaml")
    assert fingerprints(copy) == before


PHQ9, FOOD = "rules/phq9-no-follow-up.yaml", "rules/diabetes-food-insecurity.yaml"
OTHER = {
    "a threshold": (PHQ9, "phq9 >= 10", "phq9 >= 11"),
    "an operator": (PHQ9, "phq9 >= 10", "phq9 > 10"),
    "a window": (FOOD, "code: HbA1c, within: 12 months", "code: HbA1c, within: 13 months"),
    "no window": (FOOD, "code: HbA1c, within: 12 months", "code: HbA1c"),
    "the unit of a window": (FOOD, "code: HbA1c, within: 12 months", "code: HbA1c, within: 12 weeks"),
    "the edge of a window": (PHQ9, "since: phq9", "after: phq9"),
    "a code": ("valuesets/screening.yaml", "PHQ-9 total: {loinc: [44261-6]}", "PHQ-9 total: {loinc: [4548-4]}"),
    "a code more": ("valuesets/conditions.yaml", "E11.A, ", ""),
    "a status": (FOOD, "status: [draft, active, on-hold]", "status: [draft, active]"),
    "a table": (PHQ9, "[encounters, procedures, referrals]", "[encounters, procedures]"),
    "an answer": ("valuesets/screening.yaml", "LA28397-0, LA6729-3", "LA28397-0"),
    "which word wins": (FOOD, "food screen is at risk", "food screen is no risk"),
    "an aggregate": (FOOD, "hba1c: {latest:", "hba1c: {highest:"),
    "a connective": (FOOD, "      any:\n", "      all:\n"),
    "an exception": (FOOD, "unless:\n  - open food referral\n", ""),
    "the scale": (PHQ9, "in: days", "in: weeks"),
    "the unit": (PHQ9, 'within: 6 months, unit: "{score}"', 'within: 6 months, unit: "%"'),
}


@pytest.mark.parametrize("what", OTHER)
def test_it_changes_with(what: str, copy: Path) -> None:
    before = fingerprints(copy)
    file, old, new = OTHER[what]
    edit(copy, file, old, new)
    after = fingerprints(copy)
    concerned = Path(file).stem if file.startswith("rules/") else None
    changed = {rule for rule in before if before[rule] != after[rule]}
    assert changed == {concerned} if concerned else changed


def test_it_changes_for_every_rule_with_the_population(copy: Path) -> None:
    before = fingerprints(copy)
    edit(copy, "pack.yaml", "population:\n  not: deceased\n", "")
    after = fingerprints(copy)
    assert all(before[rule] != after[rule] for rule in NAMES)


def test_it_is_the_same_in_every_process() -> None:
    script = (
        "from rules.fingerprint import fingerprint; from rules.pack import BUILT_IN, load_packs\n"
        "print(*(fingerprint(p.program, r) for p in load_packs(BUILT_IN) for r in p.program.rules))"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, env={**os.environ, "PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("0", "1", "12345")
    }
    assert len(printed) == 1
    assert printed.pop().count("sha256:") >= len(NAMES)


# ---------------------------------------------------------------- every field of generated programs

NO_MEANING = {"name", "analyte", "reference", "fact", "anchor"}
"""Names of facts, and texts; two names of facts are exchanged in a test of their own."""


def mutants(value: Any) -> Iterator[Any]:
    """Copies of a value, each with one thing changed."""
    match value:
        case frozenset():
            yield from (value - {item} for item in value)
        case Coding(system, code):
            yield Coding(system, code + "~")
        case tuple():
            yield from ((*value[:i], changed, *value[i + 1 :]) for i, item in enumerate(value) for changed in mutants(item))
        case _ if is_dataclass(value):
            for each in fields(value):
                if each.init and each.name not in NO_MEANING:
                    yield from (replace(value, **{each.name: changed}) for changed in mutants(getattr(value, each.name)))
        case _ if type(value) in SIMPLE:
            yield SIMPLE[type(value)](value)


SIMPLE: dict[type, Callable[[Any], Any]] = {
    bool: lambda value: not value,
    int: lambda value: value + 1,
    float: lambda value: value + 1,
    str: lambda value: value + "~",
    date: lambda value: value + timedelta(days=1),
}


def mutated_programs(program: ir.Program, rule: str) -> Iterator[ir.Program]:
    behind = set(program.facts_behind(rule))
    for i, fact in enumerate(program.facts):
        if fact.name in behind:
            yield from (replace(program, facts=(*program.facts[:i], m, *program.facts[i + 1 :])) for m in mutants(fact))
    for i, derived in enumerate(program.derived):
        if derived.name == rule:
            yield from (replace(program, derived=(*program.derived[:i], m, *program.derived[i + 1 :])) for m in mutants(derived))


@pytest.mark.parametrize("seed", range(4))
def test_every_change_of_a_generated_program_shows(seed: int) -> None:
    program = random_program(Draws(seed), rules=1)
    seen = 0
    for rule in program.rules:
        own = fingerprint(program, rule)
        for changed in mutated_programs(program, rule):
            seen += 1
            assert fingerprint(changed, rule) != own
    assert seen


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_a_generated_program_does_not_show(seed: int) -> None:
    program = random_program(Draws(seed), rules=3)

    def turned(condition: logic.Condition) -> logic.Condition:
        match condition:
            case logic.Not(part):
                return logic.Not(turned(part))
            case logic.All(parts) | logic.Any(parts) | logic.AtLeast(parts):
                return replace(condition, parts=tuple(turned(part) for part in reversed(parts)))
        return condition

    derived = tuple(replace(each, condition=turned(each.condition)) for each in reversed(program.derived))
    other = ir.Program(tuple(reversed(program.facts)), derived, program.rules)
    assert [fingerprint(other, rule) for rule in program.rules] == [fingerprint(program, rule) for rule in program.rules]
