"""A whole load by the fast road leaves the warehouse that the mapper's leaves."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from support.staging import FAST, MAPPER

from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse

AS_OF = date(2026, 6, 30)


def test_a_warehouse_holds_the_same_by_both_roads_and_knows_what_it_has(tmp_path: Path) -> None:
    write_ndjson(tmp_path / "files", 60, 5, AS_OF)
    day = datetime(2026, 7, 1, tzinfo=UTC)
    roads = {"mapper": MAPPER, "fast": FAST}
    export = export_in(tmp_path / "files", at=day)
    loaded = {name: load_export(tmp_path / name, export, Habits(reading=road)) for name, road in roads.items()}
    assert read_warehouse(tmp_path / "mapper") == read_warehouse(tmp_path / "fast")
    assert loaded["mapper"].snapshot.account == loaded["fast"].snapshot.account
    again = load_export(tmp_path / "fast", export_in(tmp_path / "files", at=day.replace(hour=1)), Habits(reading=FAST))
    assert (again.written, again.removed) == (0, 0)
    assert again.unchanged > 0


def test_the_processes_of_a_load_leave_no_word_behind(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "in").mkdir()
    write_ndjson(tmp_path / "in", 20, 5, date(2026, 6, 30))
    export = export_in(tmp_path / "in", at=datetime(2026, 7, 1, tzinfo=UTC))
    load_export(tmp_path / "warehouse", export, Habits(reading=Reading(fast_from=1, processes=2)))
    assert capfd.readouterr() == ("", "")
