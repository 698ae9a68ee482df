"""An analyst fills a warehouse and gets from it, byte for byte, what the files gave."""

import json
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.command_line import almoner
from support.ehr_history import (
    EhrHistory,
    answers,
    condition,
    home,
    known_by,
    medication,
    numbered,
    observation,
    patient,
    prescription,
    questionnaire,
)
from support.ehr_server import ehr_server, peer_python
from support.hand_made import HAND_MADE, person

from fhir_adapters import read_directory
from fhir_adapters.mapping import READ_TYPES, Outcome
from fhir_adapters.report import render
from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse

ALL = ("--all", "--facts")


def _findings(source: Path, as_of: str, out: Path, *more: str) -> bytes:
    ran = almoner("evaluate", "--source", source, "--as-of", as_of, "--out", out, *ALL, *more)
    assert ran.code == 0, ran.err
    return out.read_bytes()


def _compare(folder: Path, as_of: str, work: Path, *more: str) -> list[bytes]:
    load_export(work / "warehouse", export_in(folder, at=datetime(2026, 7, 1, tzinfo=UTC)))
    from_files = _findings(folder, as_of, work / "files.ndjson", *more)
    assert _findings(work / "warehouse", as_of, work / "warehouse.ndjson", *more) == from_files
    return from_files.splitlines()


@pytest.mark.slow
def test_synthetic_people(tmp_path: Path) -> None:
    write_ndjson(tmp_path / "files", 200, 7, date(2026, 6, 30))
    assert len(_compare(tmp_path / "files", "2026-06-30", tmp_path, "--engine", "columnar")) == 200 * 5


@pytest.mark.slow
def test_the_people_of_synthea(shared_data: Path, tmp_path: Path) -> None:
    assert _compare(shared_data / "synthea" / "sdoh", "2023-10-03", tmp_path, "--engine", "columnar")


def test_what_is_said_elsewhere(tmp_path: Path) -> None:
    """Medications in a file of their own, forms, identifiers instead of ids, merged, inactive and test patients."""
    merged = [{"type": "replaced-by", "other": {"reference": "Patient/ann"}}]
    test = {"tag": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HTEST"}]}
    by_type: dict[str, list[dict[str, object]]] = {}
    for resource in [
        *person("ann"),
        *person("bob"),
        patient("cleo", identifier=[numbered("7")]),
        patient("old", link=merged, active=False),
        patient("gone", active=False, address=home(1)),
        patient("trial", meta=test),
        condition("c7", "") | known_by("7"),
        condition("c8", "") | known_by("8"),
        condition("c-old", "old"),
        observation("o-trial", "trial"),
        prescription("r1", "ann", "m1"),
        prescription("r2", "bob", "not-there"),
        medication("m1"),
        answers("q7", "cleo"),
        questionnaire("f"),
    ]:
        by_type.setdefault(resource["resourceType"], []).append(resource)
    folder = tmp_path / "files"
    folder.mkdir()
    for name, resources in by_type.items():
        (folder / f"{name}.ndjson").write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    found = [json.loads(line) for line in _compare(folder, "2026-06-30", tmp_path)]
    assert {finding["patient"] for finding in found} == {"ann", "bob", "cleo"}
    stored, read = read_warehouse(tmp_path / "warehouse"), read_directory(folder)
    assert stored.records == read.records
    assert list(render(stored.report)) == list(render(read.report))
    assert stored.report.quarantine.counts == read.report.quarantine.counts
    assert (stored.report.excluded, stored.report.merged) == (read.report.excluded, read.report.merged)


@pytest.mark.slow
def test_every_night_a_real_server_is_pulled_and_the_warehouse_filled(tmp_path: Path) -> None:
    """Three nights: everything, what is new, and what changes whose it is; the answers are always those of the folder."""
    python = peer_python()
    if python is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    types = ",".join(sorted(READ_TYPES))
    (tmp_path / "ehr").mkdir()
    with ehr_server(python, tmp_path / "ehr") as ehr:
        nights = [
            [*HAND_MADE, condition("c7", "") | known_by("7"), prescription("r1", "ann", "m1")],
            [patient("dora", identifier=[numbered("7")]), medication("m1")],
            [patient("cleo", link=[{"type": "replaced-by", "other": {"reference": "Patient/dora"}}]), patient("bob", active=False)],
        ]
        for number, changes in enumerate(nights):
            ehr.put(changes)
            ran = almoner("pull", "--server", ehr.base_url, "--into", tmp_path / "in", "--type", types, "--system")
            assert ran.code == 0, ran.err
            ran = almoner("warehouse", "load", tmp_path / "in", "--into", tmp_path / "warehouse")
            assert ran.code == 0, ran.err
            if number:
                assert read_directory(tmp_path / "in").report.total(Outcome.MAPPED) > 2 * len(changes)
                assert f"all {len(changes)}".split() == next(line for line in ran.err.splitlines() if line.startswith("all")).split()[:2]
            from_folder = _findings(tmp_path / "in", "2026-06-30", tmp_path / "folder.ndjson")
            assert _findings(tmp_path / "warehouse", "2026-06-30", tmp_path / "warehouse.ndjson") == from_folder
    assert [record.person.id for record in read_warehouse(tmp_path / "warehouse").records] == ["ann", "dora"]


def test_day_by_day(tmp_path: Path) -> None:
    """The first night everything, then only what changed; what cannot be told is said."""
    ehr, warehouse = EhrHistory(), tmp_path / "warehouse"
    ehr.put(patient("p1"))
    ehr.put(observation("o1", "p1", 9.5))
    first = ehr.export(tmp_path / "monday")
    ran = almoner("warehouse", "load", tmp_path / "monday", "--into", warehouse, "--at", first.at.isoformat(), "--types", "Task")
    assert ran.code == 0, ran.err
    assert "rows written: 2; resources removed: 0, unchanged: 0" in ran.err
    ehr.delete("Observation/o1")
    second = ehr.export(tmp_path / "tuesday", first.at)
    since = ("--since", first.at.isoformat())
    ran = almoner("warehouse", "load", tmp_path / "tuesday", "--into", warehouse, "--at", second.at.isoformat(), *since)
    assert ran.code == 0, ran.err
    assert "resources removed: 1, unchanged: 0" in ran.err
    shown = almoner("warehouse", "show", warehouse)
    assert shown.code == 0, shown.err
    assert f"Observation: loaded, complete as of {second.at.isoformat()}" in shown.out
    assert f"Task: loaded, complete as of {first.at.isoformat()}" in shown.out
    assert almoner("warehouse", "load", tmp_path / "tuesday", "--into", warehouse).code == 3, "nobody said as of when"


def test_a_damaged_warehouse_is_refused_and_the_file_named(tmp_path: Path) -> None:
    write_ndjson(tmp_path / "files", 3, 7, date(2026, 6, 30))
    load_export(tmp_path / "warehouse", export_in(tmp_path / "files", at=datetime(2026, 7, 1, tzinfo=UTC)))
    (file,) = (tmp_path / "warehouse" / "data").glob("*-people-*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    ran = almoner("evaluate", "--source", tmp_path / "warehouse", "--out", tmp_path / "out.ndjson")
    assert ran.code == 3
    assert file.name in ran.err
    assert not (tmp_path / "out.ndjson").exists()
