"""Category, class, intent, performer, reason: said, not said, surely not."""

from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne
from unit.fhir_adapters.resources import PATIENT, concept

from fhir_adapters.mapping.tags import NO_REASON
from rules.engines.matching import matches
from rules.facts import TABLES, Coding, Person, PersonRecord
from rules.ir import Series, TagTest

DECLINED = Coding("http://terminology.hl7.org/CodeSystem/data-absent-reason", "asked-declined")
ABSENT = concept(DECLINED.system, DECLINED.code)
SAID_WHY = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": DECLINED.code}]}
A = concept("urn:t", "a")
Elements = dict[str, Any]


def category(code: str) -> tuple[str, Coding]:
    return ("category", Coding("urn:c", code))


def reason(code: str) -> tuple[str, Coding]:
    return ("reason", Coding("urn:r", code))


def resource(kind: str, **elements: Any) -> Elements:
    return {"resourceType": kind, "id": "x", "status": "final", "subject": PATIENT, "code": A} | elements


OF_TYPES = {
    "Observation": resource("Observation", category=[concept("urn:c", "a")]),
    "Condition": resource("Condition", category=[concept("urn:c", "a")]),
    "Procedure": resource("Procedure", category=concept("urn:c", "a"), status="on-hold"),
    "ServiceRequest": resource("ServiceRequest", category=[concept("urn:c", "a")], status="active"),
    "Goal": resource("Goal", category=[concept("urn:c", "a")], description=A, lifecycleStatus="active"),
    "DiagnosticReport": resource("DiagnosticReport", category=[concept("urn:c", "a")]),
}


@pytest.mark.parametrize("of_type", OF_TYPES.values(), ids=OF_TYPES)
def test_categories_are_tags(map_one: MapOne, of_type: Elements) -> None:
    assert map_one(of_type).event.tags == (category("a"),)


def test_the_categories_of_allergies_are_plain_codes(map_one: MapOne) -> None:
    allergy = resource("AllergyIntolerance", patient=PATIENT, category=["food", "food", "medication"])
    system = "http://hl7.org/fhir/allergy-intolerance-category"
    assert map_one(allergy).event.tags == (("category", Coding(system, "food")), ("category", Coding(system, "medication")))
    for unreadable in ("food", ["food", "plants"], ["food", 5]):
        assert map_one(allergy | {"category": unreadable}).event.tags == ()


@pytest.mark.parametrize("categories", [[concept("urn:c", "a"), "b"], [{"coding": [{"system": "urn:c", "code": "a"}, {"code": 5}]}]])
def test_what_was_understood_only_in_part_is_not_said(map_one: MapOne, categories: object) -> None:
    result = map_one(resource("Observation", category=categories))
    assert (result.event.tags, result.event.opaque, len(result.defects)) == ((), False, 1)


def test_the_class_of_a_visit(map_one: MapOne) -> None:
    visit = resource(
        "Encounter", status="finished", **{"class": {"system": "urn:k", "code": "AMB"}}, reasonCode=[concept("urn:r", "cough")]
    )
    event = map_one(visit).event
    assert event.tags == (("class", Coding("urn:k", "AMB")), reason("cough"))
    assert Coding("urn:k", "AMB") in event.codes


@pytest.mark.parametrize(("kind", "intent"), [("ServiceRequest", "directive"), ("Task", "order"), ("Task", "proposal")])
def test_the_intent_of_a_request(map_one: MapOne, kind: str, intent: str) -> None:
    request = resource(kind, status="completed", intent=intent, **{"for": PATIENT})
    assert map_one(request).event.tags == (("intent", Coding("http://hl7.org/fhir/request-intent", intent)),)


def test_an_intent_that_does_not_exist_is_reported_and_an_unknown_one_is_not(map_one: MapOne) -> None:
    wrong = map_one(resource("ServiceRequest", status="active", intent="wish"))
    assert (wrong.event.tags, wrong.defects) == ((), [("intent", "code outside the required value set")])
    unknown = map_one(resource("Task", status="completed", intent="unknown", **{"for": PATIENT}))
    assert (unknown.event.tags, unknown.defects) == ((), [])


@pytest.mark.parametrize(
    ("elements", "tags"),
    [
        ({"status": "completed", "reasonCode": [concept("urn:r", "pain")]}, (reason("pain"),)),
        ({"status": "not-done", "statusReason": concept("urn:r", "refused")}, (reason("refused"),)),
        (
            {"status": "not-done", "statusReason": concept("urn:r", "refused"), "reasonCode": [concept("urn:r", "pain")]},
            (reason("refused"), reason("pain")),
        ),
        ({"status": "not-done", "reasonCode": [concept("urn:r", "pain")]}, ()),
        ({"status": "unknown", "reasonCode": [concept("urn:r", "pain")]}, ()),
        ({"status": "not-done", "statusReason": {"text": "did not want to"}, "reasonCode": [concept("urn:r", "pain")]}, ()),
        ({"status": "completed", "reasonCode": [concept("urn:r", "pain"), {"coding": [{"code": 5}]}]}, ()),
        ({"status": "completed"}, ()),
    ],
)
def test_why_it_was_done_or_not(map_one: MapOne, elements: Elements, tags: tuple[tuple[str, Coding], ...]) -> None:
    assert map_one(resource("Procedure", **elements)).event.tags == tags


def test_why_a_task_was_refused(map_one: MapOne) -> None:
    task = resource("Task", status="rejected", statusReason=concept("urn:r", "no capacity"), **{"for": PATIENT})
    assert map_one(task).event.tags == (reason("no capacity"),)


def test_a_request_not_to_do_something_does_not_count_as_one_to_do_it(map_one: MapOne) -> None:
    event = map_one(resource("ServiceRequest", status="active", doNotPerform=True)).event
    assert event.status == "do-not-perform"
    assert event.status in TABLES["referrals"].known - TABLES["referrals"].counted


# ---------------------------------------------------------------- who did it


def performer(*codes: str) -> tuple[tuple[str, Coding], ...]:
    return tuple(("performer", Coding("urn:p", code)) for code in codes)


SURGEON, NURSE = concept("urn:p", "surgeon"), concept("urn:p", "nurse")
HERSELF = {"reference": "http://ehr.example/fhir/Patient/p1"}
SOMEBODY = {"reference": "Practitioner/2"}
PERFORMED = {
    "Procedure": resource("Procedure", performer=[{"function": SURGEON}, {"function": NURSE, "actor": SOMEBODY}]),
    "Immunization": resource("Immunization", patient=PATIENT, vaccineCode=A, performer=[{"function": SURGEON}, {"function": NURSE}]),
    "MedicationDispense": resource(
        "MedicationDispense", medicationCodeableConcept=A, performer=[{"function": SURGEON}, {"function": NURSE}]
    ),
    "Encounter": resource("Encounter", participant=[{"type": [SURGEON, NURSE], "individual": SOMEBODY}]),
    "Appointment": resource("Appointment", participant=[{"actor": HERSELF}, {"type": [SURGEON, NURSE], "actor": SOMEBODY}]),
    "ServiceRequest": resource("ServiceRequest", performerType={"coding": [*SURGEON["coding"], *NURSE["coding"]]}),
    "MedicationRequest": resource(
        "MedicationRequest", medicationCodeableConcept=A, performerType={"coding": [*SURGEON["coding"], *NURSE["coding"]]}
    ),
    "Task": resource("Task", performerType=[SURGEON, NURSE], **{"for": PATIENT}),
}


@pytest.mark.parametrize("of_type", PERFORMED.values(), ids=PERFORMED)
def test_the_kinds_of_performers_are_tags(map_one: MapOne, of_type: Elements) -> None:
    assert map_one(of_type).event.tags == performer("surgeon", "nurse")


@pytest.mark.parametrize(
    ("performers", "tags", "defects"),
    [
        pytest.param([], (), 0, id="nobody"),
        pytest.param([{"function": SURGEON}, {"actor": SOMEBODY}], (), 0, id="one does not say"),
        pytest.param([{"function": SURGEON}, {"function": {"text": "helper"}}], (), 0, id="one in words"),
        pytest.param([{"function": SURGEON}, {"actor": HERSELF}], performer("surgeon"), 0, id="the patient need not say"),
        pytest.param([{"function": SURGEON}, {"actor": {"reference": 5}}], (), 0, id="an actor that is no reference"),
        pytest.param([{"function": NURSE, "actor": HERSELF}], performer("nurse"), 0, id="the patient may say"),
        pytest.param([{"function": SURGEON}, "?"], (), 1, id="one that cannot be understood"),
        pytest.param({"function": SURGEON}, (), 1, id="no list"),
    ],
)
def test_a_performer_who_does_not_say_may_be_anybody(map_one: MapOne, performers: object, tags: object, defects: int) -> None:
    result = map_one(resource("Procedure", status="completed", performer=performers))
    assert (result.event.tags, len(result.defects)) == (tags, defects)


# ---------------------------------------------------------------- no value, and why


@pytest.mark.parametrize(
    ("elements", "tags"),
    [
        ({"dataAbsentReason": ABSENT}, (("reason", DECLINED),)),
        ({"valueCodeableConcept": ABSENT}, (("reason", DECLINED),)),
        ({"valueCodeableConcept": A}, NO_REASON),
        ({"valueQuantity": {"value": 5}}, NO_REASON),
        ({"_valueBoolean": SAID_WHY}, (("reason", DECLINED),)),
        ({"_valueString": SAID_WHY}, (("reason", DECLINED),)),
        ({"valueCodeableConcept": SAID_WHY}, (("reason", DECLINED),)),
        ({"valueQuantity": SAID_WHY}, (("reason", DECLINED),)),
        ({"_valueBoolean": {"extension": [{"url": "urn:x", "valueCode": "asked-declined"}, 5]}}, ()),
        ({"valueString": "rather not say"}, ()),
        ({}, ()),
    ],
)
def test_why_there_is_no_value(map_one: MapOne, elements: Elements, tags: tuple[tuple[str, Coding], ...]) -> None:
    assert map_one(resource("Observation", **elements)).event.tags == tags
    _, part = map_one(resource("Observation", component=[{"code": A} | elements])).events
    assert part.tags == tags


def test_components_share_the_category_and_have_their_own_reason(map_one: MapOne) -> None:
    parts = [{"code": A, "dataAbsentReason": ABSENT}, {"code": A, "valueBoolean": True}, "?"]
    observation = resource("Observation", category=[concept("urn:c", "survey")], valueInteger=1, component=parts)
    whole, declined, answered, unreadable = map_one(observation).events
    assert whole.tags == answered.tags == (category("survey"), *NO_REASON)
    assert declined.tags == (category("survey"), ("reason", DECLINED))
    assert (unreadable.tags, unreadable.opaque) == ((category("survey"),), True)


def answer(**value: Any) -> Elements:
    item = {"linkId": "/88122-7", "answer": [value]}
    return {"resourceType": "QuestionnaireResponse", "id": "x", "status": "completed", "subject": PATIENT, "item": [item]}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (resource("Observation", dataAbsentReason=ABSENT), True),
        (resource("Observation", valueCodeableConcept=A), False),
        (resource("Observation"), None),
        (resource("Observation", dataAbsentReason={"text": "declined"}), None),
        (answer(valueCoding={"system": DECLINED.system, "code": DECLINED.code}), True),
        (answer(valueCoding={"system": "urn:t", "code": "a"}), False),
        (answer(valueString="no"), None),
        (answer(_valueBoolean=SAID_WHY), True),
    ],
)
def test_a_rule_can_ask_who_declined(map_one: MapOne, said: Elements, expected: bool | None) -> None:
    event = map_one(said | {"effectiveDateTime": "2024-04-01", "authored": "2024-04-01"}).event
    declined = Series(
        ("observations",),
        statuses=(("observations", TABLES["observations"].counted),),
        tags=(TagTest("reason", frozenset({DECLINED})),),
    )
    assert matches(declined, event, PersonRecord(Person("p1"), (event,)), date(2024, 6, 1)) is expected
