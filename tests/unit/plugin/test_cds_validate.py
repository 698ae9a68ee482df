"""The standard's rules about bodies, one by one."""

from copy import deepcopy
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.cds.validate import discovery_problems, feedback_problems, request_problems, response_problems, target_problems

RESOURCE: Final = {"resourceType": "ServiceRequest", "status": "draft", "intent": "order", "subject": {"reference": "Patient/p1"}}
ACTION: Final = {"type": "create", "description": "Refer", "resource": RESOURCE}
SUGGESTION: Final = {"label": "Refer", "uuid": "s1", "actions": [ACTION]}
SOURCE: Final = {"label": "Almoner", "url": "https://x.example", "topic": {"system": "urn:x", "code": "y"}}
CARD: Final = {"uuid": "c1", "summary": "Do it", "indicator": "info", "source": SOURCE}
FEEDBACK: Final = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T22:48:30.469Z"}
ACCEPTED: Final = FEEDBACK | {"outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}]}


def of_card(**members: Any) -> list[str]:
    return response_problems({"cards": [CARD | members]})


def of_suggestion(behaviour: str = "any", **members: Any) -> list[str]:
    return of_card(suggestions=[SUGGESTION | members], selectionBehavior=behaviour)


def of_action(**members: Any) -> list[str]:
    return of_suggestion(actions=[{k: v for k, v in (ACTION | members).items() if v is not ...}])


@pytest.mark.requirement("cds-hooks_2.0@75", "cds-hooks_2.0@122", "cds-hooks_2.0@132", "cds-hooks_2.0@134")
def test_what_is_right_has_no_problems() -> None:
    assert response_problems({"cards": []}) == []
    assert of_card() == of_suggestion() == of_action() == []
    assert of_action(type="delete", resource=..., resourceId="ServiceRequest/1") == []
    assert of_card(links=[{"label": "App", "type": "smart", "url": "https://x.example/launch", "appContext": "1"}]) == []
    assert of_suggestion("any", isRecommended=True, actionSelectionBehavior="any") == []
    assert response_problems({"cards": [], "systemActions": [{"type": "update", "resource": RESOURCE | {"id": "1"}}]}) == []


@pytest.mark.requirement(
    "invariant:cds-resp-1",
    "invariant:cds-resp-2",
    "invariant:cds-resp-3",
    "invariant:cds-resp-4",
    "invariant:cds-resp-5",
    "invariant:cds-resp-6",
    "invariant:cds-resp-7",
    "invariant:cds-fb-1",
    "invariant:cds-fb-2",
    "invariant:cds-fb-3",
    "invariant:cds-r-1",
    "invariant:cds-r-2",
    "cds-hooks_2.0@111",
    "cds-hooks_2.0@115",
    "cds-hooks_2.0@132",
    "cds-hooks_2.0@133",
    "cds-hooks_2.0@134",
    "cds-hooks_2.0@135",
    "inferno:blank",
)
@pytest.mark.parametrize(
    ("problems", "named"),
    [
        (response_problems([]), "not an object"),
        (response_problems({}), "cards is missing"),
        (response_problems({"cards": {}}), "not an array"),
        (response_problems({"cards": [7]}), "not an object"),
        (response_problems({"cards": [], "systemActions": []}), "empty"),
        (of_card(summary="x" * 140), "140"),
        (of_card(summary=" "), "summary"),
        (of_card(summary=None), "summary"),
        (of_card(uuid=7), "uuid"),
        (of_card(detail=""), "detail"),
        (of_card(indicator="hard-stop"), "indicator"),
        (of_card(source="x"), "source"),
        (of_card(source=SOURCE | {"label": ""}), "label"),
        (of_card(source=SOURCE | {"url": "/relative"}), "url"),
        (of_card(source=SOURCE | {"icon": "x.png"}), "icon"),
        (of_card(source={"label": "x"}), "topic"),
        (of_card(source=SOURCE | {"topic": {"code": "y"}}), "topic.system"),
        (of_card(suggestions=[SUGGESTION]), "cds-resp-6"),
        (of_card(suggestions=[SUGGESTION], selectionBehavior="all"), "selectionBehavior"),
        (of_card(suggestions=[], selectionBehavior="any"), "empty"),
        (of_card(suggestions={"x": 1}, selectionBehavior="any"), "not an array"),
        (of_card(suggestions=[SUGGESTION | {"isRecommended": True}] * 2, selectionBehavior="at-most-one"), "cds-resp-1"),
        (of_suggestion(label=""), "label"),
        (of_suggestion(uuid=""), "uuid"),
        (of_suggestion(isRecommended="yes"), "isRecommended"),
        (of_suggestion(actions=[]), "empty"),
        (of_suggestion(actionSelectionBehavior="some"), "cds-resp-7"),
        (of_action(description=...), "cds-resp-5"),
        (of_action(type="replace"), "type"),
        (of_action(resource=...), "not a resource"),
        (of_action(resource="ServiceRequest/1"), "not a resource"),
        (of_action(resource={"resourceType": "Nonsense"}), "not a valid FHIR"),
        (of_action(resource={"resourceType": "Reference"}), "not a valid FHIR"),
        (of_action(resource=RESOURCE | {"status": None, "colour": "red"}), "not a valid FHIR"),
        (of_action(type="delete"), "cds-resp-2"),
        (of_action(type="delete", resource=...), "cds-resp-2"),
        (of_action(type="delete", resourceId="ServiceRequest/1"), "cds-resp-2"),
        (of_card(overrideReasons=[{"system": "x", "code": "y"}]), "cds-resp-4"),
        (of_card(overrideReasons=[{"display": "y"}]), "system"),
        (of_card(links=[{"label": "x", "type": "absolute", "url": "https://x.example", "appContext": "1"}]), "cds-resp-3"),
        (of_card(links=[{"label": "x", "type": "other", "url": "x"}]), "url"),
        (of_card(extension={}), "empty"),
        (of_card(extension="x"), "extension"),
        (of_card(extension={"x": 1}), "extension"),
        (of_card(links=[{"label": "x", "type": "smart", "url": "https://x.example", "appContext": 7}]), "appContext"),
        (discovery_problems([]), "not an object"),
        (discovery_problems({"services": [{"hook": "patient-view", "id": "x"}]}), "description"),
        (discovery_problems({"services": [{"hook": "h", "id": "x", "description": "d", "prefetch": {"a": 1}}]}), "prefetch"),
        (request_problems({"fhirAuthorization": {}}), "cds-r-1"),
        (request_problems({"fhirServer": "x", "fhirAuthorization": {"scope": "patient/*.read"}}), "cds-r-2"),
        (feedback_problems(None), "not an object"),
        (feedback_problems({}), "feedback is missing"),
        (feedback_problems({"feedback": FEEDBACK}), "not an array"),
        (feedback_problems({"feedback": [FEEDBACK | {"card": ""}]}), "card"),
        (feedback_problems({"feedback": [FEEDBACK | {"outcome": "ignored"}]}), "cds-fb-1"),
        (feedback_problems({"feedback": [FEEDBACK | {"outcome": "accepted"}]}), "cds-fb-2"),
        (feedback_problems({"feedback": [ACCEPTED | {"acceptedSuggestions": [{}]}]}), "cds-fb-2"),
        (feedback_problems({"feedback": [FEEDBACK | {"overrideReason": {}}]}), "cds-fb-3"),
        (feedback_problems({"feedback": [FEEDBACK | {"overrideReason": "x"}]}), "cds-fb-3"),
        (feedback_problems({"feedback": [FEEDBACK | {"outcomeTimestamp": "2026-11-21T22:48:30"}]}), "outcomeTimestamp"),
        (feedback_problems({"feedback": [FEEDBACK | {"outcomeTimestamp": "yesterday"}]}), "outcomeTimestamp"),
        (feedback_problems({"feedback": [FEEDBACK | {"outcomeTimestamp": None}]}), "outcomeTimestamp"),
    ],
)
def test_what_is_wrong_is_named(problems: list[str], named: str) -> None:
    assert any(named in problem for problem in problems), problems


@pytest.mark.requirement("invariant:cds-r-1", "invariant:cds-r-2")
def test_right_requests_and_discoveries() -> None:
    assert request_problems({}) == request_problems([]) == []
    assert request_problems({"fhirServer": "x", "fhirAuthorization": {"scope": "patient/*.rs", "patient": "p1"}}) == []
    assert discovery_problems({"services": []}) == []
    assert discovery_problems({"services": [{"hook": "h", "id": "x", "description": "d", "prefetch": {"a": "Patient/1"}}]}) == []


@pytest.mark.requirement("invariant:cds-fb-1", "invariant:cds-fb-2", "invariant:cds-fb-3")
def test_feedback_as_clients_send_it() -> None:
    reason = {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}
    epic = FEEDBACK | {"card": "not-a-uuid+/=", "overrideReasons": [{"reason": reason}], "extension": {"com.epic.x": 1}}
    late = FEEDBACK | {"overrideReason": {"userComment": "x"}, "outcomeTimestamp": "2026-11-21T22:48:30+01:00"}
    assert feedback_problems({"feedback": [ACCEPTED, FEEDBACK | {"overrideReason": {"reason": reason}}, epic, late]}) == []
    assert feedback_problems({"feedback": []}) == []


def test_messages_hold_no_values() -> None:
    card = deepcopy(CARD) | {"summary": "secret" * 40, "indicator": "secret", "links": [{"url": "secret"}], "detail": 7}
    assert "secret" not in " ".join(response_problems({"cards": [card]}))
    assert "secret" not in " ".join(feedback_problems({"feedback": [{"card": "secret", "outcome": "secret", "overrideReason": "secret"}]}))


@pytest.mark.requirement("inferno:targets")
def test_only_draft_orders_of_the_call_are_changed() -> None:
    update = {"type": "update", "description": "x", "resource": RESOURCE | {"id": "1"}}
    delete = {"type": "delete", "description": "x", "resourceId": "ServiceRequest/2"}

    def of(*actions: Any) -> list[str]:
        return target_problems(
            {"cards": [CARD | {"suggestions": [SUGGESTION | {"actions": actions}]}]}, ["ServiceRequest/1", "ServiceRequest/2"]
        )

    assert of(update) == of(delete, ACTION) == target_problems({"cards": [CARD]}, []) == []
    assert "no draft order" in of(update | {"resource": RESOURCE | {"id": "3"}})[0]
    assert "creates none of its type" in of(delete)[0]
    assert "systemActions updates" in target_problems({"cards": [], "systemActions": [update]}, [])[0]


JSON = st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x))
NAMES = st.sampled_from(["cards", "feedback", "suggestions", "actions", "resource", "resourceType", "source", "links", "services", "scope"])
NESTED = st.recursive(JSON, lambda x: st.lists(x) | st.dictionaries(NAMES, x), max_leaves=20)


@given(NESTED)
def test_any_json_can_be_judged(body: Any) -> None:
    for judge in (response_problems, discovery_problems, feedback_problems, request_problems):
        assert all(isinstance(problem, str) for problem in judge(body))
