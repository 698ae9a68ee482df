from datetime import date
from typing import Any

import pytest
from unit.fhir_adapters.conftest import MapOne

from fhir_adapters.mapping import Outcome
from rules.facts import Coding, DateRange
from rules.units import LOINC

FORM = "http://example.org/Questionnaire/intake"


def response(*items: Any, **elements: Any) -> dict[str, Any]:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": "q1",
        "questionnaire": f"{FORM}|2.3.0",
        "status": "completed",
        "subject": {"reference": "Patient/p1"},
        "authored": "2020-09-10T21:56:54.671Z",
        "item": list(items),
    } | elements


def often(link: str = "/88122-7") -> dict[str, Any]:
    return {"linkId": link, "answer": [{"valueCoding": {"system": LOINC, "code": "LA28397-0"}}]}


def test_an_answered_item_is_an_observation(map_one: MapOne) -> None:
    event = map_one(response(often())).event
    assert (event.table, event.source, event.part) == ("observations", "QuestionnaireResponse/q1", "item[/88122-7]")
    assert event.codes == (Coding(LOINC, "88122-7"),)
    assert event.answers == (Coding(LOINC, "LA28397-0"),)
    assert (event.status, event.start) == ("completed", DateRange(date(2020, 9, 10), date(2020, 9, 10)))


def test_nested_items_and_items_of_answers_are_found_in_order(map_one: MapOne) -> None:
    inner = {"linkId": "/93043-8/93034-7", "answer": [{"valueBoolean": False, "item": [often("/88123-5")]}]}
    events = map_one(response({"linkId": "/93025-5", "item": [{"linkId": "/93043-8", "item": [inner]}, often()]})).events
    assert [event.codes[0].code for event in events] == ["93025-5", "93043-8", "93034-7", "88123-5", "88122-7"]
    assert [bool(event.answers) for event in events] == [False, False, True, True, True]


def test_several_answers_are_several_events(map_one: MapOne) -> None:
    needs = {"linkId": "/93031-3", "answer": [{"valueCoding": {"system": LOINC, "code": code}} for code in ("LA30125-1", "LA30124-4")]}
    events = map_one(response(needs)).events
    assert [event.part for event in events] == ["item[/93031-3].answer[0]", "item[/93031-3].answer[1]"]
    assert [event.answers[0].code for event in events] == ["LA30125-1", "LA30124-4"]


def test_a_link_id_that_comes_again_has_a_part_of_its_own(map_one: MapOne) -> None:
    events = map_one(response(often("a"), often("a"))).events
    assert [event.part for event in events] == ["item[a]", "item[a][2]"]


def test_a_local_question_is_coded_by_its_form(map_one: MapOne) -> None:
    assert map_one(response(often("food.1"))).event.codes == (Coding(FORM, "food.1"),)
    assert map_one(response(often("food.1"), questionnaire=None)).event.codes == ()


def test_a_definition_may_name_the_loinc_code(map_one: MapOne) -> None:
    assert map_one(response(often("q1") | {"definition": "http://loinc.org/q/88122-7"})).event.codes == (Coding(LOINC, "88122-7"),)


def test_numbers_and_words(map_one: MapOne) -> None:
    items = [
        {"linkId": f"q{i}", "answer": [answer]} for i, answer in enumerate([{"valueDecimal": 3}, {"valueInteger": 4}, {"valueString": "x"}])
    ]
    assert [(e.value, e.unit) for e in map_one(response(*items)).events] == [(3.0, "1"), (4.0, "1"), (None, None)]


def test_an_unanswered_question_says_nothing(map_one: MapOne) -> None:
    result = map_one(response({"linkId": "/88122-7"}))
    assert (result.events, result.outcome, result.defects) == ((), Outcome.MAPPED, [])


@pytest.mark.parametrize("status", ["in-progress", "amended", "entered-in-error", "stopped"])
def test_the_status_is_taken_as_it_is(map_one: MapOne, status: str) -> None:
    assert map_one(response(often(), status=status)).event.status == status


def test_without_authored_it_was_before_the_last_update(map_one: MapOne) -> None:
    event = map_one(response(often(), authored=None, meta={"lastUpdated": "2021-01-02T00:00:00Z"})).event
    assert (event.start, event.instant) == (DateRange(date.min, date(2021, 1, 2)), None)


def test_items_that_cannot_be_read_might_be_any_question(map_one: MapOne) -> None:
    whole = map_one(response(item="88122-7"))
    assert (whole.event.opaque, whole.event.part, whole.outcome) == (True, "", Outcome.QUARANTINED)
    one = map_one(response(often(), 5, 6))
    assert [event.opaque for event in one.events] == [False, True, True]
    assert len({event.part for event in one.events}) == 3
    assert one.outcome is Outcome.MAPPED


def test_an_answer_that_cannot_be_read_is_unknown(map_one: MapOne) -> None:
    result = map_one(response({"linkId": "/88122-7", "answer": [5]}))
    assert (result.event.answers, result.defects) == ((), [("item[/88122-7]", "not an object")])
