"""From advice to a card."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from support.cds_advice import client_of
from support.cds_calls import AS_OF, PATIENT, prefetch, resources

from fhir_adapters import records_from_resources
from fhir_adapters.gravity import SERVICE_REQUEST, category_display
from plugin.cds import overrides
from plugin.cds.advice import Advice, advise
from plugin.cds.compiler import TOPICS, compile_card
from plugin.cds.texts import texts
from plugin.cds.validate import response_problems
from rules.document import Citation, Effective, Rule
from rules.engines.reference import ReferenceEngine
from rules.facts import HOUSEHOLD, PersonRecord
from rules.findings import Evidence
from rules.grammar import SDOH_CATEGORIES
from rules.pack import BUILT_IN, Pack, load_packs

(PACK,) = load_packs(BUILT_IN)
RECORD = records_from_resources(resources(prefetch()), PATIENT, ())


OPEN = client_of("generic")


def card(advice: Advice, new_id: Callable[[], str]) -> dict[str, Any]:
    return compile_card(advice, OPEN, new_id).card


def summary(advice: Advice) -> str:
    return str(card(advice, lambda: "x")["summary"])


def detail(advice: Advice) -> str:
    return str(card(advice, lambda: "x")["detail"])


def advised(record: PersonRecord = RECORD, pack: Pack = PACK, most: int = 10) -> list[Advice]:
    return list(advise([pack], record, date.fromisoformat(AS_OF), ReferenceEngine(), most))


@pytest.fixture
def diabetes() -> Advice:
    return advised()[0]


@pytest.fixture
def new_id() -> Callable[[], str]:
    numbers = count(1)
    return lambda: f"00000000-0000-4000-8000-{next(numbers):012d}"


def with_rules(change: Callable[[Rule], Rule]) -> Pack:
    return replace(PACK, document=replace(PACK.document, rules=tuple(map(change, PACK.document.rules))))


def with_evidence(advice: Advice, resource: str, value: str) -> Advice:
    """The same advice, as if its first piece of evidence said something else."""
    first, *others = [reason for reason in advice.explained.reasons if reason.evidence]
    forged = replace(first, evidence=(Evidence(first.fact, resource, "2026-06-30", value, value),))
    finding = replace(advice.explained.finding, evidence=(forged.evidence[0],))
    return replace(advice, explained=replace(advice.explained, finding=finding, reasons=(forged, *others)))


def test_the_most_urgent_advice_comes_first_and_there_is_not_too_much() -> None:
    assert [a.rule.id.text for a in advised()] == ["diabetes-food-insecurity", "cold-damp-home-respiratory"]
    assert [a.rule.id.text for a in advised(most=1)] == ["diabetes-food-insecurity"]


@pytest.mark.parametrize(("status", "number"), [("live", 2), ("pilot", 2), ("draft", 0), ("silent", 0), ("retired", 0)])
def test_only_rules_in_use_are_shown(status: str, number: int) -> None:
    assert len(advised(pack=with_rules(lambda rule: replace(rule, status=status)))) == number


@pytest.mark.parametrize(
    ("effective", "number"),
    [
        (Effective("2026-06-30", "2026-06-30"), 2),
        (Effective("", "2026-06-29"), 0),
        (Effective("2026-07-01"), 0),
        (Effective(last="2026-07-01"), 2),
    ],
)
def test_a_rule_is_shown_while_it_is_effective(effective: Effective, number: int) -> None:
    assert len(advised(pack=with_rules(lambda rule: replace(rule, effective=effective)))) == number


def test_the_summary_holds_the_values(diabetes: Advice) -> None:
    assert summary(diabetes) == "Refer to a food programme: HbA1c 9.6 %, food insecurity, wants help"


def test_the_summary_has_fewer_than_140_characters(diabetes: Advice) -> None:
    text = diabetes.rule.card.summary._replace(text="{hba1c} " + "x" * 131)
    long = replace(diabetes, rule=replace(diabetes.rule, card=replace(diabetes.rule.card, summary=text)))
    assert len(summary(long)) == 137
    text = text._replace(text="{hba1c} " + "x" * 135)
    longer = replace(long, rule=replace(long.rule, card=replace(long.rule.card, summary=text)))
    assert len(summary(longer)) == 139
    assert summary(longer).endswith("x…")


def test_a_fact_without_a_value_is_not_known_in_the_summary(diabetes: Advice) -> None:
    text = diabetes.rule.card.summary._replace(text="Food: {food screen}; {nothing of that name}")
    changed = replace(diabetes, rule=replace(diabetes.rule, card=replace(diabetes.rule.card, summary=text)))
    assert summary(changed) == "Food: at risk; not known"


def test_the_table_names_resource_value_and_date(diabetes: Advice) -> None:
    rows = [line for line in detail(diabetes).splitlines() if line.startswith("|")]
    assert "| hba1c &#62; 9 % | 9.6 % | 2026-05-02 | Observation/hba1c |" in rows
    assert "| has diabetes | on record | 2012-01-01 | Condition/dm |" in rows
    assert "| help with food is wanted | wanted | 2026-04-01 | Goal/food |" in rows
    assert "| open food referral | none on record |  |  |" in rows
    assert not any(row.startswith("| deceased") for row in rows)


def test_the_detail_says_why_on_what_guidance_and_within_what_limits(diabetes: Advice) -> None:
    text = detail(diabetes)
    assert text.startswith("Not knowing where the next meal comes from")
    assert "(evidence grade B)" in text
    assert "](https://doi.org/10.2337/dc25-S001)" in text
    assert "**Limits:** Someone without an HbA1c" in text
    assert "Without new data this answer changes on 2027-04-02." in text
    assert "Data as of 2026-06-30; rule diabetes-food-insecurity, " in text
    assert "Not available" not in text


def test_the_detail_names_what_the_rule_would_have_read() -> None:
    lacking = replace(RECORD, not_loaded=frozenset({"tasks", "goals", "procedures", HOUSEHOLD}))
    (advice,) = advised(lacking)
    assert advice.rule.id.text == "cold-damp-home-respiratory"
    assert "Not available" not in detail(advice)
    assert "**Not available to this check:** household, procedures" in detail(replace(advice, missing=("household", "procedures")))


def test_missing_tables_are_those_of_the_rule() -> None:
    partial = replace(RECORD, not_loaded=frozenset({"tasks", "conditions"}))
    assert {advice.rule.id.text: advice.missing for advice in advised(partial)} == {
        "cold-damp-home-respiratory": ("conditions",),
        "diabetes-food-insecurity": ("conditions",),
    }


def test_the_source_is_the_pack_and_the_topic_is_the_rule(diabetes: Advice, new_id: Callable[[], str]) -> None:
    assert card(diabetes, new_id)["source"] == {
        "label": "Medical and social needs side by side",
        "url": "https://doi.org/10.2337/dc25-S001",
        "topic": {"system": TOPICS, "code": "diabetes-food-insecurity", "display": diabetes.rule.title},
    }
    without = replace(diabetes, rule=replace(diabetes.rule, citations=(Citation("a book", ""),)))
    assert "url" not in card(without, new_id)["source"]


def test_a_rule_without_referral_can_be_handed_to_somebody(diabetes: Advice, new_id: Callable[[], str]) -> None:
    found = card(replace(diabetes, rule=replace(diabetes.rule, referral=None)), new_id)
    assert [suggestion["label"] for suggestion in found["suggestions"]] == ["Hand to the care manager"]
    assert response_problems({"cards": [found]}) == []


def test_card_and_suggestion_have_ids_for_feedback(diabetes: Advice, new_id: Callable[[], str]) -> None:
    found = card(diabetes, new_id)
    assert found["uuid"].endswith("1")
    assert found["suggestions"][0]["uuid"].endswith("2")


def test_the_suggestion_is_a_gravity_referral(diabetes: Advice, new_id: Callable[[], str], shared_data: Path) -> None:
    suggestion = card(diabetes, new_id)["suggestions"][0]
    assert suggestion["label"] == "Refer: Assistance with application for food pantry program (food bank or benefits advice)"
    action, task = suggestion["actions"]
    example: dict[str, Any] = json.loads(
        (shared_data / "gravity-examples" / "ServiceRequest-SDOHCC-ServiceRequestActiveFoodPantryApplicationAssistExample.json").read_text()
    )
    same = ("resourceType", "intent", "category", "code")
    assert {name: action["resource"][name] for name in same} == {name: example[name] for name in same}
    assert action["resource"]["meta"] == example["meta"] == {"profile": [SERVICE_REQUEST]}
    assert action["resource"]["status"] == "draft"
    assert action["resource"]["subject"] == {"reference": "Patient/p1"}
    assert action["resource"]["authoredOn"] == AS_OF
    assert task["resource"]["focus"] == {"reference": f"ServiceRequest/{action['resource']['id']}"}
    assert "id" not in task["resource"]
    assert action["resource"]["reasonReference"] == [
        {"reference": "Condition/dm"},
        {"reference": "Observation/hba1c"},
        {"reference": "Observation/hunger"},
    ]


def test_a_referral_refers_only_to_resources_that_have_an_id(diabetes: Advice, new_id: Callable[[], str]) -> None:
    found = card(with_evidence(diabetes, "Condition/#0123456789abcdef", "x"), new_id)
    assert "reasonReference" not in found["suggestions"][0]["actions"][0]["resource"]
    assert response_problems({"cards": [found]}) == []


def test_displays_of_categories_are_those_of_the_code_system(shared_data: Path) -> None:
    text = "".join(path.read_text() for path in (shared_data / "gravity-examples").glob("*.json"))
    used = [code for code in SDOH_CATEGORIES if f'"code":"{code}","display":' in text]
    assert len(used) > 5
    assert all(f'"code":"{code}","display":"{category_display(code)}"' in text for code in used)
    assert category_display("sdoh-category-unspecified") == "SDOH Category Unspecified"


def test_override_reasons_are_hl7s_starter_set(shared_data: Path) -> None:
    folder = shared_data / "override-reasons"
    starter = json.loads((folder / "ValueSet-non-adherence-reason-clinical.json").read_text())["compose"]["include"][0]
    system = json.loads((folder / "CodeSystem-non-adherence-reason-codes.json").read_text())
    displays = {c["code"]: c["display"] for parent in system["concept"] for c in (parent, *parent.get("concept", []))}
    assert starter["system"] == overrides.SYSTEM
    assert {c["code"] for c in starter["concept"]} == set(overrides.REASONS)
    assert all(displays[code] == display for code, display in texts("en").reasons.items())


@pytest.mark.parametrize("text", ["<img src=x onerror=alert(1)>", "[x](javascript:1)", "a|b\nc", "http://evil.example", "`x`", "\u202eabc"])
def test_hostile_records_leave_the_card_valid_and_harmless(diabetes: Advice, new_id: Callable[[], str], text: str) -> None:
    found = card(with_evidence(diabetes, f"Observation/{text}", text), new_id)
    assert response_problems({"cards": [found]}) == []
    assert text not in found["detail"]
    assert text not in found["summary"]


def test_every_card_of_the_pack_is_valid(new_id: Callable[[], str]) -> None:
    cards = [card(advice, new_id) for advice in advised()]
    assert response_problems({"cards": cards}) == []
    assert {c["indicator"] for c in cards} == {"warning"}
