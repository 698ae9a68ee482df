import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from unit.fhir_adapters.conftest import WriteFile

from fhir_adapters.directory_source import read_directory
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import render
from rules.facts import HOUSEHOLD, TABLES

HOME = [{"line": ["1 High St"], "postalCode": "01940"}]


def patient(id: str = "p1", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id} | elements


def condition(id: str, subject: str = "Patient/p1", **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Condition", "id": id, "subject": {"reference": subject}} | elements


def bundle(kind: str, *entries: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": list(entries)}


def test_any_mix_of_files_in_any_depth(tmp_path: Path, ndjson: WriteFile) -> None:
    ndjson("a/Patient.ndjson", patient("p2"), patient("p1"))
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "one.json").write_text(json.dumps(condition("c1"), indent=2))
    (tmp_path / "b" / "two.json.gz").write_bytes(gzip.compress(json.dumps(condition("c2", "Patient/p2")).encode()))
    (tmp_path / "c.jsonl.gz").write_bytes(gzip.compress(json.dumps(bundle("collection", {"resource": condition("c3")})).encode()))
    (tmp_path / "manifest.json").write_text('{"output": []}')
    (tmp_path / "readme.txt").write_text("x")
    dataset = read_directory(tmp_path)
    assert [(r.person.id, [e.source for e in r.events]) for r in dataset.records] == [
        ("p1", ["Condition/c1", "Condition/c3"]),
        ("p2", ["Condition/c2"]),
    ]
    assert dataset.report.balances()
    assert {row.resource_type: row.ignored for row in dataset.report.rows()}["not FHIR"] == 1
    assert dataset.report.notes == ["1 file(s) of other kinds were left alone"]


def test_a_table_is_loaded_only_if_its_first_type_was_there(tmp_path: Path, ndjson: WriteFile) -> None:
    ndjson(
        "people.ndjson",
        patient(),
        condition("c1"),
        {"resourceType": "QuestionnaireResponse", "id": "q", "subject": {"reference": "Patient/p1"}},
    )
    ndjson("1.Procedure.000.ndjson")
    ndjson("Goals.ndjson")
    loaded = set(TABLES) - read_directory(tmp_path, loaded={"Task"}).records[0].not_loaded
    assert loaded == {"conditions", "procedures", "tasks"}


def test_an_unreadable_line_in_a_named_file_is_counted_under_that_name(tmp_path: Path, ndjson: WriteFile) -> None:
    ndjson("Patient.ndjson", patient())
    (tmp_path / "Condition.ndjson").write_bytes(b"{nonsense\n" + json.dumps(condition("c1")).encode() + b"\n")
    dataset = read_directory(tmp_path)
    assert dataset.report.quarantine.counts == {("Condition", Reason.NOT_JSON): 1}
    assert "conditions" not in dataset.records[0].not_loaded


def test_references_inside_a_bundle(ndjson: WriteFile) -> None:
    entries = [
        {"fullUrl": "urn:uuid:b", "resource": {"resourceType": "Condition", "subject": {"reference": "urn:uuid:a"}}},
        {"fullUrl": "urn:uuid:a", "resource": {"resourceType": "Patient"}},
        {"fullUrl": "http://x.example/Condition/c2", "resource": condition("c2", "http://x.example/Patient/a")},
    ]
    (record,) = read_directory(ndjson("t.ndjson", bundle("transaction", *entries))).records
    assert record.person.id == "a"
    assert [event.source for event in record.events] == ["Condition/b", "Condition/c2"]


def test_a_urn_of_another_bundle_is_nobody(ndjson: WriteFile) -> None:
    lost = bundle("transaction", {"resource": condition("c1", "urn:uuid:a")})
    named = bundle("transaction", {"fullUrl": "urn:uuid:a", "resource": {"resourceType": "Patient"}})
    dataset = read_directory(ndjson("t.ndjson", named, lost))
    assert dataset.records[0].events == ()
    assert dataset.report.quarantine.counts == {("Condition", Reason.NO_SUBJECT): 1}


def test_entries_without_a_resource_are_accounted_for(ndjson: WriteFile) -> None:
    odd = bundle("batch", {"response": {"status": "200"}}, {"request": {"method": "DELETE", "url": "Condition/c1"}}, 5, {"resource": 5})
    report = read_directory(ndjson("t.ndjson", patient(), odd, {"resourceType": "Bundle", "entry": {}}, {"resourceType": "Bundle"})).report
    assert report.balances()
    assert (report.total(Outcome.IGNORED), report.total(Outcome.OPENED), report.total(Outcome.QUARANTINED)) == (1, 2, 4)
    assert report.quarantine.counts["Bundle", Reason.DELETION] == 1


def test_bundles_in_bundles_have_a_bottom(ndjson: WriteFile) -> None:
    deep: dict[str, Any] = patient("deep")
    for _ in range(50):
        deep = bundle("collection", {"resource": deep})
    report = read_directory(
        ndjson("t.ndjson", deep, bundle("collection", {"resource": bundle("collection", {"resource": patient()})}))
    ).report
    assert report.balances()
    assert (report.people, report.quarantine.counts["Bundle", Reason.NESTED_TOO_DEEP]) == (1, 1)


def meta(updated: str = "", version: str = "") -> dict[str, Any]:
    return {"meta": {key: value for key, value in (("lastUpdated", updated), ("versionId", version)) if value}}


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [
        ({}, {}, "b"),
        (meta("2024-01-02T00:00:00Z"), meta("2024-01-01T00:00:00Z"), "a"),
        (meta("2024-01-01T00:00:00Z"), meta("2024-01-02T00:00:00Z"), "b"),
        (meta(version="10"), meta(version="9"), "a"),
        (meta(version="9" * 5000), meta(version="x"), "b"),
    ],
)
def test_of_two_versions_the_newer_counts_else_the_later(ndjson: WriteFile, first: Any, second: Any, kept: str) -> None:
    people = [patient(name=[{"text": "a"}]) | first, patient(name=[{"text": "b"}]) | second]
    events = [condition("c1", code={"coding": [{"code": "a"}]}) | first, condition("c1", code={"coding": [{"code": "b"}]}) | second]
    dataset = read_directory(ndjson("all.ndjson", *people, *events))
    (record,) = dataset.records
    assert record.person.name == kept
    assert [coding.code for event in record.events for coding in event.codes] == [kept]
    assert dataset.report.total(Outcome.DUPLICATE) == 2
    assert {("Patient", Reason.DUPLICATE_ID), ("Condition", Reason.DUPLICATE_ID)} <= set(dataset.report.quarantine.counts)
    assert dataset.report.balances()


def test_the_same_resource_twice_is_counted_and_nothing_more(ndjson: WriteFile) -> None:
    report = read_directory(ndjson("all.ndjson", patient(), patient(), condition("c1"), condition("c1"))).report
    assert (report.total(Outcome.DUPLICATE), report.quarantine.counts.total(), report.events) == (2, 0, 1)


def test_one_id_with_two_subjects_is_called_by_its_name(ndjson: WriteFile) -> None:
    report = read_directory(ndjson("all.ndjson", patient("p1"), patient("p2"), condition("c1"), condition("c1", "Patient/p2"))).report
    assert report.quarantine.counts["Condition", Reason.OTHER_SUBJECT] == 1


def test_the_newest_version_of_a_history_counts(ndjson: WriteFile) -> None:
    newest_first = [{"resource": condition("c1", code={"coding": [{"code": code}]})} for code in ("new", "old")]
    (record,) = read_directory(ndjson("h.ndjson", patient(), bundle("history", *newest_first))).records
    assert [event.codes[0].code for event in record.events] == ["new"]


def test_events_of_people_without_a_patient_resource_are_quarantined(ndjson: WriteFile) -> None:
    report = read_directory(ndjson("all.ndjson", patient("p1"), condition("c1", "Patient/x"), condition("c2", "Patient/x"))).report
    assert (report.orphans, report.events) == (1, 0)
    assert report.quarantine.counts == {("Patient", Reason.NO_PATIENT): 1}
    assert report.total(Outcome.QUARANTINED) == 2
    assert report.balances()


def test_the_household_is_everybody_else_at_the_address(ndjson: WriteFile) -> None:
    records = read_directory(ndjson("all.ndjson", patient("p1", address=HOME), patient("p2", address=HOME), patient("p3"))).records
    assert [[other.person.id for other in record.household] for record in records] == [["p2"], ["p1"], []]
    assert [HOUSEHOLD in record.not_loaded for record in records] == [False, False, True]


def test_a_resource_that_could_not_be_understood_stays_with_its_person(ndjson: WriteFile) -> None:
    dataset = read_directory(ndjson("all.ndjson", patient(), condition("c1", code="Z59.41")))
    assert [event.opaque for event in dataset.records[0].events] == [True]
    assert dataset.report.total(Outcome.QUARANTINED) == 1


def test_the_table_of_a_report_adds_up(ndjson: WriteFile) -> None:
    odd: tuple[Any, ...] = ({"resourceType": "Basic"}, {"a": 1}, patient("p2", active=False))
    report = read_directory(ndjson("all.ndjson", patient(), condition("c1"), condition("c1"), *odd)).report
    assert all(row.read == row.mapped + row.ignored + row.quarantined + row.duplicate + row.excluded for row in report.rows())
    lines = list(render(report))
    assert lines[0].split() == ["type", "read", "mapped", "ignored", "quarantined", "duplicate", "excluded"]
    assert lines[-1].split() == ["all", "6", "2", "2", "0", "1", "1"]
