"""One piece of advice, and what each kind of client can show of it."""

from dataclasses import replace
from typing import Any

import pytest
from support.cds_advice import FOOD, ORDERS, advised, client_of, numbered, record
from support.cds_calls import goal, patient, searchset

from fhir_adapters.gravity import QUESTIONNAIRES
from plugin.cds.advice import Advice
from plugin.cds.clients.client import Client
from plugin.cds.clients.limits import limit_problems
from plugin.cds.compiler import Compiled, compile_card
from plugin.cds.losses import INSTEAD, LossKind
from plugin.cds.preview.people import advice_about_example
from plugin.cds.validate import response_problems
from rules.document import Citation
from rules.facts import Coding
from rules.pack import BUILT_IN, load_packs

EPIC_CODES = {FOOD: f"{ORDERS}|FOODPANTRY"}


@pytest.fixture(scope="module")
def diabetes() -> Advice:
    return advised()[0]


@pytest.fixture(scope="module")
def screening() -> Advice:
    found = advice_about_example(load_packs(BUILT_IN), "social-screening-overdue")
    assert found
    return found


def compiled(advice: Advice, client: Client, **more: Any) -> Compiled:
    found = compile_card(advice, client, numbered(), **more)
    assert response_problems({"cards": [found.card]}) == limit_problems(found.card, client.profile) == []
    return found


def lost(found: Compiled, kind: LossKind) -> list[str]:
    return [loss.what for loss in found.lost if loss.kind is kind]


def labels(found: Compiled) -> list[str]:
    return [suggestion["label"].partition(":")[0] for suggestion in found.card.get("suggestions", ())]


# ---------------------------------------------------------------- suggestions


def test_a_referral_and_its_task_go_together_where_the_client_creates_both(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("generic"), requester="Practitioner/example")
    request, task = (action["resource"] for action in found.card["suggestions"][0]["actions"])
    assert task["focus"] == {"reference": f"ServiceRequest/{request['id']}"}
    assert (request["status"], task["status"]) == ("draft", "draft")
    assert request["requester"] == task["requester"] == {"reference": "Practitioner/example"}
    assert [performer["text"] for performer in task["performerType"]] == ["food bank", "benefits advice"]
    refer = found.suggestions[0]
    assert (refer.kind, refer.category, refer.service) == ("refer", "food-insecurity", Coding("http://snomed.info/sct", "467771000124109"))
    assert refer.created == ("ServiceRequest", "Task")
    assert not refer.task_is_ours
    assert found.lost == ()


def test_epic_gets_one_order_with_its_own_code_and_our_module_opens_the_task(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("epic", order_codes=EPIC_CODES))
    (suggestion,) = found.card["suggestions"]
    (action,) = suggestion["actions"]
    assert action["description"] == "Draft referral: Assistance with application for food pantry program (food bank or benefits advice)"
    assert action["resource"]["code"]["coding"][0] == {"system": ORDERS, "code": "FOODPANTRY"}
    assert "id" not in action["resource"]
    assert found.card["selectionBehavior"] == "any"
    assert found.card["extension"] == {"com.epic.cdshooks.card.detail.content-type": "text/html"}
    (refer,) = found.suggestions
    assert refer.suggestion == suggestion["uuid"]
    assert refer.created == ("ServiceRequest",)
    assert refer.task_is_ours
    assert lost(found, LossKind.ACTION) == ["Task"]
    assert lost(found, LossKind.SUGGESTION) == ["Hand to the care manager"]


def test_an_order_that_the_site_has_no_code_for_is_not_offered(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("epic"))
    assert "suggestions" not in found.card
    assert "selectionBehavior" not in found.card
    assert found.suggestions == ()
    assert len(lost(found, LossKind.ORDER_CODE)) == 1
    assert "<b>To do by hand:</b></p><ul><li>Refer: Assistance with application" in found.card["detail"]


def test_what_cannot_be_suggested_is_said_in_words(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("oracle"))
    assert not {"suggestions", "overrideReasons", "extension"} & found.card.keys()
    assert "• Refer: Assistance with application for food pantry program" in found.card["detail"]
    assert "• Hand to the care manager" in found.card["detail"]
    assert {LossKind.SUGGESTION, LossKind.REASONS, LossKind.FEEDBACK, LossKind.TABLE} == {loss.kind for loss in found.lost}


def test_the_sandbox_carries_nothing_out(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("sandbox"))
    assert all(offered.created == () and offered.task_is_ours for offered in found.suggestions)


@pytest.mark.requirement("cds-hooks_2.0@123")
def test_a_suggestion_without_actions_is_a_message_to_us(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("generic", {"creates": ("ServiceRequest",)}))
    assert labels(found) == ["Refer", "Hand to the care manager"]
    assert "actions" not in found.card["suggestions"][1]
    assert found.suggestions[1].task_is_ours
    silent = compiled(diabetes, client_of("generic", {"creates": ("ServiceRequest",), "feedback": "none"}))
    assert labels(silent) == ["Refer"]
    nothing = compiled(diabetes, client_of("generic", {"creates": ("Condition",)}))
    assert labels(nothing) == ["Refer", "Hand to the care manager"]
    assert [offered.created for offered in nothing.suggestions] == [(), ()]


def test_only_one_of_several_where_the_client_knows_nothing_else(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("generic", {"selection": ("at-most-one",)}))
    assert found.card["selectionBehavior"] == "at-most-one"
    assert lost(found, LossKind.SELECTION) == ["any"]


@pytest.mark.requirement("invariant:cds-resp-7", "cds-hooks_2.0@125")
def test_actions_of_3_0_belong_together_and_2_0_is_not_told(diabetes: Advice) -> None:
    new = compiled(diabetes, client_of("generic", {"version": "3.0", "action_selection_behavior": True}))
    assert [s.get("actionSelectionBehavior") for s in new.card["suggestions"]] == ["all", None]
    old = compiled(diabetes, client_of("generic", {"action_selection_behavior": True}))
    assert not any("actionSelectionBehavior" in s for s in old.card["suggestions"])


# ---------------------------------------------------------------- the person


@pytest.mark.parametrize(
    ("status", "said", "recommended"),
    [("active", "wants help (2026-04-01, Goal/food)", True), ("on-hold", "wants help (2026-04-01, Goal/food)", True)],
)
def test_a_referral_is_recommended_to_somebody_who_wants_it(status: str, said: str, recommended: bool) -> None:
    found = compiled(advised(record(goal=searchset(goal("food", status))))[0], client_of("generic"))
    assert said in found.card["detail"]
    assert found.card["suggestions"][0].get("isRecommended", False) is recommended


def test_a_wish_that_nobody_asked_for_is_said_to_be_so_and_nothing_is_recommended() -> None:
    (advice,) = [a for a in advised(record(goal=None)) if a.rule.id.text == "cold-damp-home-respiratory"]
    found = compiled(advice, client_of("generic"))
    assert "**The patient&#39;s own wish:** not asked. Consent to share: not asked." in found.card["detail"]
    assert "isRecommended" not in found.card["suggestions"][0]
    unread = replace(advice, record=replace(advice.record, not_loaded=frozenset({"goals", "consents"})))
    assert (
        "**The patient&#39;s own wish:** not known. Consent to share: not known." in compiled(unread, client_of("generic")).card["detail"]
    )


def test_a_rule_without_referral_says_nothing_of_wishes(screening: Advice) -> None:
    assert "own wish" not in compiled(screening, client_of("generic")).card["detail"]


def test_how_to_speak_to_the_person() -> None:
    spanish = {"communication": [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "es-MX"}]}, "preferred": True}]}
    interpreter = {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/patient-interpreterRequired", "valueBoolean": True}]}
    telecom = {"telecom": [{"system": "sms", "value": "555 0100", "rank": 1}]}
    found = compiled(advised(record(patient=patient(**spanish, **interpreter, **telecom)))[0], client_of("generic"))
    assert "**Speaks:** Spanish (MX); an interpreter is needed\n\n**Best reached by:** text message" in found.card["detail"]
    assert "555" not in str(found.card)


def test_nothing_is_said_about_what_is_not_known_of_the_person(diabetes: Advice) -> None:
    assert not any(word in compiled(diabetes, client_of("generic")).card["detail"] for word in ("Speaks", "reached"))
    unsure = replace(diabetes, record=replace(diabetes.record, person=replace(diabetes.record.person, interpreter=False)))
    assert "**Speaks:** not known; no interpreter is needed" in compiled(unsure, client_of("generic")).card["detail"]


# ---------------------------------------------------------------- asking


def test_what_nobody_asked_can_be_asked(screening: Advice) -> None:
    found = compiled(screening, client_of("generic"))
    assert labels(found) == ["Ask the patient", "Hand to the care manager"]
    (action,) = found.card["suggestions"][0]["actions"]
    prapare = QUESTIONNAIRES[1]
    assert action["resource"]["input"][0]["valueCanonical"] == found.suggestions[0].questionnaire == prapare.url
    assert action["resource"]["owner"] == action["resource"]["for"]


def test_what_is_known_is_not_asked_again(diabetes: Advice) -> None:
    assert labels(compiled(diabetes, client_of("generic"))) == ["Refer", "Hand to the care manager"]


def test_a_domain_without_an_answer_can_be_asked_about(diabetes: Advice) -> None:
    unasked = replace(diabetes.record, events=tuple(e for e in diabetes.record.events if e.table != "observations"))
    found = compiled(replace(diabetes, record=unasked), client_of("generic"))
    assert labels(found) == ["Refer", "Ask the patient", "Hand to the care manager"]
    assert found.suggestions[1].questionnaire.endswith("HungerVitalSign")
    unread = replace(unasked, not_loaded=frozenset({"observations"}))
    assert labels(compiled(replace(diabetes, record=unread), client_of("generic"))) == ["Refer", "Hand to the care manager"]


# ---------------------------------------------------------------- links, topics, words


@pytest.mark.requirement("cds-hooks_2.0@140", "cds-hooks_2.0@144", "cds-hooks_2.0@145", "cds-hooks_2.0@146")
def test_links_are_those_that_the_client_allows(diabetes: Advice) -> None:
    app = {"label": "App", "type": "smart", "url": "https://app.example/launch", "appContext": "x"}
    elsewhere = {"label": "Elsewhere", "type": "absolute", "url": "https://app.example.evil/launch"}
    found = compiled(diabetes, client_of("generic", links=("https://app.example", "https://doi.org/")), links=[app, elsewhere])
    assert found.card["links"] == [app]
    assert found.card["source"]["url"] == "https://doi.org/10.2337/dc25-S001"
    assert "](https://doi.org/10.2337/dc25-S001)" in found.card["detail"]
    assert "pmc.ncbi" not in found.card["detail"]
    assert "- Screening positive is not the same" in found.card["detail"]
    assert lost(found, LossKind.LINK)[0] == "Elsewhere"
    without = compiled(diabetes, client_of("generic", {"app_context": False, "links": ("smart",)}), links=[app, elsewhere])
    assert without.card["links"] == [{k: v for k, v in app.items() if k != "appContext"}]
    assert lost(without, LossKind.APP_CONTEXT) == ["App"]


def test_a_source_that_the_client_does_not_allow_is_not_linked(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("generic", links=("https://app.example",)))
    assert "url" not in found.card["source"]
    assert "Medical and social needs side by side" in lost(found, LossKind.LINK)


def test_citations_stand_below_a_text_that_cannot_hold_links(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("oracle", links=("https://doi.org",)))
    assert [link["url"] for link in found.card["links"]] == ["https://doi.org/10.2337/dc25-S001", "https://doi.org/10.1542/peds.2009-3146"]
    assert "• HRSA Uniform Data System" in found.card["detail"]
    assert "American Diabetes Association" not in found.card["detail"]
    every = compiled(diabetes, client_of("oracle"))
    assert "What the guidance says (evidence grade B): the links below" in every.card["detail"]
    bare = replace(diabetes, rule=replace(diabetes.rule, citations=(Citation("a book", ""),)))
    assert "• a book" in compiled(bare, client_of("oracle")).card["detail"]


def test_a_topic_for_epic_is_alphanumeric_and_never_that_of_another_rule(diabetes: Advice) -> None:
    def topic(rule: str) -> str:
        named = replace(diabetes, rule=replace(diabetes.rule, id=diabetes.rule.id._replace(text=rule)))
        return str(compiled(named, client_of("epic")).card["source"]["topic"]["code"])

    assert topic("diabetesfood") == "diabetesfood"
    assert topic("diabetes-food") == topic("diabetes-food")
    assert len({topic("a-bc"), topic("ab-c"), topic("abc")}) == 3
    assert len(topic("x-" * 200)) == 100


def test_a_card_in_spanish(diabetes: Advice) -> None:
    found = compiled(diabetes, client_of("athena", language="es-US"))
    assert "| Qué | Valor | Fecha | Fuente |" in found.card["detail"]
    assert "**Lo que desea el paciente:** quiere ayuda" in found.card["detail"]
    assert found.card["suggestions"][1]["label"] == "Pasar al gestor de casos"
    assert found.card["overrideReasons"][1]["display"] == "La acción recomendada ya se ha realizado"
    assert diabetes.rule.why in found.card["detail"], "the author's text stays as it is"


def test_every_loss_says_what_happens_instead() -> None:
    assert INSTEAD.keys() == set(LossKind)
