"""A call over HTTP: what it may bring, what is read besides, and what the answer holds."""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from markdown_it import MarkdownIt
from support.card_checks import complaints
from support.cds_advice import client_of
from support.cds_calls import PATIENT, patient, prefetch, referral, resources, searchset
from support.cds_world import ORIGIN, World, call_of, world
from support.faulty_ehr import Faulty, body, fixed, page, serving

from plugin.cds.hooks import HOOKS
from plugin.cds.text import is_web_address
from plugin.settings import RolloutSettings
from rules.document import Citation

URL: Final = "/cds-services/almoner-patient-view"
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
TOKEN: Final = {
    "access_token": "t0ken",
    "token_type": "Bearer",
    "expires_in": 300,
    "scope": "patient/*.rs",
    "subject": "x",
    "patient": PATIENT,
}
BOTH: Final = ["diabetes-food-insecurity", "cold-damp-home-respiratory"]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture
def http(served: World) -> FlaskClient:
    return served.serving(client_of("generic", max_cards=2, allowed_origins=(ORIGIN,)))


@pytest.fixture
def ehr() -> Iterator[Faulty]:
    """A FHIR server with the same data as the prefetch."""
    with serving() as server:
        for key in ("patient", "condition", "encounter", "goal", "observation", "procedure", "questionnaireResponse", "serviceRequest"):
            name = key[0].upper() + key[1:]
            held = [resource for resource in resources(prefetch()) if resource["resourceType"] == name]
            server.behaviours[name] = fixed(body(held[0] if key == "patient" else page(held, len(held))))
        yield server


def cards(http: FlaskClient, call: dict[str, Any], path: str = URL) -> list[dict[str, Any]]:
    """The cards, which must be beyond reproach."""
    response = http.post(path, json=call)
    assert (response.status_code, response.mimetype) == (200, "application/json"), response.text
    assert complaints(response.json) == []
    assert response.json is not None
    found: list[dict[str, Any]] = response.json["cards"]
    return found


def topics(found: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in found]


# ---------------------------------------------------------------- what a call brings


@pytest.mark.requirement("cds-hooks_2.0@16", "cds-hooks_2.0@28", "cds-hooks_2.0@36", "cds-hooks_2.0@74", "inferno:call")
def test_what_comes_under_the_keys_of_the_templates_is_used(http: FlaskClient) -> None:
    told = http.get("/cds-services").json
    assert told is not None
    (service,) = [each for each in told["services"] if each["hook"] == "patient-view"]
    whole = prefetch()
    assert whole.keys() == service["prefetch"].keys()
    assert topics(cards(http, call_of("patient-view"))) == BOTH
    renamed = {f"my-{key}" if key == "goal" else key: value for key, value in whole.items()}
    assert topics(cards(http, call_of("patient-view", renamed))) == BOTH[1:]


@pytest.mark.requirement("cds-hooks_2.0@74", "inferno:call")
@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_is_answered(http: FlaskClient, hook: str) -> None:
    assert cards(http, call_of(hook), f"/cds-services/almoner-{hook}")


@pytest.mark.requirement("cds-hooks_2.0@52")
@pytest.mark.parametrize("key", ["goal", "observation", "serviceRequest"])
def test_an_outcome_in_place_of_data_is_not_taken_for_none(http: FlaskClient, key: str) -> None:
    assert BOTH[0] not in topics(cards(http, call_of("patient-view", prefetch(**{key: ERROR}))))
    assert BOTH[0] in topics(cards(http, call_of("patient-view", prefetch(serviceRequest=searchset()))))


@pytest.mark.requirement("cds-hooks_2.0@54", "cds-hooks_2.0@76")
@pytest.mark.parametrize("keys", [{}, prefetch(patient=...), prefetch(patient=None), prefetch(patient=ERROR)], ids=range(4))
def test_without_the_patient_the_answer_is_412_and_says_what_is_missing(http: FlaskClient, keys: dict[str, Any]) -> None:
    response = http.post(URL, json=call_of("patient-view", keys))
    assert (response.status_code, response.mimetype) == (412, "application/json")
    assert response.json is not None
    assert response.json["resourceType"] == "OperationOutcome"
    assert "prefetch 'patient' is missing" in response.json["issue"][0]["diagnostics"]


@pytest.mark.requirement("cds-hooks_2.0@54")
def test_where_not_one_rule_can_be_answered_it_is_412_too(http: FlaskClient) -> None:
    ageless = {name: value for name, value in patient().items() if name != "birthDate"}
    assert http.post(URL, json=call_of("patient-view", {"patient": ageless})).status_code == 412


@pytest.mark.requirement("cds-hooks_2.0@34", "cds-hooks_2.0@60", "cds-hooks_2.0@61", "inferno:prefetch")
@pytest.mark.parametrize(
    "keys", [{}, {"patient": patient()}, prefetch(observation=...), prefetch(condition=ERROR, patient=...)], ids=range(4)
)
def test_what_did_not_come_is_read_with_the_token_of_the_call_and_the_cards_are_the_same(
    served: World, ehr: Faulty, keys: dict[str, Any]
) -> None:
    http = served.serving(client_of("generic", max_cards=2, fhir_servers=(ehr.base_url,)))
    whole = cards(http, call_of("patient-view"))
    found = cards(http, call_of("patient-view", keys, fhirServer=ehr.base_url, fhirAuthorization=TOKEN))
    assert [(card["summary"], card["detail"]) for card in found] == [(card["summary"], card["detail"]) for card in whole]
    assert ehr.asked
    assert {headers.get("Authorization") for _, headers in ehr.asked} == {"Bearer t0ken"}


@pytest.mark.requirement("cds-hooks_2.0@61", "invariant:cds-r-1")
def test_with_a_token_that_cannot_be_used_nothing_is_read(served: World, ehr: Faulty) -> None:
    http = served.serving(client_of("generic", fhir_servers=(ehr.base_url,)))
    for authorization in ({}, {"access_token": ""}, {"access_token": None}, "t0ken", {"access_token": "a b"}):
        call = call_of("patient-view", {}, fhirServer=ehr.base_url, fhirAuthorization=authorization)
        assert http.post(URL, json=call).status_code == 412
    assert http.post(URL, json=call_of("patient-view", {}, fhirAuthorization=TOKEN)).status_code == 412
    assert ehr.asked == []


@pytest.mark.requirement("cds-hooks_2.0@214", "cds-hooks_2.0@215")
def test_an_extension_and_what_nobody_knows_disturb_nothing(http: FlaskClient) -> None:
    for extension in ({"com.epic.cdshooks.request.bpa-trigger-action": "60"}, {}, {"com.example": {"deep": [1, None]}}, "x", None):
        call = call_of("patient-view", extension=extension, fhirVersion="R4", more={"a": 1})
        call["context"]["newMember"] = {"x": []}
        assert topics(cards(http, call)) == BOTH


@pytest.mark.requirement("cds-hooks_2.0@1", "cds-hooks_2.0@76")
def test_what_is_not_json_is_refused(http: FlaskClient) -> None:
    for content, kind, status in ((b"<call/>", "application/xml", 415), (b"{", "application/json", 400), (b"{}", "text/plain", 415)):
        response = http.post(URL, data=content, content_type=kind)
        assert (response.status_code, response.mimetype) == (status, "application/json")


# ---------------------------------------------------------------- what the answer holds


@pytest.mark.requirement("cds-hooks_2.0@77", "cds-hooks_2.0@3")
def test_with_nothing_to_say_there_are_no_cards_and_nothing_else(http: FlaskClient) -> None:
    response = http.post(URL, json=call_of("patient-view", prefetch(condition=searchset(), observation=searchset())))
    assert (response.status_code, response.json) == (200, {"cards": []})


@pytest.mark.requirement("cds-hooks_2.0@75", "inferno:targets")
def test_nothing_is_done_without_being_asked_and_nothing_of_the_ehrs_is_changed(http: FlaskClient) -> None:
    for hook in HOOKS:
        response = http.post(f"/cds-services/almoner-{hook}", json=call_of(hook))
        assert response.json is not None
        assert set(response.json) == {"cards"}
        suggestions = [each for card in response.json["cards"] for each in card.get("suggestions", ())]
        assert {action["type"] for each in suggestions for action in each.get("actions", ())} <= {"create"}


@pytest.mark.requirement("cds-hooks_2.0@80", "cds-hooks_2.0@119")
def test_no_id_comes_twice(http: FlaskClient) -> None:
    ids = [id for _ in range(20) for card in cards(http, call_of("patient-view")) for id in (card["uuid"], *_suggested(card))]
    assert len(ids) == len(set(ids)) > 80


def _suggested(card: dict[str, Any]) -> list[str]:
    return [suggestion["uuid"] for suggestion in card.get("suggestions", ())]


@pytest.mark.requirement("cds-hooks_2.0@84", "cds-hooks_2.0@85")
def test_the_detail_is_github_flavoured_markdown(http: FlaskClient) -> None:
    for card in cards(http, call_of("patient-view")):
        html = MarkdownIt("gfm-like", {"linkify": False}).render(card["detail"])
        assert "<table>" in html
        assert "<td>" in html
        assert "<strong>" in html


@pytest.mark.requirement("cds-hooks_2.0@88", "cds-hooks_2.0@89")
@pytest.mark.parametrize(("allowed", "indicator"), [(False, "warning"), (True, "critical")])
def test_the_highest_indicator_is_for_what_may_interrupt(served: World, allowed: bool, indicator: str) -> None:
    cds = served.runtime.settings.cds.model_copy(update={"rollouts": {BOTH[0]: RolloutSettings(critical=allowed)}})
    changed = replace(served, runtime=replace(served.runtime, settings=served.runtime.settings.model_copy(update={"cds": cds})))
    (pack,) = served.runtime.packs
    rules = tuple(replace(r, card=replace(r.card, indicator="critical")) if r.id.text == BOTH[0] else r for r in pack.document.rules)
    urgent = replace(pack, document=replace(pack.document, rules=rules))
    found = cards(changed.serving(client_of("generic", max_cards=2), [urgent]), call_of("patient-view"))
    assert [card["indicator"] for card in found] == [indicator, "warning"]
    order = ["critical", "warning", "info"]
    assert all(order.index(one["indicator"]) <= order.index(other["indicator"]) for one, other in pairwise(found))


@pytest.mark.requirement("cds-hooks_2.0@106", "cds-hooks_2.0@107", "cds-hooks_2.0@108", "cds-hooks_2.0@109", "cds-hooks_2.0@113")
def test_the_source_leads_to_what_is_known_of_everybody_or_nowhere(served: World) -> None:
    (pack,) = served.runtime.packs
    rules = tuple(replace(r, citations=(Citation("A book", ""),)) if r.id.text == BOTH[1] else r for r in pack.document.rules)
    http = served.serving(client_of("generic", max_cards=2), [replace(pack, document=replace(pack.document, rules=rules))])
    first, second = (card["source"] for card in cards(http, call_of("patient-view")))
    assert set(first) == {"label", "topic", "url"}
    assert is_web_address(first["url"])
    assert PATIENT not in re.split(r"\W", first["url"])
    assert set(second) == {"label", "topic"}


@pytest.mark.requirement("cds-hooks_2.0@94", "cds-hooks_2.0@104")
def test_a_client_that_shows_neither_suggestions_nor_links_gets_none(served: World) -> None:
    for card in cards(served.serving(client_of("generic", {"max_suggestions": 0, "links": ()}, max_cards=2)), call_of("patient-view")):
        assert not {"suggestions", "selectionBehavior", "links"} & card.keys()


@pytest.mark.requirement("cds-hooks_2.0@120", "cds-hooks_2.0@121")
def test_what_is_not_recommended_does_not_say_so(served: World) -> None:
    found = cards(served.serving(client_of("generic", max_cards=2)), call_of("patient-view"))
    suggestions = [suggestion for card in found for suggestion in card["suggestions"]]
    assert {suggestion.get("isRecommended", "left out") for suggestion in suggestions} == {True, "left out"}


@pytest.mark.requirement("cds-hooks_2.0@99", "cds-hooks_2.0@100", "cds-hooks_2.0@136", "cds-hooks_2.0@219")
def test_reasons_to_decline_are_offered_in_words(http: FlaskClient) -> None:
    for card in cards(http, call_of("patient-view")):
        assert len(card["overrideReasons"]) == 12
        for reason in card["overrideReasons"]:
            assert " " in reason["display"]
            assert reason["display"] not in (reason["code"], reason["code"].replace("-", " "))


@pytest.mark.requirement("cds-hooks_2.0@214", "cds-hooks_2.0@215")
def test_the_only_extension_is_the_one_that_was_agreed_on(served: World) -> None:
    (one, two) = cards(served.serving(client_of("epic", max_cards=2)), call_of("patient-view"))
    for card in (one, two):
        assert card["extension"].keys() == {"com.epic.cdshooks.card.detail.content-type"}
    assert not any("extension" in card for card in cards(served.serving(client_of("generic")), call_of("patient-view")))


# ---------------------------------------------------------------- who asks


@pytest.mark.requirement("cds-hooks_2.0@208")
def test_a_browser_asks_beforehand_calls_and_reads_even_a_refusal(http: FlaskClient) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    before = http.options(URL, headers=asked)
    assert {"POST", "GET"} <= set(before.headers["Access-Control-Allow-Methods"].split(", "))
    answers = [
        before,
        http.get("/cds-services", headers={"Origin": ORIGIN}),
        http.post(URL, json=call_of("patient-view"), headers={"Origin": ORIGIN}),
        http.post(URL, json={}, headers={"Origin": ORIGIN}),
        http.post("/cds-services/other", json={}, headers={"Origin": ORIGIN}),
    ]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 400, 404]
    assert {answer.headers["Access-Control-Allow-Origin"] for answer in answers} == {ORIGIN}


@pytest.mark.requirement("cds-hooks_2.0@125")
def test_actions_that_belong_together_refer_to_each_other(http: FlaskClient) -> None:
    orders = searchset(referral("other", "1"))
    pairs = [
        suggestion["actions"]
        for card in cards(http, call_of("patient-view", prefetch(serviceRequest=orders)))
        for suggestion in card["suggestions"]
        if len(suggestion.get("actions", ())) > 1
    ]
    assert pairs
    for order, task in pairs:
        assert task["resource"]["focus"]["reference"] == f"ServiceRequest/{order['resource']['id']}"
