"""Immunizations, allergies, coverages, appointments, communications, consents, care plans, reports."""

from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne
from unit.fhir_adapters.resources import PATIENT, concept, day, some_day_from, until

from fhir_adapters.mapping import Outcome, subject_of
from rules.facts import Coding, DateRange

A = concept("urn:t", "a")
CODED = (Coding("urn:t", "a"),)
UPDATED = {"lastUpdated": "2024-06-01T00:00:00Z"}
Elements = dict[str, Any]
Times = tuple[DateRange | None, DateRange | None]


def immunization(**elements: Any) -> Elements:
    return {"resourceType": "Immunization", "id": "x", "status": "completed", "patient": PATIENT, "vaccineCode": A} | elements


@pytest.mark.parametrize(
    ("elements", "when"),
    [
        ({"occurrenceDateTime": "2024-04-01"}, day("2024-04-01")),
        ({"occurrenceString": "in spring", "recorded": "2024-05-01"}, until("2024-05-01")),
        ({"meta": UPDATED}, until("2024-06-01")),
        ({}, None),
    ],
)
def test_an_immunization_takes_one_day(map_one: MapOne, elements: Elements, when: DateRange | None) -> None:
    result = map_one(immunization(**elements))
    event = result.event
    assert (event.table, event.status, event.codes) == ("immunizations", "completed", CODED)
    assert (event.start, event.end, result.defects) == (when, when, [])


def test_an_immunization_that_was_not_given_says_why(map_one: MapOne) -> None:
    event = map_one(immunization(status="not-done", statusReason=concept("urn:r", "PATOBJ"), reasonCode=[concept("urn:r", "risk")])).event
    assert event.status == "not-done"
    assert ("reason", Coding("urn:r", "PATOBJ")) in event.tags


@pytest.mark.parametrize(
    ("resource", "element"),
    [
        (immunization(vaccineCode=None), "vaccineCode"),
        ({"resourceType": "AllergyIntolerance", "id": "x", "patient": PATIENT}, "code"),
        ({"resourceType": "DiagnosticReport", "id": "x", "subject": PATIENT, "status": "final"}, "code"),
    ],
)
def test_without_its_required_code_it_might_be_any(map_one: MapOne, resource: Elements, element: str) -> None:
    result = map_one(resource)
    assert (result.event.opaque, result.outcome, result.defects) == (True, Outcome.QUARANTINED, [(element, "missing")])


THO = "http://terminology.hl7.org/CodeSystem"


def allergy(verification: str = "confirmed", **elements: Any) -> Elements:
    return {
        "resourceType": "AllergyIntolerance",
        "id": "x",
        "patient": PATIENT,
        "code": A,
        "clinicalStatus": concept(f"{THO}/allergyintolerance-clinical", "active"),
        "verificationStatus": concept(f"{THO}/allergyintolerance-verification", verification),
        "recordedDate": "2024-05-01",
    } | elements


@pytest.mark.parametrize(
    ("elements", "start"),
    [
        ({"onsetDateTime": "2020"}, DateRange(date(2020, 1, 1), date(2020, 12, 31))),
        ({"onsetPeriod": {"start": "2020-01-01", "end": "2020-03-01"}}, DateRange(date(2020, 1, 1), date(2020, 3, 1))),
        ({"onsetAge": {"value": 7}}, until("2024-05-01")),
        ({}, until("2024-05-01")),
    ],
)
def test_an_allergy_is_still_there(map_one: MapOne, elements: Elements, start: DateRange) -> None:
    result = map_one(allergy(**elements))
    event = result.event
    assert (event.table, event.status, event.codes) == ("allergies", "active", CODED)
    assert (event.start, event.end, result.defects) == (start, None, [])


def test_a_refuted_allergy_is_refuted_whatever_its_clinical_status(map_one: MapOne) -> None:
    assert map_one(allergy("refuted")).event.status == "refuted"
    unreadable = map_one(allergy("presumably"))
    assert (unreadable.event.status, unreadable.defects) == (None, [("verificationStatus", "code outside the required value set")])


def test_the_codes_of_conditions_are_not_those_of_allergies(map_one: MapOne) -> None:
    assert map_one(allergy(clinicalStatus=concept(f"{THO}/condition-clinical", "active"))).event.status is None


def coverage(**elements: Any) -> Elements:
    return {"resourceType": "Coverage", "id": "x", "status": "active", "beneficiary": PATIENT, "type": A} | elements


@pytest.mark.parametrize(
    ("period", "times"),
    [
        ({"start": "2024-01-01", "end": "2024-12-31"}, (day("2024-01-01"), day("2024-12-31"))),
        ({"start": "2024-01-01"}, (day("2024-01-01"), None)),
        ({"end": "2024-12-31"}, (until("2024-12-31"), day("2024-12-31"))),
        (None, (None, None)),
    ],
)
def test_a_coverage_lasts_for_its_period(map_one: MapOne, period: Elements | None, times: Times) -> None:
    event = map_one(coverage(period=period, meta=UPDATED)).event
    assert (event.table, event.status, event.codes, (event.start, event.end)) == ("coverages", "active", CODED, times)


def appointment(*actors: object, **elements: Any) -> Elements:
    participants = [{"actor": actor} for actor in (actors or (PATIENT, {"reference": "Practitioner/7"}))]
    return {"resourceType": "Appointment", "id": "x", "status": "noshow", "participant": participants, "serviceType": [A]} | elements


def test_an_appointment(map_one: MapOne) -> None:
    result = map_one(
        appointment(
            start="2024-04-01T09:00:00Z",
            end="2024-04-01T09:30:00Z",
            created="2024-03-01",
            appointmentType=concept("urn:t", "checkup"),
            serviceCategory=[concept("urn:c", "gp")],
            cancelationReason=concept("urn:r", "transport"),
        )
    )
    event = result.event
    assert (result.patient, event.table, event.status) == ("p1", "appointments", "noshow")
    assert event.codes == (*CODED, Coding("urn:t", "checkup"))
    assert event.tags == (("category", Coding("urn:c", "gp")), ("reason", Coding("urn:r", "transport")))
    assert (event.start, event.end, result.defects) == (day("2024-04-01"), day("2024-04-01"), [])


def test_an_appointment_that_ends_before_it_starts_has_no_end(map_one: MapOne) -> None:
    result = map_one(appointment(start="2024-04-02T09:00:00Z", end="2024-04-01T09:00:00Z"))
    assert (result.event.start, result.event.end) == (day("2024-04-02"), None)
    assert result.defects == [("end", "ends before it starts")]


@pytest.mark.parametrize(
    "resource",
    [
        appointment({"reference": "Practitioner/7"}),
        appointment(PATIENT, {"reference": "Patient/p2"}),
        appointment(participant=None),
        appointment(participant={"actor": PATIENT}),
        appointment(participant=["p1"]),
    ],
)
def test_an_appointment_is_of_exactly_one_patient(map_one: MapOne, resource: Elements) -> None:
    result = map_one(resource)
    assert (result.outcome, result.events, result.defects) == (Outcome.QUARANTINED, (), [("participant", "no usable subject")])


def test_who_it_is_about_stands_in_different_places() -> None:
    resources = (immunization(), allergy(), coverage(), appointment(PATIENT, PATIENT), report())
    assert [subject_of(resource) for resource in resources] == ["p1"] * 5


def communication(**elements: Any) -> Elements:
    return {"resourceType": "Communication", "id": "x", "status": "completed", "subject": PATIENT, "topic": A} | elements


@pytest.mark.parametrize(
    ("elements", "when"),
    [
        ({"sent": "2024-04-01T10:00:00Z", "received": "2024-04-02"}, day("2024-04-01")),
        ({"received": "2024-04-02"}, until("2024-04-02")),
        ({"meta": UPDATED}, until("2024-06-01")),
        ({}, None),
    ],
)
def test_a_communication_takes_one_day(map_one: MapOne, elements: Elements, when: DateRange | None) -> None:
    event = map_one(communication(category=[concept("urn:c", "reminder")], **elements)).event
    assert (event.table, event.codes, event.start, event.end) == ("communications", CODED, when, when)
    assert event.tags == (("category", Coding("urn:c", "reminder")),)


PERMIT, DENY = (Coding("http://hl7.org/fhir/consent-provision-type", code) for code in ("permit", "deny"))


def consent(**elements: Any) -> Elements:
    return {
        "resourceType": "Consent",
        "id": "x",
        "status": "active",
        "patient": PATIENT,
        "scope": concept("urn:s", "privacy"),
        "category": [A],
        "dateTime": "2024-04-01",
    } | elements


def test_a_consent_is_coded_by_scope_and_category(map_one: MapOne) -> None:
    event = map_one(consent()).event
    assert (event.table, event.status, event.codes) == ("consents", "active", (Coding("urn:s", "privacy"), *CODED))
    assert event.tags == (("category", CODED[0]),)


@pytest.mark.parametrize(
    ("elements", "answers", "defects"),
    [
        ({"provision": {"type": "permit"}}, (PERMIT,), 0),
        ({"provision": {"type": "deny"}, "policyRule": A}, (DENY, *CODED), 0),
        ({"policyRule": A}, CODED, 0),
        ({"provision": {"type": "permit", "provision": [{"type": "deny"}]}, "policyRule": A}, (), 0),
        ({"provision": {"type": "perhaps"}}, (), 1),
        ({"provision": "permit", "policyRule": A}, (), 1),
        ({}, (), 0),
    ],
)
def test_what_a_consent_says(map_one: MapOne, elements: Elements, answers: tuple[Coding, ...], defects: int) -> None:
    result = map_one(consent(**elements))
    assert (result.event.answers, len(result.defects)) == (answers, defects)


@pytest.mark.parametrize(
    ("elements", "times"),
    [
        ({}, (day("2024-04-01"), None)),
        ({"provision": {"period": {"start": "2024-05-01", "end": "2025-05-01"}}}, (day("2024-05-01"), day("2025-05-01"))),
        ({"provision": {"period": {"end": "2025-05-01"}}}, (day("2024-04-01"), day("2025-05-01"))),
        ({"dateTime": None, "meta": UPDATED}, (until("2024-06-01"), None)),
    ],
)
def test_when_a_consent_holds(map_one: MapOne, elements: Elements, times: Times) -> None:
    event = map_one(consent(**elements)).event
    assert (event.start, event.end) == times


def careplan(**elements: Any) -> Elements:
    return {"resourceType": "CarePlan", "id": "x", "status": "active", "intent": "plan", "subject": PATIENT, "category": [A]} | elements


@pytest.mark.parametrize(
    ("elements", "times"),
    [
        ({"period": {"start": "2024-01-01", "end": "2024-02-01"}}, (day("2024-01-01"), day("2024-02-01"))),
        ({"period": {"start": "2024-01-01"}}, (day("2024-01-01"), None)),
        ({"period": {"start": "2024-01-01"}, "status": "completed"}, (day("2024-01-01"), some_day_from("2024-01-01"))),
        ({"meta": UPDATED}, (until("2024-06-01"), None)),
    ],
)
def test_a_care_plan_lasts_for_its_period(map_one: MapOne, elements: Elements, times: Times) -> None:
    event = map_one(careplan(**elements)).event
    assert (event.table, event.codes, (event.start, event.end)) == ("careplans", CODED, times)
    assert event.tags == (("category", CODED[0]), ("intent", Coding("http://hl7.org/fhir/request-intent", "plan")))


def programme(**elements: Any) -> Elements:
    return {"resourceType": "EpisodeOfCare", "id": "x", "status": "active", "patient": PATIENT, "type": [A]} | elements


@pytest.mark.parametrize(
    ("elements", "times"),
    [
        ({"period": {"start": "2024-01-01", "end": "2024-02-01"}}, (day("2024-01-01"), day("2024-02-01"))),
        ({"period": {"start": "2024-01-01"}}, (day("2024-01-01"), None)),
        ({"period": {"start": "2024-01-01"}, "status": "finished"}, (day("2024-01-01"), some_day_from("2024-01-01"))),
        ({"meta": UPDATED}, (until("2024-06-01"), None)),
    ],
)
def test_a_programme_lasts_for_its_period(map_one: MapOne, elements: Elements, times: Times) -> None:
    event = map_one(programme(**elements)).event
    assert (event.table, event.codes, event.status, (event.start, event.end)) == (
        "programmes",
        CODED,
        elements.get("status", "active"),
        times,
    )


def test_a_programme_without_a_type_might_be_any(map_one: MapOne) -> None:
    assert map_one(programme(type=None)).event.opaque


def report(**elements: Any) -> Elements:
    return {"resourceType": "DiagnosticReport", "id": "x", "status": "final", "subject": PATIENT, "code": A} | elements


def test_a_report_is_answered_by_its_conclusions(map_one: MapOne) -> None:
    event = map_one(
        report(effectiveDateTime="2024-04-01", issued="2024-04-02T08:00:00Z", conclusionCode=[concept("urn:f", "normal")], category=[A])
    ).event
    assert (event.table, event.status, event.codes, event.start) == ("reports", "final", CODED, day("2024-04-01"))
    assert (event.answers, event.tags) == ((Coding("urn:f", "normal"),), (("category", CODED[0]),))


def test_a_report_without_a_time_is_from_before_it_was_issued(map_one: MapOne) -> None:
    assert map_one(report(issued="2024-04-02T08:00:00Z")).event.start == until("2024-04-02")
