"""A whole load by the fast road leaves the warehouse that the mapper's leaves."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pytest
from support.staging import FAST, MAPPER, assert_equal

from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.ingest.fast import Limits
from fhir_adapters.warehouse.ingest.files import Reading, is_long
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


def request(id: str, **members: Any) -> bytes:
    common = {"resourceType": "MedicationRequest", "subject": {"reference": "Patient/p-1"}, "status": "active", "intent": "order"}
    return orjson.dumps({**common, "id": id, "authoredOn": "2026-01-02", **members})


def test_a_file_that_is_packed_with_zstd_is_read_and_if_it_is_cut_known_to_be_so(tmp_path: Path) -> None:
    lines = [request(f"m-{n}", note=str(hash(n) ** 9), medicationCodeableConcept={"coding": [{"code": "1"}]}) for n in range(9000)]
    file = tmp_path / "MedicationRequest.ndjson.zst"
    packed = pa.compress(b"\n".join(lines) + b"\n", codec="zstd", asbytes=True)
    file.write_bytes(packed)
    found = assert_equal([file])
    assert (found.parts[0].lines, found.parts[0].cut_short) == (9000, False)
    file.write_bytes(packed[: len(packed) // 2])
    assert assert_equal([file]).parts[0].cut_short


def test_each_line_awaits_its_own_medication(tmp_path: Path) -> None:
    led = ["Medication/a", "Medication/b", "https://x.org/fhir/Medication/c/_history/2", " Medication/d "]
    astray = ["#m", "Patient/p-1", "urn:uuid:1", "", "Medication/", None]
    references: list[Any] = [{"reference": reference, "display": "words"} for reference in (*led, *astray)]
    references += [{}, {"display": "words"}, "Medication/e"]
    lines = [request(f"m-{n}", medicationReference=given) for n, given in enumerate(references)]
    lines += [request("both", medicationReference=references[0], medicationCodeableConcept={"coding": []})]
    file = tmp_path / "MedicationRequest.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    assert assert_equal([file]).fast == len(led)


def test_many_skeletons_are_forgotten_and_known_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_adapters.warehouse.ingest.patterns._MOST", 5)
    lines = [request(f"m-{n}", medicationCodeableConcept={"coding": [{"code": f"{n // 2 % 40}"}]}) for n in range(400)]
    file = tmp_path / "MedicationRequest.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    limits = Limits(block=1000, batch=10_000, least=1)
    assert assert_equal([file], Reading(fast_from=0, processes=1, limits=limits)).parts[0].lines == 400


def test_a_skeleton_that_is_rare_in_each_batch_still_gets_a_pattern(tmp_path: Path) -> None:
    lines = [request(f"m-{n}", medicationCodeableConcept={"coding": [{"system": "http://x.org", "code": f"{n % 20}"}]}) for n in range(60)]
    file = tmp_path / "MedicationRequest.ndjson"
    file.write_bytes(b"\n".join(lines) + b"\n")
    limits = Limits(block=100, batch=20 * len(lines[0]), least=2)
    assert assert_equal([file], Reading(fast_from=0, processes=1, limits=limits)).fast >= 38


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("Goal.ndjson", 799, False),
        ("Goal.ndjson", 800, True),
        ("Goal.ndjson.gz", 99, False),
        ("Goal.ndjson.zst", 100, True),
        ("bundle.json", 10_000, False),
    ],
)
def test_how_long_a_file_is_counts_unpacked(name: str, size: int, *, expected: bool) -> None:
    """Packed files are many times shorter: they went the slow road, one after another."""
    assert is_long(name, size, Reading(fast_from=800)) is expected
