from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne

from fhir_adapters.mapping import Outcome
from rules.facts import Coding, DateRange

GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
PATIENT = {"reference": "Patient/p1"}


def concept(system: str, *codes: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for code in codes]}


def day(year: int, month: int, of_month: int) -> DateRange:
    return DateRange(date(year, month, of_month), date(year, month, of_month))


def encounter(**elements: Any) -> dict[str, Any]:
    return {"resourceType": "Encounter", "id": "e1", "status": "finished", "subject": PATIENT} | elements


def test_an_encounter_is_coded_by_types_and_class(map_one: MapOne) -> None:
    act = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
    visit = encounter(
        **{"class": {"system": act, "code": "AMB"}},
        type=[concept("urn:t", "a"), concept("urn:t", "b")],
        period={"start": "2024-01-01T23:00:00-05:00", "end": "2024-01-02T01:00:00-05:00"},
    )
    event = map_one(visit).event
    assert (event.table, event.status) == ("encounters", "finished")
    assert event.codes == (Coding("urn:t", "a"), Coding("urn:t", "b"), Coding(act, "AMB"))
    assert (event.start, event.end) == (day(2024, 1, 1), day(2024, 1, 2))


def test_an_encounter_without_a_period_may_lie_ahead(map_one: MapOne) -> None:
    event = map_one(encounter(status="planned", meta={"lastUpdated": "2024-01-01T00:00:00Z"})).event
    assert (event.start, event.status) == (None, "planned")


def test_a_class_that_cannot_be_read_makes_it_opaque(map_one: MapOne) -> None:
    result = map_one(encounter(**{"class": "AMB"}, type=[concept("urn:t", "a")]))
    assert (result.event.opaque, result.defects) == (True, [("class", "not an object")])


@pytest.mark.parametrize(
    ("performed", "start"),
    [
        ({"performedDateTime": "2024-03-04"}, day(2024, 3, 4)),
        ({"performedPeriod": {"start": "2024-03-04", "end": "2024-03-05"}}, day(2024, 3, 4)),
        ({"performedString": "last spring"}, None),
        ({}, None),
    ],
)
def test_a_procedure(map_one: MapOne, performed: dict[str, Any], start: DateRange | None) -> None:
    resource = {"resourceType": "Procedure", "id": "x", "status": "completed", "subject": PATIENT, "code": concept("urn:t", "a")}
    result = map_one(resource | performed)
    assert (result.event.table, result.event.codes, result.event.start) == ("procedures", (Coding("urn:t", "a"),), start)
    assert result.defects == []


def referral(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "ServiceRequest",
        "id": "s1",
        "status": "active",
        "intent": "order",
        "subject": PATIENT,
        "code": concept("http://snomed.info/sct", "467771000124109"),
        "category": [concept(GRAVITY, "food-insecurity")],
        "authoredOn": "2024-04-01T12:00:00Z",
    } | elements


def test_a_referral_is_coded_by_what_is_asked_and_by_category(map_one: MapOne) -> None:
    event = map_one(referral()).event
    assert [coding.code for coding in event.codes] == ["467771000124109", "food-insecurity"]
    assert (event.table, event.status, event.start, event.issued) == ("referrals", "active", day(2024, 4, 1), event.instant)


def test_a_referral_for_who_knows_what_is_opaque_even_with_a_category(map_one: MapOne) -> None:
    result = map_one(referral(code="467771000124109"))
    assert (result.event.opaque, result.outcome) == (True, Outcome.QUARANTINED)


def test_a_request_without_date_was_made_before_its_last_update(map_one: MapOne) -> None:
    event = map_one(referral(authoredOn=None, meta={"lastUpdated": "2024-06-01T00:00:00Z"})).event
    assert (event.start, event.issued) == (DateRange(date.min, date(2024, 6, 1)), None)


def test_a_task_is_for_somebody(map_one: MapOne) -> None:
    task = {
        "resourceType": "Task",
        "id": "t1",
        "status": "requested",
        "intent": "order",
        "code": concept("urn:t", "fulfill"),
        "for": PATIENT,
    }
    event = map_one(task | {"authoredOn": "2024-04-01"}).event
    assert (event.table, event.status, event.codes) == ("tasks", "requested", (Coding("urn:t", "fulfill"),))
    nobody = map_one(task | {"for": None})
    assert (nobody.outcome, nobody.defects) == (Outcome.QUARANTINED, [("for", "no usable subject")])


def goal(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Goal",
        "id": "g1",
        "lifecycleStatus": "active",
        "subject": PATIENT,
        "description": concept("http://snomed.info/sct", "1078229009"),
        "category": [concept(GRAVITY, "food-insecurity")],
    } | elements


def test_a_goal_answers_with_its_lifecycle_status(map_one: MapOne) -> None:
    event = map_one(goal(startDate="2024-01-01", statusDate="2024-02-01")).event
    assert (event.table, event.status, event.start) == ("goals", "active", day(2024, 1, 1))
    assert event.answers == (Coding("http://hl7.org/fhir/goal-status", "active"),)
    assert [coding.code for coding in event.codes] == ["1078229009", "food-insecurity"]


def test_a_goal_starts_with_its_status_if_it_does_not_say_when(map_one: MapOne) -> None:
    assert map_one(goal(statusDate="2024-02-01")).event.start == day(2024, 2, 1)
    assert map_one(goal(meta={"lastUpdated": "2024-02-01T00:00:00Z"})).event.start is None


def test_a_goal_with_an_invalid_status_has_no_answer(map_one: MapOne) -> None:
    result = map_one(goal(lifecycleStatus="done"))
    assert (result.event.status, result.event.answers) == (None, ())
    assert result.defects == [("lifecycleStatus", "code outside the required value set")]


def test_a_goal_for_who_knows_what_is_opaque(map_one: MapOne) -> None:
    assert map_one(goal(description=None)).event.opaque
    assert not map_one(goal(description={"text": "eat well"})).event.opaque


@pytest.mark.parametrize("resource", [{"resourceType": "Medication", "id": "m"}, {"resourceType": "Observations"}])
def test_other_types_are_ignored_by_name(map_one: MapOne, resource: dict[str, Any]) -> None:
    result = map_one(resource)
    assert (result.outcome, result.events, result.defects) == (Outcome.IGNORED, (), [])


@pytest.mark.parametrize("resource", [{}, {"resourceType": None}, {"resourceType": 5}, {"resourceType": "a b"}])
def test_what_has_no_type_is_not_fhir(map_one: MapOne, resource: dict[str, Any]) -> None:
    assert map_one(resource).outcome is Outcome.IGNORED
