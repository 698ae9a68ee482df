"""An informatician connects a FHIR server and gets what the folder of the same resources gave."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import almoner
from support.ehr_server import Ehr, ehr_server, peer_python

from fhir_adapters.mapping import subject_of
from fhir_adapters.synthetic import population, write_ndjson
from rules.facts import TABLES

USED = {name for table in TABLES.values() for name in table.resource_types} | {"Patient"}


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    python = peer_python()
    if python is None:
        pytest.skip("no FHIR server to talk to: make peer installs it")
    with ehr_server(python, tmp_path_factory.mktemp("peer")) as server:
        yield server


def _findings(source: str | Path, as_of: str, out: Path, *more: str) -> list[dict[str, object]]:
    ran = almoner("evaluate", "--source", source, "--as-of", as_of, "--all", "--facts", "--out", out, *more)
    assert ran.code == 0, ran.err
    return [json.loads(line) for line in out.read_text().splitlines()]


@pytest.mark.slow
def test_a_server_gives_what_the_files_gave(ehr: Ehr, shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    patients = _some_people(shared_data / "synthea" / "sdoh", folder, 4)
    ehr.put(json.loads(line) for file in sorted(folder.iterdir()) for line in file.read_text().splitlines())
    loaded = ",".join(table.resource_types[0] for table in TABLES.values())
    from_files = _findings(folder, "2023-10-03", tmp_path / "files.ndjson", "--loaded", loaded)
    from_server = [f for f in _findings(ehr.base_url, "2023-10-03", tmp_path / "rest.ndjson") if f["patient"] in patients]
    assert len(from_files) == 4 * 5
    assert from_server == from_files


def _some_people(source: Path, folder: Path, count: int) -> set[str]:
    """The first people of a sample and all of theirs that rules can read, as NDJSON without what only the sample's bundles resolve."""
    patients: set[str] = set()
    for file in sorted(source.glob("*.ndjson.gz"), key=lambda f: f.name != "Patient.ndjson.gz"):
        kind = file.name.split(".")[0]
        if kind not in USED:
            continue
        with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
            resources = [json.loads(line) for line in lines]
        if kind == "Patient":
            resources = resources[:count]
            patients = {r["id"] for r in resources}
        else:
            resources = [r for r in resources if subject_of(r) in patients]
        (folder / f"{kind}.ndjson").write_text("".join(json.dumps(r) + "\n" for r in resources))
    return patients


def test_a_person_can_be_explained_from_the_command_line(tmp_path: Path) -> None:
    from datetime import date

    write_ndjson(tmp_path, 60, 58, date(2026, 11, 22))
    patient = next(r["id"] for r in population(60, 58, date(2026, 11, 22)) if r["resourceType"] == "Patient")
    ran = almoner("explain", "social-screening-overdue", "--patient", patient, "--source", tmp_path, "--as-of", "2026-11-22")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("social-screening-overdue: ")
    assert "If nothing new is recorded" in ran.out
