"""An analyst fills a warehouse and gets from it, byte for byte, what the files gave."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.command_line import almoner
from support.ehr_history import EhrHistory, observation, patient

from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.load import load_pull
from fhir_adapters.warehouse.pull import pull_in

ALL = ("--all", "--facts")


def _findings(source: Path, as_of: str, out: Path, *more: str) -> bytes:
    ran = almoner("evaluate", "--source", source, "--as-of", as_of, "--out", out, *ALL, *more)
    assert ran.code == 0, ran.err
    return out.read_bytes()


def _compare(folder: Path, as_of: str, work: Path, *more: str) -> list[bytes]:
    load_pull(work / "warehouse", pull_in(folder, at=datetime(2026, 7, 1, tzinfo=UTC)))
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
    load_pull(tmp_path / "warehouse", pull_in(tmp_path / "files", at=datetime(2026, 7, 1, tzinfo=UTC)))
    (file,) = (tmp_path / "warehouse" / "data").glob("*-people-*.parquet")
    file.write_bytes(file.read_bytes()[:-1])
    ran = almoner("evaluate", "--source", tmp_path / "warehouse", "--out", tmp_path / "out.ndjson")
    assert ran.code == 3
    assert file.name in ran.err
    assert not (tmp_path / "out.ndjson").exists()
