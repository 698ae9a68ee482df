"""Prescribed, handed over, taken: one table."""

from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne
from unit.fhir_adapters.resources import PATIENT, concept, day, some_day_from, until

from fhir_adapters.mapping import Outcome
from rules.facts import Coding, DateRange

DRUG = concept("urn:drug", "statin")
CODES = (Coding("urn:drug", "statin"),)
UPDATED = {"lastUpdated": "2024-06-01T00:00:00Z"}
INTENT = ("intent", Coding("http://hl7.org/fhir/request-intent", "order"))


def request(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "subject": PATIENT,
        "medicationCodeableConcept": DRUG,
        "authoredOn": "2024-04-01T12:00:00Z",
    } | elements


def test_a_prescription(map_one: MapOne) -> None:
    result = map_one(request(category=[concept("urn:c", "community")]))
    event = result.event
    assert (event.table, event.source, event.status, event.codes) == ("medications", "MedicationRequest/m1", "active", CODES)
    assert (event.start, event.end, event.issued) == (day("2024-04-01"), None, event.instant)
    assert event.tags == (("category", Coding("urn:c", "community")), INTENT)
    assert (result.outcome, result.defects) == (Outcome.MAPPED, [])


def test_a_prescription_without_date_was_written_before_its_last_update(map_one: MapOne) -> None:
    event = map_one(request(authoredOn=None, meta=UPDATED)).event
    assert (event.start, event.issued) == (until("2024-06-01"), None)


def bounds(end: str | None) -> dict[str, Any]:
    return {"timing": {"repeat": {"boundsPeriod": {"start": "2024-04-01", "end": end}}}}


@pytest.mark.parametrize(
    ("elements", "end"),
    [
        ({"dispenseRequest": {"validityPeriod": {"start": "2024-04-01", "end": "2024-07-01"}}}, day("2024-07-01")),
        ({"dispenseRequest": {"validityPeriod": {"end": "2024-07-01"}}, "dosageInstruction": [bounds("2024-05-01")]}, day("2024-07-01")),
        ({"dosageInstruction": [bounds("2024-06-01"), bounds("2024-05-01")]}, day("2024-06-01")),
        ({"dosageInstruction": [bounds("2024-06-01"), bounds(None)]}, None),
        ({"dosageInstruction": [bounds("2024-06-01"), "twice a day"]}, None),
        ({"dosageInstruction": [bounds("2024-06-01")], "status": "completed"}, day("2024-06-01")),
        ({"dosageInstruction": [bounds(None)], "status": "completed"}, some_day_from("2024-04-01")),
        ({"status": "stopped"}, some_day_from("2024-04-01")),
        ({"status": "on-hold"}, None),
    ],
)
def test_when_a_prescription_ends(map_one: MapOne, elements: dict[str, Any], end: DateRange | None) -> None:
    assert map_one(request(**elements)).event.end == end


def test_a_request_not_to_give_it_does_not_count_as_one_to_give_it(map_one: MapOne) -> None:
    assert map_one(request(doNotPerform=True)).event.status == "do-not-perform"
    assert map_one(request(doNotPerform=False)).event.status == "active"
    assert map_one(request(doNotPerform=True, status="entered-in-error")).event.status == "entered-in-error"
    unclear = map_one(request(doNotPerform="yes"))
    assert (unclear.event.status, unclear.defects) == (None, [("doNotPerform", "wrong type")])


def by_reference(link: object, *contained: object) -> dict[str, Any]:
    body = request(medicationReference={"reference": link}, contained=list(contained))
    del body["medicationCodeableConcept"]
    return body


def test_a_contained_medication_says_what_it_is(map_one: MapOne) -> None:
    other = {"resourceType": "Medication", "id": "b", "code": concept("urn:drug", "other")}
    meant = {"resourceType": "Medication", "id": "a", "code": DRUG}
    result = map_one(by_reference("#a", None, other, meant))
    assert (result.event.codes, result.event.opaque, result.defects) == (CODES, False, [])


@pytest.mark.parametrize(
    "resource",
    [
        by_reference("#a"),
        by_reference("#a", {"resourceType": "Substance", "id": "a", "code": DRUG}),
        by_reference("#a", {"resourceType": "Medication", "id": "a", "code": {"text": "a statin"}}),
        by_reference(None),
        by_reference(5),
    ],
)
def test_a_medication_written_down_elsewhere_might_be_any(map_one: MapOne, resource: dict[str, Any]) -> None:
    result = map_one(resource)
    assert (result.event.codes, result.event.opaque) == ((), True)
    assert (result.outcome, result.defects) == (Outcome.QUARANTINED, [("medicationReference", "medication not resolved")])


def test_no_medication_and_two_medications_might_be_any(map_one: MapOne) -> None:
    neither, both = map_one(request(medicationCodeableConcept=None)), map_one(request(medicationReference={"reference": "#a"}))
    assert (neither.event.opaque, neither.defects) == (True, [("medication[x]", "missing")])
    assert (both.event.opaque, both.defects) == (True, [("medication[x]", "more than one of a choice")])


def dispense(**elements: Any) -> dict[str, Any]:
    body = {"resourceType": "MedicationDispense", "id": "d1", "status": "completed", "subject": PATIENT}
    return body | {"medicationCodeableConcept": DRUG} | elements


@pytest.mark.parametrize(
    ("elements", "when"),
    [
        ({"whenHandedOver": "2024-04-02", "whenPrepared": "2024-04-01"}, day("2024-04-02")),
        ({"whenPrepared": "2024-04-01"}, day("2024-04-01")),
        ({"meta": UPDATED}, until("2024-06-01")),
        ({}, None),
    ],
)
def test_handing_over_takes_one_day(map_one: MapOne, elements: dict[str, Any], when: DateRange | None) -> None:
    result = map_one(dispense(**elements))
    assert (result.event.table, result.event.codes, result.event.start, result.event.end) == ("medications", CODES, when, when)
    assert result.defects == []


def test_why_it_was_not_handed_over(map_one: MapOne) -> None:
    event = map_one(dispense(status="declined", statusReasonCodeableConcept=concept("urn:r", "cost"))).event
    assert (event.status, event.tags) == ("declined", (("reason", Coding("urn:r", "cost")),))


def statement(**elements: Any) -> dict[str, Any]:
    body = {"resourceType": "MedicationStatement", "id": "s1", "status": "active", "subject": PATIENT, "dateAsserted": "2024-05-01"}
    return body | {"medicationCodeableConcept": DRUG} | elements


@pytest.mark.parametrize(
    ("elements", "start", "end"),
    [
        ({"effectivePeriod": {"start": "2024-01-01", "end": "2024-02-01"}}, day("2024-01-01"), day("2024-02-01")),
        ({"effectiveDateTime": "2024-01-01"}, day("2024-01-01"), None),
        ({"effectiveDateTime": "2024-01-01", "status": "completed"}, day("2024-01-01"), some_day_from("2024-01-01")),
        ({}, until("2024-05-01"), None),
    ],
)
def test_what_is_said_to_be_taken(map_one: MapOne, elements: dict[str, Any], start: DateRange, end: DateRange | None) -> None:
    event = map_one(statement(**elements)).event
    assert (event.table, event.start, event.end, event.issued is not None) == ("medications", start, end, True)


@pytest.mark.parametrize(
    ("supply", "last"),
    [
        ({"value": 30, "unit": "days"}, "2026-01-30"),
        ({"value": 30, "system": "http://unitsofmeasure.org", "code": "d"}, "2026-01-30"),
        ({"value": 1}, "2026-01-01"),
        ({"value": 1.5, "unit": "d"}, "2026-01-02"),
    ],
)
def test_a_supply_lasts_for_its_days(map_one: MapOne, supply: dict[str, Any], last: str) -> None:
    event = map_one(dispense(whenHandedOver="2026-01-01", daysSupply=supply)).event
    assert event.end == day(last)


@pytest.mark.parametrize("supply", [{"value": 2, "unit": "boxes"}, {"value": 0, "unit": "d"}, {"unit": "d"}, {"value": -3}, "30"])
def test_of_a_supply_that_cannot_be_read_nobody_knows_the_end(map_one: MapOne, supply: object) -> None:
    assert map_one(dispense(whenHandedOver="2026-01-01", daysSupply=supply)).event.end == some_day_from("2026-01-01")
