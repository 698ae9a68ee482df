"""What the context of a hook holds is part of the record, and counts for no more than it is."""

from datetime import date
from typing import Any, Final

import pytest
from support.cds_calls import AS_OF, PATIENT, condition, hook_call, prefetch, referral, searchset

from plugin.cds.advice import Advice, consider, not_drafted
from plugin.cds.gathering import Gathered, gather
from plugin.cds.prefetch import templates
from plugin.cds.proposed import drafted, drafts
from plugin.cds.request import HookCall, parse_call
from rules.engines import engine
from rules.facts import Coding
from rules.pack import BUILT_IN, load_packs

PACKS: Final = load_packs(BUILT_IN)
TEMPLATES: Final = templates([pack.program for pack in PACKS])
TODAY: Final = date.fromisoformat(AS_OF)
FOOD: Final = "467771000124109"
HOUSING: Final = "710911006"
SNOMED: Final = "http://snomed.info/sct"


def call_of(hook: str, keys: dict[str, Any] | None = None, **context: Any) -> HookCall:
    whole = {"patientId": PATIENT, "userId": "Practitioner/1"} | context
    return parse_call(hook_call(prefetch() if keys is None else keys, hook=hook, context=whole), hook)


def gathered(call: HookCall) -> Gathered:
    return gather(call, TEMPLATES, None, TODAY)


def events(call: HookCall, table: str) -> dict[str, str | None]:
    return {event.source: event.status for event in gathered(call).record.events if event.table == table}


def advice(call: HookCall) -> tuple[Advice, ...]:
    return consider(PACKS, gathered(call).record, TODAY, engine("reference")).advice


def rules(found: tuple[Advice, ...]) -> list[str]:
    return [each.rule.id.text for each in found]


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "entry": [{"resource": resource} for resource in resources]}


@pytest.mark.parametrize("status", ["draft", "active", "completed", None])
def test_a_draft_is_no_referral(status: str | None) -> None:
    order = {name: value for name, value in referral("s1", FOOD).items() if name != "status"} | ({"status": status} if status else {})
    call = call_of("order-sign", draftOrders=bundle(order))
    assert events(call, "referrals") == {"ServiceRequest/s1": "draft"}
    assert rules(advice(call)) == rules(advice(call_of("patient-view")))


def test_what_the_chart_holds_it_knows_better() -> None:
    signed = referral("s1", FOOD, "active")
    call = call_of("order-sign", prefetch(serviceRequest=searchset(signed)), draftOrders=bundle(signed | {"status": "draft"}))
    assert events(call, "referrals") == {"ServiceRequest/s1": "active"}


def test_an_order_that_says_nothing_yet_makes_nothing_unknown() -> None:
    empty = {"resourceType": "ServiceRequest", "status": "draft"}
    call = call_of("order-select", draftOrders=bundle(empty, {"resourceType": "MedicationRequest"}, {"resourceType": "DeviceRequest"}))
    assert gathered(call).missing == ()
    assert rules(advice(call)) == rules(advice(call_of("patient-view")))


def test_what_is_of_somebody_else_is_left_out() -> None:
    other = referral("s1", FOOD) | {"subject": {"reference": "Patient/p2"}}
    assert events(call_of("order-sign", draftOrders=bundle(other)), "referrals") == {}


def test_a_proposed_appointment_is_not_booked() -> None:
    actor = {"actor": {"reference": f"Patient/{PATIENT}"}}
    proposal = {"resourceType": "Appointment", "id": "a1", "status": "booked", "start": "2026-06-30T09:00:00Z", "participant": [actor]}
    call = call_of("appointment-book", appointments=bundle(proposal, {"resourceType": "Appointment", "id": "a2", "status": "cancelled"}))
    assert events(call, "appointments") == {"Appointment/a1": "proposed", "Appointment/a2": "cancelled"}
    assert "appointments" in gathered(call).record.not_loaded


def test_a_new_diagnosis_counts_and_completes_nothing() -> None:
    keys = prefetch(condition=searchset(condition("asthma", "195967001")))
    assert "diabetes-food-insecurity" not in rules(advice(call_of("patient-view", keys)))
    new = condition("dm", "44054006", category="problem-list-item")
    del new["subject"]
    assert "diabetes-food-insecurity" in rules(advice(call_of("problem-list-item-create", keys, conditions=bundle(new))))
    call = call_of("problem-list-item-create", prefetch(condition=...), conditions=bundle(new))
    assert gathered(call).unavailable == frozenset({"conditions"})


def test_a_refill_is_a_draft_and_a_verified_order_is_not() -> None:
    order: dict[str, Any] = {
        "resourceType": "MedicationRequest",
        "id": "m1",
        "status": "active",
        "intent": "order",
        "authoredOn": "2026-06-30",
    }
    order |= {"medicationCodeableConcept": {"coding": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6809"}]}}
    assert events(call_of("medication-refill", medications=bundle(order)), "medications") == {"MedicationRequest/m1": "draft"}
    assert events(call_of("medication-verify", medication=order), "medications") == {"MedicationRequest/m1": "active"}


def test_a_referral_that_is_among_the_orders_is_not_proposed_again() -> None:
    call = call_of("order-sign", draftOrders=bundle(referral("s1", FOOD, "draft")))
    assert drafted(call) == {Coding(SNOMED, FOOD)}
    assert rules(not_drafted(advice(call), drafted(call), {})) == ["cold-damp-home-respiratory"]


def test_the_site_may_call_it_otherwise() -> None:
    codes = {f"{SNOMED}|{HOUSING}": "urn:oid:1.2.3|HOUSE"}
    local = referral("s1", HOUSING) | {"code": {"coding": [{"system": "urn:oid:1.2.3", "code": "HOUSE"}]}}
    call = call_of("order-sign", draftOrders=bundle(local))
    assert rules(not_drafted(advice(call), drafted(call), codes)) == ["diabetes-food-insecurity"]
    assert len(not_drafted(advice(call), drafted(call), {})) == 2


@pytest.mark.parametrize("change", [{"status": "entered-in-error"}, {"status": "revoked"}, {"doNotPerform": True}, {"code": "food"}])
def test_an_order_that_is_taken_back_is_none(change: dict[str, Any]) -> None:
    assert drafted(call_of("order-sign", draftOrders=bundle(referral("s1", FOOD, "draft") | change))) == frozenset()


def test_the_orders_of_the_context_are_all_that_a_card_may_change() -> None:
    call = call_of("order-sign", draftOrders=bundle({"resourceType": "ServiceRequest", "id": "s1", "status": "draft"}))
    assert drafts(call) == {"ServiceRequest/s1"}
    assert drafts(call_of("patient-view")) == frozenset()
