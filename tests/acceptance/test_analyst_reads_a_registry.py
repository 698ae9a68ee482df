"""A registry analyst gives a folder of CSV files with their description, and gets the answers that FHIR gives."""

import json
import shutil
from pathlib import Path

import pytest
from support.command_line import almoner
from support.registry import as_registry


def _answers(source: Path, out: Path) -> dict[tuple[str, str], str]:
    ran = almoner("evaluate", "--source", source, "--as-of", "2023-10-03", "--all", "--out", out)
    assert ran.code == 0, ran.err
    found = [json.loads(line) for line in out.read_text().splitlines()]
    return {(line["patient"], line["rule"]): line["status"] for line in found}


@pytest.mark.slow
def test_the_same_answers_from_csv_as_from_fhir(shared_data: Path, root: Path, tmp_path: Path) -> None:
    source = shared_data / "synthea" / "sdoh"
    by_fhir, by_csv = tmp_path / "fhir", tmp_path / "csv"
    for folder in (by_fhir, by_csv):
        folder.mkdir()
        for kind in ("Patient", "Condition", "Encounter", "Procedure", "MedicationRequest"):
            shutil.copy(source / f"{kind}.ndjson.gz", folder)
    shutil.copy(source / "Observation.ndjson.gz", by_fhir)
    as_registry(source, by_csv)
    described = (root / "config" / "extracts" / "registry.extract.yaml").read_text()
    people = described[described.index("people:") : described.index("events:")]
    (by_csv / "registry.extract.yaml").write_text(described.replace(people, ""))
    expected = _answers(by_fhir, tmp_path / "fhir.ndjson")
    assert {"yes", "no"} <= set(expected.values())
    assert _answers(by_csv, tmp_path / "csv.ndjson") == expected


def test_a_mistake_in_the_description_is_told_before_anything_is_read(tmp_path: Path) -> None:
    path = tmp_path / "registry.extract.yaml"
    path.write_text("events:\n  - {file: x.csv, table: observation}\n")
    ran = almoner("evaluate", "--source", tmp_path, "--as-of", "2023-10-03", "--out", tmp_path / "out.ndjson")
    assert (ran.code, f"{path}:2:26: ALM522" in ran.err) == (3, True)
    assert "did you mean 'observations'?" in ran.err
