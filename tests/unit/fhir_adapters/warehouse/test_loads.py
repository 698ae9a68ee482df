"""What a pull does to the people and events that are there."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from support.ehr_history import BEGIN, EhrHistory, condition, home, observation, patient
from unit.fhir_adapters.warehouse.conftest import Store

from fhir_adapters import read_directory
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import people_batches, read_warehouse
from rules.facts import HOUSEHOLD


def values(store: Store) -> list[float | None]:
    return [event.value for event in store.records()["p1"].events]


def test_a_full_pull_reads_back_as_the_folder_does(store: Store) -> None:
    for resource in (patient("p1", address=home(1)), patient("p2", address=home(1)), observation("o1", "p1"), condition("c1", "p2")):
        store.ehr.put(resource)
    store.ehr.put(observation("stray", "nobody"))
    store.pull()
    folder = read_directory(store.folder / "pull-1")
    assert store.read().records == folder.records
    assert store.read().report.rows() == folder.report.rows()
    assert store.read().report.quarantine.counts == folder.report.quarantine.counts
    assert store.read().report.not_loaded == folder.report.not_loaded
    assert [len(batch) for batch in people_batches(store.root, 1)] == [2], "a household is never parted"


def test_an_incremental_pull_adds_replaces_and_deletes(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1", 7.1))
    store.ehr.put(observation("o2", "p1", 8.2))
    watermark = store.pull().snapshot.types["Observation"].watermark
    last = store.ehr.clock
    store.ehr.put(observation("o1", "p1", 6.4))
    store.ehr.put(observation("o3", "p1", 5.5))
    store.ehr.delete("Observation/o2")
    loaded = store.pull(last)
    assert values(store) == [6.4, 5.5]
    assert (loaded.written, loaded.removed, loaded.anew) == (2, 1, False)
    assert watermark is not None
    assert loaded.snapshot.types["Observation"].watermark == watermark + 181 * 60 * 1_000_000


def test_an_older_version_never_replaces_a_newer_one(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1", 7.1))
    old = store.ehr.export(store.folder / "old")
    store.ehr.put(observation("o1", "p1", 6.4))
    store.pull()
    load_export(store.root, old, store.habits)
    assert values(store) == [6.4]


def test_versions_of_the_same_moment_are_told_apart_by_number(store: Store) -> None:
    store.ehr.put(patient("p1"))
    meta = {"lastUpdated": "2026-01-01T00:00:00Z"}
    lines = [observation("o1", "p1", value, meta=meta | {"versionId": id}) for value, id in ((9.0, "10"), (7.0, "9"))]
    folder = store.folder / "versions"
    folder.mkdir()
    (folder / "all.ndjson").write_text("\n".join(json.dumps(line) for line in [patient("p1"), *lines]) + "\n")
    load_export(store.root, export_in(folder, at=BEGIN), store.habits)
    assert values(store) == [9.0]


def test_without_dates_the_later_pull_counts(store: Store) -> None:
    store.ehr.dated = False
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1", 7.1))
    old = store.ehr.export(store.folder / "old")
    store.ehr.put(observation("o1", "p1", 6.4))
    store.pull()
    load_export(store.root, old, store.habits)
    assert values(store) == [6.4]
    store.ehr.put(observation("o1", "p1", 5.0))
    store.pull()
    assert values(store) == [5.0]


def test_what_is_not_in_a_full_pull_is_gone(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.ehr.put(condition("c1", "p1"))
    store.pull()
    store.ehr.delete("Observation/o1")
    loaded = store.pull(types=("Patient", "Observation"))
    assert store.sources() == {"p1": ["Condition/c1"]}, "conditions were not pulled: they stay"
    assert loaded.removed == 1


def test_a_deletion_is_not_undone_by_an_older_pull_but_by_a_newer_one(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.pull()
    old, last = store.ehr.export(store.folder / "old"), store.ehr.clock
    store.ehr.delete("Observation/o1")
    store.pull(last)
    load_export(store.root, old, store.habits)
    assert store.sources() == {"p1": []}
    store.ehr.put(observation("o1", "p1"))
    store.pull(last)
    assert store.sources() == {"p1": ["Observation/o1"]}


def test_an_older_full_pull_removes_nothing_that_came_later(store: Store) -> None:
    store.ehr.put(patient("p1"))
    old = store.ehr.export(store.folder / "old")
    store.ehr.put(observation("o1", "p1"))
    store.pull()
    load_export(store.root, old, store.habits)
    assert store.sources() == {"p1": ["Observation/o1"]}


@pytest.mark.parametrize(
    "document",
    [
        {"resourceType": "Bundle", "type": "transaction", "entry": [{"request": {"method": "DELETE", "url": "Observation/o1"}}]},
        {
            "resourceType": "Bundle",
            "entry": [{"request": {"method": "DELETE", "url": "https://ehr.example/fhir/Observation/o1/_history/2"}}],
        },
        {"resourceType": "Observation", "id": "o1"},
        {"reference": "Observation/o1"},
        ["Observation/o1"],
        "Observation/o1",
    ],
)
def test_deletions_come_in_many_forms(store: Store, document: object) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.pull()
    folder = store.folder / "forms"
    (folder / "deleted").mkdir(parents=True)
    (folder / "deleted" / "1.ndjson").write_text(json.dumps(document) + "\n")
    loaded = load_export(store.root, export_in(folder, at=store.ehr.clock + timedelta(hours=1), since=store.ehr.clock), store.habits)
    assert store.sources() == {"p1": []}
    assert loaded.report.balances()


def test_what_an_export_both_holds_and_lists_as_deleted_is_gone(store: Store) -> None:
    for resource in (patient("p1"), observation("o1", "p1"), observation("o2", "p1")):
        store.ehr.put(resource)
    store.pull()
    folder = store.folder / "both"
    (folder / "deleted").mkdir(parents=True)
    (folder / "deleted" / "1.json").write_text(json.dumps(["Observation/o1", "Observation/new"], indent=1))
    lines = [observation("o1", "p1", 5.0), observation("new", "p1")]
    (folder / "Observation.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    report = load_export(store.root, export_in(folder, at=store.ehr.clock, since=BEGIN), store.habits).report
    assert store.sources() == {"p1": ["Observation/o2"]}
    assert (report.total(Outcome.IGNORED), report.balances()) == (2, True)


def test_a_deletion_that_says_nothing_is_counted(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.pull()
    folder = store.folder / "forms"
    (folder / "deleted").mkdir(parents=True)
    entries = [{"request": {"method": "GET", "url": "Patient/p1"}}, {"request": {"method": "DELETE", "url": "?name=x"}}, 7]
    (folder / "deleted" / "1.ndjson").write_text(json.dumps({"resourceType": "Bundle", "entry": entries}) + "\n")
    report = load_export(store.root, export_in(folder, at=store.ehr.clock, since=BEGIN), store.habits).report
    assert [note for note in report.notes if note.startswith("3 deletion(s)")]
    assert list(store.records()) == ["p1"]


def test_a_deleted_patients_events_wait_for_the_patient(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1"))
    store.pull()
    last = store.ehr.clock
    store.ehr.delete("Patient/p1")
    store.pull(last)
    assert store.read().records == []
    assert store.read().report.quarantine.counts["Patient", Reason.NO_PATIENT] == 1
    assert store.read().report.balances()
    last = store.ehr.clock
    store.ehr.put(patient("p1"))
    store.pull(last)
    assert store.sources() == {"p1": ["Observation/o1"]}


def test_an_event_that_changes_its_subject_moves(store: Store) -> None:
    for resource in (patient("p1"), patient("p2"), observation("o1", "p1")):
        store.ehr.put(resource)
    store.pull()
    last = store.ehr.clock
    store.ehr.put(observation("o1", "p2"))
    store.pull(last)
    assert store.sources() == {"p1": [], "p2": ["Observation/o1"]}


def test_who_moves_house_takes_their_events_along(store: Store) -> None:
    for resource in (patient("p1", address=home(1)), patient("p2", address=home(2)), observation("o1", "p1"), observation("o2", "p2")):
        store.ehr.put(resource)
    store.pull()
    last = store.ehr.clock
    store.ehr.put(patient("p1", address=home(2)))
    store.pull(last)
    (batch,) = people_batches(store.root, 1)
    assert [[event.source for event in record.events] for record in batch] == [["Observation/o1"], ["Observation/o2"]]
    assert [[other.person.id for other in record.household] for record in batch] == [["p2"], ["p1"]]


def test_an_unchanged_pull_writes_no_row(store: Store) -> None:
    for resource in (patient("p1"), observation("o1", "p1")):
        store.ehr.put(resource)
    store.pull()
    loaded = store.pull()
    assert (loaded.written, loaded.removed, loaded.unchanged) == (0, 0, 2)
    assert loaded.report.total(Outcome.MAPPED) == 2


def test_another_household_key_makes_other_rows(store: Store) -> None:
    store.ehr.put(patient("p1", address=home(1)))
    store.pull()
    before = store.records()["p1"].person.household
    store.habits = replace(store.habits, household_key=b"another")
    store.pull()
    assert store.records()["p1"].person.household != before


@pytest.mark.parametrize("rewrite_at", [0.0, 0.5, 1000.0])
def test_writing_anew_changes_nothing_but_files(tmp_path: Path, rewrite_at: float) -> None:
    store = Store(EhrHistory(), tmp_path, Habits(rewrite_at=rewrite_at, rows=3))
    for person in range(8):
        store.ehr.put(patient(f"p{person}", address=home(person // 2)))
        store.ehr.put(observation(f"o{person}", f"p{person}"))
    store.pull()
    for step in range(3):
        last = store.ehr.clock
        store.ehr.put(observation(f"o{step}", f"p{step}", 9.0))
        store.ehr.put(observation(f"new{step}", f"p{step}", 5.0))
        store.ehr.delete(f"Observation/o{7 - step}")
        store.pull(last)
    final = store.ehr.export(tmp_path / "final")
    assert store.read().records == read_directory(final.root).records


def test_the_same_id_twice_in_one_pull_is_reported_as_from_a_folder(store: Store) -> None:
    folder = store.folder / "twice"
    folder.mkdir()
    lines = [patient("p1"), observation("o1", "p1", 1.0), observation("o1", "p1", 2.0), observation("o1", "p2", 3.0), patient("p1")]
    (folder / "all.ndjson").write_text("".join(json.dumps(line) + "\n" for line in lines))
    loaded = load_export(store.root, export_in(folder, at=BEGIN), store.habits)
    folder_report = read_directory(folder).report
    assert loaded.report.quarantine.counts == {("Observation", Reason.DUPLICATE_ID): 1, ("Observation", Reason.OTHER_SUBJECT): 1}
    assert read_warehouse(store.root).report.rows() == folder_report.rows()
    assert read_warehouse(store.root).report.quarantine.counts == folder_report.quarantine.counts


def test_the_quarantine_is_kept_and_follows_the_resources(store: Store) -> None:
    store.ehr.put(patient("p1"))
    store.ehr.put(observation("o1", "p1", effectiveDateTime="someday"))
    store.ehr.put({"resourceType": "Observation", "id": "o2", "status": "final"})
    store.pull()
    counts = {("Observation", Reason.INVALID_DATE): 1, ("Observation", Reason.NO_SUBJECT): 1}
    assert store.read().report.quarantine.counts == counts
    last = store.ehr.clock
    store.ehr.put(observation("o1", "p1"))
    store.pull(last)
    assert store.read().report.quarantine.counts == {("Observation", Reason.NO_SUBJECT): 1}
    assert store.read().report.balances()


def test_rows_in_are_accepted_quarantined_ignored_or_superseded(store: Store) -> None:
    folder = store.folder / "mixed"
    folder.mkdir()
    lines = [json.dumps(r) for r in (patient("p1"), observation("o1", "p1"), observation("o1", "p1"), {"resourceType": "Device"})]
    (folder / "all.ndjson").write_text("\n".join([*lines, "{not json", "", json.dumps({"resourceType": "Observation"})]) + "\n")
    report = load_export(store.root, export_in(folder, at=BEGIN), store.habits).report
    outcomes = {outcome: report.total(outcome) for outcome in Outcome}
    counted = {"mapped": 2, "ignored": 1, "quarantined": 2, "duplicate": 1, "blank": 1}
    assert outcomes == counted | {"opened": 0, "excluded": 0, "not needed": 0}
    assert report.balances()
    assert store.read().report.rows() == report.rows()


def test_households_are_unknown_until_everybody_was_pulled(store: Store) -> None:
    store.ehr.put(patient("p1", address=home(1)))
    store.pull(BEGIN)
    assert HOUSEHOLD in store.records()["p1"].not_loaded
    store.pull()
    assert HOUSEHOLD not in store.records()["p1"].not_loaded
