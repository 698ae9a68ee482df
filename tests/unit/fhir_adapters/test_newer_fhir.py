"""R5 is read by the presence of its elements: the same record says the same."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.newer_fhir import as_r5
from unit.fhir_adapters.conftest import MapOne

from fhir_adapters.mapping import MAPPED_TYPES, Mapped, Outcome, map_resource
from fhir_adapters.mapping.coverages import COVERAGE_KIND
from fhir_adapters.quarantine import Quarantine
from rules.facts import Coding

SUBJECT = {"reference": "Patient/p1"}


def examples(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("r4-core-examples.ndjson.gz", "us-core-examples.ndjson.gz"):
        with gzip.open(folder / name, "rt", encoding="utf-8", newline="\n") as lines:
            yield from (json.loads(line) for line in lines)
    for path in sorted((folder / "gravity-examples").glob("*.json")):
        yield json.loads(path.read_text(encoding="utf-8"))
    for path in sorted((folder / "synthea" / "sdoh").glob("*.ndjson.gz")):
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as lines:
            yield from (json.loads(line) for line in lines)


def said(resource: dict[str, Any]) -> Mapped:
    return map_resource(resource, Quarantine())


def test_every_example_says_the_same_in_r5(shared_data: Path) -> None:
    different = []
    compared = changed = 0
    for resource in examples(shared_data):
        if resource.get("resourceType") not in MAPPED_TYPES or "id" not in resource:
            continue
        newer = as_r5(resource)
        compared += 1
        changed += newer != resource
        old, new = said(resource), said(newer)
        if (old.outcome, old.patient, old.awaits, old.events) != (new.outcome, new.patient, new.awaits, new.events):
            different.append(old.source)
    assert different == []
    assert (compared > 9_000, changed > 3_000) == (True, True)


@pytest.mark.parametrize(
    ("status", "meant"), [("completed", "finished"), ("discharged", "finished"), ("on-hold", "onleave"), ("discontinued", None)]
)
def test_statuses_of_encounters(map_one: MapOne, status: str, meant: str | None) -> None:
    result = map_one({"resourceType": "Encounter", "id": "e", "status": status, "subject": SUBJECT})
    assert (result.event.status, result.defects) == (meant, [])


def test_whether_a_medication_is_taken(map_one: MapOne) -> None:
    statement = {"resourceType": "MedicationStatement", "id": "s", "status": "recorded", "subject": SUBJECT}
    drug = {"medication": {"concept": {"coding": [{"system": "urn:x", "code": "1"}]}}}
    assert map_one(statement | drug).event.status is None
    assert map_one(statement | drug | {"adherence": {"code": {"coding": [{"code": "taking-not-as-directed"}]}}}).event.status is None
    assert map_one(statement | drug | {"adherence": {"code": {"coding": [{"code": "not-taking"}]}}}).event.status == "not-taken"


def test_the_kind_of_a_coverage_is_its_category(map_one: MapOne) -> None:
    event = map_one({"resourceType": "Coverage", "id": "c", "status": "active", "kind": "self-pay", "beneficiary": SUBJECT}).event
    assert event.tags == (("category", Coding(COVERAGE_KIND, "self-pay")),)


def test_the_subject_of_an_appointment_is_its_patient(map_one: MapOne) -> None:
    assert map_one({"resourceType": "Appointment", "id": "a", "status": "booked", "subject": SUBJECT}).patient == "p1"


def test_a_condition_may_be_said_to_be_of_unknown_status(map_one: MapOne) -> None:
    status = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-clinical", "code": "unknown"}]}
    result = map_one({"resourceType": "Condition", "id": "c", "clinicalStatus": status, "subject": SUBJECT})
    assert (result.event.status, result.defects) == (None, [])


@pytest.mark.parametrize("reason", [5, [5], {"value": []}])
def test_a_reason_that_cannot_be_read_is_reported(map_one: MapOne, reason: Any) -> None:
    result = map_one({"resourceType": "Encounter", "id": "e", "status": "completed", "subject": SUBJECT, "reason": reason})
    assert (result.outcome, result.defects) == (Outcome.MAPPED, [("reason", "not a list")])
