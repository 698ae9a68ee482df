"""A load takes the memory that it is given, whatever the number of rows: what does not fit is on the disk meanwhile."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.ingest.files import Reading
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import people_batches

PEOPLE, OBSERVATIONS, COMPONENTS = 250, 8, 60
FILES = 70
AT = datetime(2026, 7, 1, tzinfo=UTC)


def panel(person: int, number: int) -> dict[str, object]:
    """An observation of many components, which is as many events."""
    measured = [
        {"code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}, "valueQuantity": {"value": value, "unit": "kg"}}
        for value in range(COMPONENTS)
    ]
    return {
        "resourceType": "Observation",
        "id": f"o{person}-{number}",
        "status": "final",
        "subject": {"reference": f"Patient/p{person}"},
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "effectiveDateTime": "2026-01-01",
        "component": measured,
    }


@pytest.mark.slow
def test_a_hundred_thousand_rows_are_sorted_in_little_memory(tmp_path: Path) -> None:
    files, root = tmp_path / "files", tmp_path / "warehouse"
    files.mkdir()
    people = [{"resourceType": "Patient", "id": f"p{person}"} for person in range(PEOPLE)]
    panels = (panel(person, number) for number in range(OBSERVATIONS) for person in range(PEOPLE))
    for name, resources in (("Patient", people), ("Observation", panels)):
        (files / f"{name}.ndjson").write_text("".join(json.dumps(resource) + "\n" for resource in resources))
    loaded = load_export(root, export_in(files, at=AT), Habits(memory="64MB"))
    events = OBSERVATIONS * (COMPONENTS + 1)
    assert loaded.written == PEOPLE * (1 + events)
    assert {path.name for path in root.iterdir()} == {"data", "lock", "snapshots"}, "the working database is gone"
    found = [len(record.events) for batch in people_batches(root, 100) for record in batch]
    assert found == [events] * PEOPLE


@pytest.mark.slow
def test_an_export_in_many_files_takes_no_more_memory_than_in_few(tmp_path: Path) -> None:
    """Each scan of a file has memory of its own, whatever it holds: what was staged of all files is read in one."""
    files, root = tmp_path / "files", tmp_path / "warehouse"
    files.mkdir()
    people = [json.dumps({"resourceType": "Patient", "id": f"p{person}"}) for person in range(FILES)]
    (files / "Patient.ndjson").write_text("\n".join(people))
    for person in range(FILES):
        again = [json.dumps(panel(person, number)) for number in (0, 1, 1)]
        (files / f"Observation.{person}.ndjson").write_text("\n".join(again))
    loaded = load_export(root, export_in(files, at=AT), Habits(memory="32MB", reading=Reading(fast_from=1, processes=1)))
    assert loaded.written == FILES * (1 + 2 * (COMPONENTS + 1))
