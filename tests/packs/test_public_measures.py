"""Five published measures, restated in the language alone: their examples hold in every engine, and notice every change of a condition."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.engines import NAMES, open_engines

from rules.checks import lint
from rules.engines import Engine
from rules.engines.reference import ReferenceEngine
from rules.examples import MeasureCase
from rules.ir import Derived
from rules.measure_runs import run_measure_case
from rules.measures import Measure
from rules.mutants import Mutant, mutants
from rules.pack import load_packs

(PACK,) = load_packs(Path(__file__).parent / "public-measures")
MEASURES = {measure.id: measure for measure in PACK.measures}
EQUIVALENT = {
    ("cms2/age group is 65 and over", "'age at start >= 65' with 64"),  # who is younger is in an earlier stratum
    ("cms349/age group is 45 to 65", "'age at start >= 45' with 44"),
    ("cms22/elevated", "the condition 'systolic >= 120 mm[Hg]' dropped"),  # below 120 the reading is normal, and met
    ("cms22/elevated", "'systolic >= 120 mm[Hg]' with 119.9"),
    ("cms22/reading is raised before too", "the condition 'raised' dropped"),  # neither normal nor elevated is raised
    # raised before, but not now: what is planned for a raised reading is more than enough for an elevated one
    ("cms22/read with follow-up: met", "the condition 'raised' dropped"),
    # high for the first time: what is planned for the second is more than enough
    ("cms22/read with follow-up: met", "the condition 'raised before' dropped"),
    ("cms69/measured with a plan: met", "'bmi >= 25 kg/m2' with 24.9"),  # a normal weight is met anyway
    ("cms69/measured with a plan: met", "'bmi < 18.5 kg/m2' turned into '<='"),
    ("cms69/measured with a plan: met", "'bmi < 18.5 kg/m2' with 18.6"),
    ("cms69/measured with a plan: met", "the condition 'bmi < 18.5 kg/m2' dropped"),  # a plan for low weight is one for high weight
}
"""Changes that mean nothing."""
TENTH_OF_PRESSURE = re.compile(r"mm\[Hg\]' with \d+\.9$")
"""Blood pressure is told in whole millimetres: no example stands between two of them."""


def label(value: object) -> str:
    return f"{value.measure}: {value.name}" if isinstance(value, MeasureCase) else str(getattr(value, "id", value))


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[str, Engine]]:
    with open_engines() as opened:
        yield opened


def test_there_are_the_five() -> None:
    assert sorted(MEASURES) == ["cms2", "cms22", "cms347", "cms349", "cms69"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("case", PACK.measure_cases, ids=label)
def test_example(case: MeasureCase, name: str, engines: dict[str, Engine]) -> None:
    assert list(run_measure_case(MEASURES[case.measure], case, [engines[name]])) == []


def test_the_lints_find_nothing() -> None:
    assert [str(each) for each in lint([PACK])] == []


@pytest.mark.parametrize("measure", PACK.measures, ids=label)
def test_examples_show_an_outcome_that_is_unknown(measure: Measure) -> None:
    shown = {outcome for case in PACK.measure_cases if case.measure == measure.id for each in case.expect for outcome in each.values()}
    assert {"not eligible", "excluded", "met", "not met", "unknown"} <= shown


@pytest.mark.slow
@pytest.mark.parametrize("measure", PACK.measures, ids=label)
def test_the_examples_notice_every_change_of_a_condition(measure: Measure) -> None:
    cases = [case for case in PACK.measure_cases if case.measure == measure.id]
    survivors = {(m.node.name, m.change) for m in changes(measure) if not noticed(measure, m, cases)}
    assert {each for each in survivors if not TENTH_OF_PRESSURE.search(each[1])} - EQUIVALENT == set()


def changes(measure: Measure) -> Iterator[Mutant]:
    """Every change of a condition, once."""
    found = dict.fromkeys(m for name in measure.program.rules for m in mutants(measure.program, name, 0))
    yield from (mutant for mutant in found if isinstance(mutant.node, Derived))


def noticed(measure: Measure, mutant: Mutant, cases: list[MeasureCase]) -> bool:
    changed = replace(measure, program=mutant.of(measure.program))
    return any(True for case in cases for _ in run_measure_case(changed, case, [ReferenceEngine()]))
