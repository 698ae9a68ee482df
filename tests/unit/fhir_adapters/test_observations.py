from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne

from fhir_adapters.mapping import Outcome
from rules.facts import Coding, DateRange
from rules.units import LOINC

A1C = {"coding": [{"system": LOINC, "code": "4548-4"}]}
NEVER_KNOWN = date(1, 1, 1)


def observation(**elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": A1C,
        "subject": {"reference": "Patient/p1"},
        "effectiveDateTime": "2024-05-01",
    } | elements


def day(year: int, month: int, of_month: int) -> DateRange:
    return DateRange(date(year, month, of_month), date(year, month, of_month))


def test_a_laboratory_result(map_one: MapOne) -> None:
    value = {"value": 9.1, "unit": "percent", "system": "http://unitsofmeasure.org", "code": "%"}
    result = map_one(observation(valueQuantity=value, issued="2024-05-02T08:00:00Z", meta={"lastUpdated": "2024-05-03T08:00:00Z"}))
    event = result.event
    assert (event.table, event.source, event.part, event.status) == ("observations", "Observation/o1", "", "final")
    assert event.codes == (Coding(LOINC, "4548-4"),)
    assert (event.value, event.unit) == (9.1, "%")
    assert event.start == day(2024, 5, 1)
    assert event.instant is not None
    assert event.issued is not None
    assert event.updated is not None
    assert event.instant < event.issued < event.updated
    assert (result.patient, result.outcome, result.defects) == ("p1", Outcome.MAPPED, [])


@pytest.mark.parametrize(
    ("quantity", "value", "unit"),
    [
        ({"value": 48, "unit": "mmol/mol"}, 48.0, "mmol/mol"),
        ({"value": 9, "unit": "mg/dl"}, 9.0, "mg/dL"),
        ({"value": 9, "system": "urn:local", "code": "u1", "unit": "kg"}, 9.0, "kg"),
        ({"value": 9, "system": "http://unitsofmeasure.org", "code": "kg", "unit": "kilograms"}, 9.0, "kg"),
        ({"value": 5, "comparator": "<", "unit": "%"}, None, "%"),
        ({"unit": "%"}, None, "%"),
        ({"value": 3}, 3.0, None),
    ],
)
def test_quantities(map_one: MapOne, quantity: dict[str, Any], value: float | None, unit: str | None) -> None:
    result = map_one(observation(valueQuantity=quantity))
    assert (result.event.value, result.event.unit) == (value, unit)
    assert result.defects == []


@pytest.mark.parametrize(
    ("elements", "defect"),
    [
        ({"valueQuantity": {"value": "9.1"}}, ("valueQuantity.value", "wrong type")),
        ({"valueQuantity": {"value": True}}, ("valueQuantity.value", "wrong type")),
        ({"valueQuantity": {"value": float("nan")}}, ("valueQuantity.value", "not a finite number")),
        ({"valueQuantity": {"value": 10**400}}, ("valueQuantity.value", "not a finite number")),
        ({"valueQuantity": 9.1}, ("valueQuantity", "not an object")),
        ({"valueQuantity": {"value": 9.1, "unit": 5}}, ("valueQuantity.unit", "wrong type")),
        ({"valueBoolean": "true"}, ("valueBoolean", "wrong type")),
        ({"valueInteger": "7"}, ("valueInteger", "wrong type")),
        ({"valueInteger": 7, "valueString": "7"}, ("value[x]", "more than one of a choice")),
        ({"valueInteger": 7, "dataAbsentReason": {"text": "error"}}, ("value[x]", "contradiction")),
    ],
)
def test_an_invalid_value_is_unknown_and_reported_and_the_observation_stays(
    map_one: MapOne, elements: dict[str, Any], defect: tuple[str, str]
) -> None:
    result = map_one(observation(**elements))
    assert result.defects == [defect]
    assert (result.event.value, result.event.answers) == (None, ())
    assert result.event.codes == (Coding(LOINC, "4548-4"),)
    assert result.outcome is Outcome.MAPPED


def test_whole_numbers_booleans_and_words(map_one: MapOne) -> None:
    assert map_one(observation(valueInteger=7)).event.value == 7.0
    assert map_one(observation(valueInteger=7)).event.unit == "1"
    assert map_one(observation(valueBoolean=True)).event.answers == (Coding(LOINC, "LA33-6"),)
    assert map_one(observation(valueBoolean=False)).event.answers == (Coding(LOINC, "LA32-8"),)
    text = map_one(observation(valueString="about nine"))
    assert (text.event.value, text.event.answers, text.defects) == (None, (), [])


def test_all_codings_of_an_answer_are_kept(map_one: MapOne) -> None:
    answer = {"coding": [{"system": LOINC, "code": "LA28397-0"}, {"system": "urn:local", "code": "often"}]}
    assert map_one(observation(valueCodeableConcept=answer)).event.answers == (Coding(LOINC, "LA28397-0"), Coding("urn:local", "often"))


def test_a_declined_answer_is_an_answer(map_one: MapOne) -> None:
    declined = map_one(observation(valueCodeableConcept={"coding": [{"system": LOINC, "code": "LA30122-8"}]}))
    assert declined.event.answers == (Coding(LOINC, "LA30122-8"),)


def test_a_reason_for_absence_is_no_value(map_one: MapOne) -> None:
    absent = map_one(observation(dataAbsentReason={"coding": [{"code": "asked-declined"}]}))
    assert (absent.event.answers, absent.event.value, absent.defects) == ((), None, [])


def test_components_are_events_of_their_own_beside_the_panel(map_one: MapOne) -> None:
    panel = observation(
        code={"coding": [{"system": LOINC, "code": "85354-9"}]},
        component=[
            {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}, "valueQuantity": {"value": 142, "unit": "mmHg"}},
            {"code": {"coding": [{"system": LOINC, "code": "8462-4"}]}, "dataAbsentReason": {"text": "x"}},
        ],
    )
    whole, systolic, diastolic = map_one(panel).events
    assert [e.part for e in (whole, systolic, diastolic)] == ["", "component[0]", "component[1]"]
    assert (whole.codes, whole.value) == ((Coding(LOINC, "85354-9"),), None)
    assert (systolic.value, systolic.unit, systolic.start, systolic.status) == (142.0, "mm[Hg]", whole.start, "final")
    assert (diastolic.codes, diastolic.value) == ((Coding(LOINC, "8462-4"),), None)


def test_a_component_that_cannot_be_read_might_be_anything(map_one: MapOne) -> None:
    result = map_one(observation(component=["x", {"valueInteger": 1}, {"code": {"coding": [{"system": LOINC, "code": "8480-6"}]}}]))
    assert [e.opaque for e in result.events] == [False, True, True, False]
    assert result.defects == [("component[0]", "not an object"), ("component[1].code", "missing")]
    assert result.outcome is Outcome.MAPPED


@pytest.mark.parametrize("elements", [{"code": "4548-4"}, {"code": None}, {"code": 5}, {"component": {"code": A1C}}])
def test_an_observation_of_who_knows_what_is_opaque_and_quarantined(map_one: MapOne, elements: dict[str, Any]) -> None:
    result = map_one(observation(**elements))
    assert result.event.opaque
    assert (result.patient, result.outcome, len(result.defects)) == ("p1", Outcome.QUARANTINED, 1)


@pytest.mark.parametrize("effective", [{}, {"effectiveDateTime": "2024-02-30"}, {"effectiveDateTime": "0000"}, {"effectiveDateTime": 5}])
def test_without_a_usable_time_it_was_some_time_before_it_was_issued(map_one: MapOne, effective: dict[str, Any]) -> None:
    resource = observation(issued="2024-05-02T08:00:00Z")
    del resource["effectiveDateTime"]
    result = map_one(resource | effective)
    assert result.event.start == DateRange(NEVER_KNOWN, date(2024, 5, 2))
    assert result.event.instant is None
    assert len(result.defects) == len(effective)


def test_without_any_date_the_start_is_unknown(map_one: MapOne) -> None:
    resource = observation()
    del resource["effectiveDateTime"]
    assert map_one(resource).event.start is None


def test_two_times_are_no_time(map_one: MapOne) -> None:
    result = map_one(observation(effectivePeriod={"start": "2024"}))
    assert (result.event.start, result.defects) == (None, [("effective[x]", "more than one of a choice")])


def test_a_period_has_an_end(map_one: MapOne) -> None:
    resource = observation(effectivePeriod={"start": "2024-05-01", "end": "2024-05-03"})
    del resource["effectiveDateTime"]
    event = map_one(resource).event
    assert (event.start, event.end) == (day(2024, 5, 1), day(2024, 5, 3))


def test_a_mistaken_entry_is_still_an_event_and_says_so(map_one: MapOne) -> None:
    assert map_one(observation(status="entered-in-error")).event.status == "entered-in-error"


@pytest.mark.parametrize("status", ["bogus", "Final", None])
def test_a_status_that_does_not_exist_is_unknown(map_one: MapOne, status: object) -> None:
    result = map_one(observation(status=status))
    assert (result.event.status, [path for path, _ in result.defects]) == (None, ["status"])


@pytest.mark.parametrize("subject", [None, {"reference": "Group/1"}, {"reference": "#p"}, {"identifier": {"value": "1"}}, "Patient/1"])
def test_without_a_usable_subject_nothing_is_said_about_anybody(map_one: MapOne, subject: object) -> None:
    result = map_one(observation(subject=subject))
    assert (result.outcome, result.patient, result.events) == (Outcome.QUARANTINED, "", ())
    assert result.defects == [("subject", "no usable subject")]


def test_without_an_id_the_content_names_it(map_one: MapOne) -> None:
    first, again = map_one(observation(id=None)), map_one(observation(id=None))
    other = map_one(observation(id=None, valueInteger=1))
    assert first.event.source == again.event.source != other.event.source
    assert first.defects == [("id", "missing")]


def test_a_defect_never_shows_a_value(map_one: MapOne) -> None:
    secret = "ZZ" + "CANARY"
    result = map_one(observation(id=f"{secret} & sons", status=secret, effectiveDateTime=secret, valueQuantity={"value": secret}))
    assert len(result.defects) == 4
    assert secret not in repr(result.defects)
