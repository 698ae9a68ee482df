"""What was not pulled, or not wholly, is unknown: never taken for none."""

import gzip
import json
from dataclasses import replace
from datetime import timedelta

import pytest
from support.ehr_history import BEGIN, condition, observation, patient
from unit.fhir_adapters.warehouse.conftest import Store

from fhir_adapters.dataset import Dataset, records_from_resources
from fhir_adapters.errors import SourceUnreadable
from fhir_adapters.report import Report
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_dataset, load_export
from fhir_adapters.warehouse.read import people_batches
from rules.facts import HOUSEHOLD, TABLES, with_households


@pytest.fixture
def filled(store: Store) -> Store:
    for resource in (patient("p1"), patient("p2"), observation("o1", "p1"), condition("c1", "p1")):
        store.ehr.put(resource)
    store.pull()
    return store


def reasons(store: Store) -> dict[str, str]:
    missing = store.read().report.not_loaded
    return {table: missing[table] for table in ("observations", "conditions") if table in missing}


def test_a_type_that_was_pulled_without_a_single_one_is_loaded(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.pull()
    assert reasons(store) == {}
    assert store.records()["p1"].not_loaded == TABLES.keys() - {"observations", "conditions"} | {HOUSEHOLD}


def test_a_type_whose_export_failed_is_not_loaded_until_it_comes(filled: Store) -> None:
    last = filled.ehr.clock
    filled.ehr.put(observation("o2", "p1"))
    folder = filled.folder / "partial"
    pull = replace(filled.ehr.export(folder, last, types=("Patient",)), failed={"Observation": "the server gave up"})
    load_export(filled.root, pull, filled.habits)
    assert reasons(filled) == {"observations": "the server gave up"}
    assert filled.sources()["p1"] == ["Condition/c1", "Observation/o1"], "what is known stays"
    filled.pull(last, types=("Observation",))
    assert reasons(filled) == {}
    assert filled.sources()["p1"] == ["Condition/c1", "Observation/o1", "Observation/o2"]


def test_a_hole_between_two_pulls_is_noticed(filled: Store) -> None:
    filled.ehr.put(observation("o2", "p1"))
    later = filled.ehr.clock
    filled.pull(later)
    assert set(reasons(filled)) == {"observations", "conditions"}
    assert "missing" in reasons(filled)["observations"]
    filled.pull()
    assert reasons(filled) == {}


def test_changes_alone_make_nothing_loaded(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.pull(BEGIN)
    assert reasons(store) == {name: f"no {kind} was ever pulled in full" for name, kind in _KINDS.items()}
    assert store.sources() == {"p1": ["Observation/o1"]}


_KINDS = {"observations": "Observation", "conditions": "Condition"}


@pytest.mark.parametrize(
    ("name", "tables"), [("Observation.ndjson.gz", {"observations"}), ("all.ndjson.gz", {"observations", "conditions"})]
)
def test_a_file_that_was_cut_short_withholds_what_it_may_have_held(filled: Store, name: str, tables: set[str]) -> None:
    folder = filled.folder / "cut"
    folder.mkdir()
    lines = [observation(f"x{n}", "p1") for n in range(200)] if name.startswith("Obs") else [observation("x", "p1"), condition("y", "p1")]
    content = gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode())
    (folder / name).write_bytes(content[:-8])
    load_export(filled.root, export_in(folder, at=filled.ehr.clock + timedelta(hours=1)), filled.habits)
    assert set(reasons(filled)) == tables
    assert "Observation/o1" in filled.sources()["p1"], "a pull that is not whole takes nothing away"


def test_a_manifest_gives_the_time_and_tells_files_apart(filled: Store) -> None:
    folder = filled.folder / "bulk"
    folder.mkdir()
    (folder / "0001.ndjson").write_text(json.dumps(observation("o9", "p1")) + "\n")
    (folder / "0002.ndjson").write_text(json.dumps({"reference": "Observation/o1"}) + "\n")
    manifest = {
        "transactionTime": "2026-06-01T00:00:00Z",
        "output": [{"type": "Observation", "url": "https://ehr.example/x/0001.ndjson"}],
        "deleted": [{"type": "Bundle", "url": "https://ehr.example/x/0002.ndjson"}],
        "error": [],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    load_export(filled.root, export_in(folder, since=filled.ehr.clock), filled.habits)
    assert filled.sources()["p1"] == ["Condition/c1", "Observation/o9"]


def test_errors_in_a_manifest_withhold_its_types_unless_somebody_says_which(filled: Store) -> None:
    folder = filled.folder / "bulk"
    folder.mkdir()
    (folder / "1.ndjson").write_text(json.dumps(observation("o9", "p1")) + "\n")
    (folder / "2.ndjson").write_text(json.dumps({"resourceType": "OperationOutcome"}) + "\n")
    output, error = ([{"type": kind, "url": name}] for kind, name in (("Observation", "1.ndjson"), ("OperationOutcome", "2.ndjson")))
    (folder / "manifest.json").write_text(json.dumps({"transactionTime": "2026-06-01T00:00:00Z", "output": output, "error": error}))
    load_export(filled.root, export_in(folder, since=filled.ehr.clock), filled.habits)
    assert reasons(filled) == {"observations": "the export reported errors"}
    load_export(filled.root, export_in(folder, since=filled.ehr.clock, failed={}), filled.habits)
    assert reasons(filled) == {}


def test_a_name_that_two_lists_share_is_told_apart_by_its_folder(filled: Store) -> None:
    """Some servers count the files of each list from one, and sign the addresses."""
    folder = filled.folder / "bulk"
    listed = {"output": patient("p3"), "deleted-files": {"reference": "Observation/o1"}, "errors": {"resourceType": "OperationOutcome"}}
    for name, content in listed.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "1 a.ndjson").write_text(json.dumps(content) + "\n")
    lists = zip(("output", "deleted", "error"), ("Patient", "Bundle", "OperationOutcome"), listed, strict=True)
    manifest = {key: [{"type": type, "url": f"https://ehr.example/x/{name}/1%20a.ndjson?signature=a/b"}] for key, type, name in lists}
    (folder / "manifest.json").write_text(json.dumps(manifest | {"transactionTime": "2026-06-01T00:00:00Z"}))
    load_export(filled.root, export_in(folder, since=filled.ehr.clock), filled.habits)
    assert filled.sources() == {"p1": ["Condition/c1"], "p2": [], "p3": []}


def test_a_name_that_leaves_open_what_a_file_holds_is_refused(filled: Store) -> None:
    """Resources that are taken for deletions would be deleted."""
    folder = filled.folder / "bulk"
    folder.mkdir()
    (folder / "1.ndjson").write_text(json.dumps(patient("p1")) + "\n")
    lists = {key: [{"type": "Patient", "url": f"https://ehr.example/{key}/1.ndjson"}] for key in ("output", "deleted")}
    (folder / "manifest.json").write_text(json.dumps({"transactionTime": "2026-06-01T00:00:00Z"} | lists))
    with pytest.raises(SourceUnreadable, match=r"1\.ndjson: manifest.json gives several files this name"):
        export_in(folder)


def test_errors_concern_every_type_if_the_manifest_does_not_say_which_came(filled: Store) -> None:
    folder = filled.folder / "bulk"
    folder.mkdir()
    (folder / "Observation.ndjson").write_text(json.dumps(observation("o9", "p1")) + "\n")
    output, error = ([{"url": name}] for name in ("Observation.ndjson", "errors.ndjson"))
    (folder / "manifest.json").write_text(json.dumps({"transactionTime": "2026-06-01T00:00:00Z", "output": output, "error": error}))
    load_export(filled.root, export_in(folder, since=filled.ehr.clock), filled.habits)
    assert reasons(filled) == dict.fromkeys(("observations", "conditions"), "the export reported errors")


def test_files_without_a_time_are_refused(filled: Store) -> None:
    folder = filled.folder / "timeless"
    folder.mkdir()
    (folder / "1.ndjson").write_text("\n")
    with pytest.raises(SourceUnreadable, match="transactionTime"):
        export_in(folder)


# ---------------------------------------------------------------- people read one by one


def read_one(store: Store, id: str, *resources: dict[str, object], missing: tuple[str, ...] = ()) -> None:
    record = records_from_resources([patient(id), *resources], id, missing)
    load_dataset(store.root, Dataset([record], Report()), store.ehr.clock + timedelta(hours=1), everybody=False, habits=store.habits)


def test_a_person_who_was_read_again_is_as_read(filled: Store) -> None:
    read_one(filled, "p1", observation("o2", "p1"))
    assert filled.sources() == {"p1": ["Observation/o2"], "p2": []}


def test_a_table_that_failed_for_one_person_is_unknown_for_that_person(filled: Store) -> None:
    read_one(filled, "p1", observation("o2", "p1"), missing=("conditions",))
    records = filled.records()
    assert [event.source for event in records["p1"].events] == ["Condition/c1", "Observation/o2"]
    assert "conditions" in records["p1"].not_loaded
    assert "conditions" not in records["p2"].not_loaded
    last = filled.ehr.clock
    filled.pull(last)
    assert "conditions" in filled.records()["p1"].not_loaded, "changes do not fill the gap"
    filled.ehr.clock += timedelta(hours=2)
    filled.pull()
    assert "conditions" not in filled.records()["p1"].not_loaded


def test_a_reading_of_everybody_reads_back_as_it_was(store: Store) -> None:
    missing = {table: "not asked for" for table in TABLES if table not in ("observations", "conditions")}
    resources = {"p1": [patient("p1"), observation("o1", "p1")], "p2": [patient("p2"), condition("c1", "p2")]}
    records = with_households([records_from_resources(found, id, missing) for id, found in resources.items()])
    load_dataset(store.root, Dataset(records, Report(not_loaded=missing)), BEGIN, everybody=True, habits=store.habits)
    assert store.read().records == records
    assert store.read().report.not_loaded == missing
    assert store.read().report.balances()
    load_dataset(store.root, Dataset(records[:1], Report(not_loaded=missing)), BEGIN, everybody=True, habits=store.habits)
    assert list(store.records()) == ["p1"]
    assert [len(batch) for batch in people_batches(store.root)] == [1]
