"""Questionnaires: codes for the answers to a form, and the Observations that SDC makes of them."""

import json
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B.observation import Observation
from unit.fhir_adapters.conftest import WriteFile

from fhir_adapters.directory_source import read_directory
from fhir_adapters.extraction import Extracted, extract
from fhir_adapters.forms import read_form
from fhir_adapters.mapping import Outcome, map_resource
from fhir_adapters.quarantine import Quarantine, Reading, Reason
from rules.facts import Coding, Event
from rules.units import LOINC

URL = "http://example.org/Questionnaire/intake"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
Json = dict[str, Any]


def marked(**value: Any) -> Json:
    return {"extension": [{"url": f"{SDC}observationExtract", **value}]}


YES = marked(valueBoolean=True)
KILOGRAMS = {"url": "http://hl7.org/fhir/StructureDefinition/questionnaire-unit"} | {
    "valueCoding": {"system": "http://unitsofmeasure.org", "code": "kg", "display": "kg"}
}


def question(link: str, type: str = "choice", code: str | None = "88122-7", **elements: Any) -> Json:
    codes = {"code": [{"system": LOINC, "code": code}]} if code else {}
    return {"linkId": link, "type": type} | codes | elements


def form(*items: Json, **elements: Any) -> Json:
    return {"resourceType": "Questionnaire", "id": "f", "url": URL, "status": "active", "item": list(items)} | elements


def response(*items: Json, **elements: Any) -> Json:
    who = {"subject": {"reference": "Patient/p"}, "authored": "2024-05-01T10:00:00Z", "questionnaire": f"{URL}|1.0"}
    return {"resourceType": "QuestionnaireResponse", "id": "r", "status": "completed", "item": list(items)} | who | elements


def answered(link: str, *answers: Json, **elements: Any) -> Json:
    return {"linkId": link, "answer": list(answers)} | elements


OFTEN = {"valueCoding": {"system": LOINC, "code": "LA28397-0"}}


def observations(questionnaire: Json, filled: Json) -> Extracted:
    found = read_form(questionnaire, Reading(Quarantine(), "Questionnaire", "f"))
    assert found is not None
    made = extract(found, filled)
    for one in made.observations:
        Observation.model_validate(one)
    return made


def events(folder: WriteFile, *resources: Json) -> tuple[Event, ...]:
    return read_directory(folder("all.ndjson", {"resourceType": "Patient", "id": "p"}, *resources)).records[0].events


# ---------------------------------------------------------------- codes of the answers


def test_the_answers_have_the_codes_of_their_questions_whatever_came_first(ndjson: WriteFile) -> None:
    for order in permutations([form(question("food")), response(answered("food", OFTEN))]):
        (event,) = events(ndjson, *order)
        assert event.codes == (Coding(URL, "food"), Coding(LOINC, "88122-7"))


def test_a_response_takes_the_version_that_it_names_else_what_is_at_hand(ndjson: WriteFile) -> None:
    old, new = form(question("q", code="88122-7"), version="1.0"), form(question("q", code="88123-5"), version="2.0")
    assert events(ndjson, old, new, response(answered("q", OFTEN)))[0].codes[-1].code == "88122-7"
    assert events(ndjson, new, response(answered("q", OFTEN)))[0].codes[-1].code == "88123-5"


def test_items_inside_items_and_repeated_ones_and_odd_link_ids(ndjson: WriteFile) -> None:
    odd = question("a].answer[0]", code="93038-8")
    inside = question("group", "group", None, item=[question("q"), odd])
    filled = {"linkId": "group", "item": [answered("q", OFTEN, OFTEN), answered("q", OFTEN), answered("a].answer[0]", OFTEN)]}
    found = events(ndjson, form(inside), response(filled))
    told = {event.part: [code.code for code in event.codes if code.system == LOINC] for event in found}
    assert told == {
        "item[group]": [],
        "item[q].answer[0]": ["88122-7"],
        "item[q].answer[1]": ["88122-7"],
        "item[q][2]": ["88122-7"],
        "item[a].answer[0]]": ["93038-8"],
    }


def test_a_plain_number_has_the_unit_of_its_question(ndjson: WriteFile) -> None:
    weight = question("w", "decimal", "29463-7", extension=[KILOGRAMS])
    filled = response(answered("w", {"valueDecimal": 70.5}), answered("x", {"valueDecimal": 3}))
    assert [(event.value, event.unit) for event in events(ndjson, form(weight), filled)] == [(70.5, "kg"), (3.0, "1")]


def test_a_form_that_says_nothing_is_ignored_and_a_broken_one_reported() -> None:
    quarantine = Quarantine()
    outcomes = [
        map_resource(one, quarantine).outcome
        for one in (form(question("q", code=None)), form(question("q")), form(question("q"), url=None), form(item="q"))
    ]
    assert outcomes == [Outcome.IGNORED, Outcome.MAPPED, Outcome.IGNORED, Outcome.IGNORED]
    assert quarantine.counts == {("Questionnaire", Reason.NOT_A_LIST): 1}


# ---------------------------------------------------------------- extraction


def test_an_answer_becomes_an_observation_that_says_where_it_comes_from() -> None:
    made = observations(form(question("q", **YES)), response(answered("q", OFTEN), author={"reference": "Practitioner/d"}))
    (one,) = made.observations
    assert one == {
        "resourceType": "Observation",
        "id": one["id"],
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "effectiveDateTime": "2024-05-01T10:00:00Z",
        "performer": [{"reference": "Practitioner/d"}],
        "derivedFrom": [{"reference": "QuestionnaireResponse/r"}],
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "survey"}]}],
        "code": {"coding": [{"system": LOINC, "code": "88122-7"}]},
        "valueCodeableConcept": {"coding": [{"system": LOINC, "code": "LA28397-0"}]},
    }
    assert made == observations(form(question("q", **YES)), response(answered("q", OFTEN), author={"reference": "Practitioner/d"}))


@pytest.mark.parametrize(
    ("type", "answer", "value"),
    [
        ("boolean", {"valueBoolean": False}, {"valueBoolean": False}),
        ("integer", {"valueInteger": 3}, {"valueInteger": 3}),
        ("decimal", {"valueDecimal": 3.5}, {"valueQuantity": {"value": 3.5}}),
        ("quantity", {"valueQuantity": {"value": 5, "unit": "kg"}}, {"valueQuantity": {"value": 5, "unit": "kg"}}),
        ("open-choice", {"valueString": "a tent"}, {"valueCodeableConcept": {"text": "a tent"}}),
        ("string", {"valueString": "x"}, {"valueString": "x"}),
        ("date", {"valueDate": "2024-01-02"}, {"valueDateTime": "2024-01-02"}),
        ("dateTime", {"valueDateTime": "2024-01-02T00:00:00Z"}, {"valueDateTime": "2024-01-02T00:00:00Z"}),
        ("time", {"valueTime": "10:00:00"}, {"valueTime": "10:00:00"}),
        ("url", {"valueUri": "urn:x"}, {"valueString": "urn:x"}),
    ],
)
def test_the_value_goes_by_the_type_of_the_item(type: str, answer: Json, value: Json) -> None:
    (one,) = observations(form(question("q", type, **YES)), response(answered("q", answer))).observations
    assert {name: one[name] for name in one if name.startswith("value")} == value


def test_a_number_is_a_quantity_in_the_unit_of_its_question() -> None:
    weight = question("q", "integer", extension=[*YES["extension"], KILOGRAMS])
    (one,) = observations(form(weight), response(answered("q", {"valueInteger": 70}))).observations
    assert one["valueQuantity"] == {"value": 70, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}


@pytest.mark.parametrize(
    ("status", "count"), [("completed", 1), ("amended", 1), ("in-progress", 0), ("stopped", 0), ("entered-in-error", 0)]
)
def test_only_a_completed_response_is_extracted(status: str, count: int) -> None:
    made = observations(form(question("q", **YES)), response(answered("q", OFTEN), status=status)).observations
    assert [one["status"] for one in made] == [{"completed": "final"}.get(status, status)] * count


def test_the_mark_holds_for_everything_below_unless_it_is_taken_back() -> None:
    group = question("g", "group", None, item=[question("a"), question("b", code="88123-5", **marked(valueBoolean=False))])
    filled = response({"linkId": "g", "item": [answered("a", OFTEN), answered("b", OFTEN)]}, answered("c", OFTEN))
    made = observations(form(group, question("c", code="93038-8"), **YES), filled).observations
    assert sorted(one["code"]["coding"][0]["code"] for one in made) == ["88122-7", "93038-8"]
    assert observations(form(group), filled).observations == ()


def test_members_and_components_become_parts_of_the_observation_of_their_group() -> None:
    parts = [question("m", **marked(valueCode="member")), question("c", code="88123-5", **marked(valueCode="component"))]
    group = question("g", "group", "88121-9", item=parts, **marked(valueCode="observation"))
    made = observations(form(group), response({"linkId": "g", "item": [answered("m", OFTEN), answered("c", OFTEN)]})).observations
    panel, member = made
    assert panel["hasMember"] == [{"reference": f"Observation/{member['id']}"}]
    assert [part["code"]["coding"][0]["code"] for part in panel["component"]] == ["88123-5"]
    assert "valueCodeableConcept" in member
    assert not any(name.startswith("value") for name in panel)


def test_several_answers_are_several_observations_with_ids_of_their_own() -> None:
    made = observations(form(question("q", **YES)), response(answered("q", OFTEN, OFTEN))).observations
    assert len({one["id"] for one in made}) == 2


def test_the_categories_of_the_form_are_those_of_its_observations() -> None:
    category = {"coding": [{"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "code": "sdoh"}]}
    both = [*YES["extension"], {"url": f"{SDC}observation-extract-category", "valueCodeableConcept": category}]
    (one,) = observations(form(question("q"), extension=both), response(answered("q", OFTEN))).observations
    assert one["category"] == [category]


@pytest.mark.parametrize(
    ("item", "answer"),
    [(question("q", code=None, **YES), OFTEN), (question("q", "attachment", **YES), {"valueAttachment": {"url": "x"}})],
)
def test_what_cannot_become_an_observation_is_named(item: Json, answer: Json) -> None:
    assert observations(form(item), response(answered("q", answer))) == Extracted((), ("q",))


def test_a_device_does_not_perform() -> None:
    (one,) = observations(form(question("q", **YES)), response(answered("q", OFTEN), author={"reference": "Device/d"})).observations
    assert "performer" not in one


def test_gravity_prapare_says_the_same_as_observations(shared_data: Path) -> None:
    folder = shared_data / "gravity-examples"
    questionnaire = json.loads((folder / "Questionnaire-SDOHCC-QuestionnairePRAPARE.json").read_text(encoding="utf-8")) | YES
    filled = json.loads((folder / "QuestionnaireResponse-SDOHCC-QuestionnaireResponsePRAPAREExample.json").read_text(encoding="utf-8"))
    made = observations(questionnaire, filled)
    quarantine = Quarantine()
    direct = map_resource(filled, quarantine).events
    extracted = [event for one in made.observations for event in map_resource(one, quarantine).events]
    told = {
        (code, event.answers, event.value, event.start)
        for event in direct
        if event.answers or event.value is not None
        for code in event.codes
    }
    said = {
        (code, event.answers, event.value, event.start)
        for event in extracted
        if event.answers or event.value is not None
        for code in event.codes
    }
    assert len(said) > 15
    assert said == {one for one in told if one[0].system == LOINC}
    assert not quarantine.counts
