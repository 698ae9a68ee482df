"""The examples of the standards, whole: nothing crashes, everything is accounted for."""

from pathlib import Path

import pytest

from fhir_adapters.coverage import coverage, main
from fhir_adapters.directory_source import read_directory
from fhir_adapters.mapping import Outcome
from rules.facts import Coding
from rules.units import LOINC


@pytest.mark.requirement("gravity:conf-6")
@pytest.mark.parametrize(
    ("name", "lines", "not_understood"),
    [("gravity-examples", 58, 0), ("us-core-examples.ndjson.gz", 214, 0), ("r4-core-examples.ndjson.gz", 812, 57)],
)
def test_examples_are_read_and_accounted_for(shared_data: Path, name: str, lines: int, not_understood: int) -> None:
    report = read_directory(shared_data / name).report
    assert sum(part.lines for part in report.parts) == lines
    assert report.balances()
    assert report.total(Outcome.QUARANTINED) <= not_understood
    assert "accounts balance" in "\n".join(coverage(shared_data / name))


SYNTHETIC = [
    ("bulk-13", 7_160, 0),
    ("bulk-1144", 7_661, 0),
    ("sdoh", 11_727, 0),
    pytest.param("us-core-120", 77_489, 0, marks=pytest.mark.slow),
    pytest.param("main", 148_203, 0, marks=pytest.mark.slow),
]
"""Set, resources by its manifest, resources that may stay without a place among the events."""


@pytest.mark.parametrize(("name", "resources", "not_understood"), SYNTHETIC)
def test_synthetic_sets_are_read_and_accounted_for(shared_data: Path, name: str, resources: int, not_understood: int) -> None:
    report = read_directory(shared_data / "synthea" / name).report
    manifest = 1
    assert sum(part.lines + part.entries for part in report.parts) == resources + manifest
    assert report.balances()
    assert sum(report.total(outcome) for outcome in Outcome) == resources + manifest
    assert report.total(Outcome.QUARANTINED) <= not_understood


def test_gravity_screening_is_read_alike_from_observations_and_from_the_questionnaire(shared_data: Path) -> None:
    (record,) = read_directory(shared_data / "gravity-examples").records
    worried = [event for event in record.events if Coding(LOINC, "88124-3") in event.codes]
    assert {event.source.split("/")[0] for event in worried} == {"Observation", "QuestionnaireResponse"}
    assert {answer for event in worried for answer in event.answers} == {Coding(LOINC, "LA19952-3")}


def test_prapare_panels_of_synthea_are_read_item_by_item(shared_data: Path) -> None:
    dataset = read_directory(shared_data / "synthea" / "sdoh")
    panels = {e.source for r in dataset.records for e in r.events if not e.part and Coding(LOINC, "93025-5") in e.codes}
    items = [e for r in dataset.records for e in r.events if e.part and e.source in panels]
    assert (len(panels), len(items)) == (138, 138 * 21)


def test_coverage_prints_its_table(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(shared_data / "gravity-examples")]) == 0
    assert capsys.readouterr().out.startswith("gravity-examples: 1 people")


def test_coverage_of_nothing_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 3
    assert "holds no" in capsys.readouterr().err
