"""Policy within the service: what is held back is in the ledger with its reason, call after call."""

from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from support.cds_calls import PATIENT, hook_call, prefetch, referral
from support.worklist import application

from plugin.cds.analytics.counting import by_column
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.policy import acceptance
from plugin.cds.policy.lifecycle import periods
from plugin.cds.views import EXTENSION
from plugin.settings import CdsSettings, Settings
from plugin.store.tables.cds import CARDS

FOOD, DAMP = "diabetes-food-insecurity", "cold-damp-home-respiratory"


def client(state: Path, **cds: Any) -> FlaskClient:
    return application(state, cds=CdsSettings.model_validate(cds)).test_client()


def asked(at: FlaskClient, hook: str = "patient-view", **context: Any) -> list[dict[str, Any]]:
    whole = {"patientId": PATIENT, "userId": "Practitioner/1", "encounterId": "e1"} | context
    response = at.post(f"/cds-services/almoner-{hook}", json=hook_call(prefetch(), hook=hook, context=whole))
    assert response.status_code == 200
    found: list[dict[str, Any]] = response.get_json()["cards"]
    return found


def topics(cards: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def held(state: Path) -> dict[str, str | None]:
    ledger = open_ledger(Settings(state=state))
    with ledger.store.read() as connection:
        rows = connection.execute(select(CARDS.c.rule, CARDS.c.reason).where(CARDS.c.state == "suppressed")).all()
    ledger.store.close()
    return {row.rule: row.reason for row in rows}


def test_a_chart_that_is_loaded_anew_keeps_its_cards_and_another_user_of_the_visit_is_spared_them(tmp_path: Path) -> None:
    at = client(tmp_path)
    assert topics(asked(at)) == topics(asked(at)) == [FOOD, DAMP]
    assert topics(asked(at, userId="Practitioner/2")) == []
    assert held(tmp_path) == {FOOD: "same-encounter", DAMP: "same-encounter"}
    assert topics(asked(at, userId="Practitioner/2", encounterId="e2")) == [FOOD, DAMP]


def test_an_override_rests_for_its_reason_and_an_unknown_card_for_none(tmp_path: Path) -> None:
    at = client(tmp_path)
    food, damp = asked(at)
    reason = {"reason": {"code": "patient-refuses", "system": "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"}}
    said = [{"card": food["uuid"], "outcome": "overridden", "outcomeTimestamp": "2026-11-22T12:00:00Z", "overrideReason": reason}]
    assert at.post("/cds-services/almoner-patient-view/feedback", json={"feedback": said}).status_code == 200
    assert topics(asked(at, encounterId="e2")) == topics([damp])
    assert held(tmp_path)[FOOD] == "snoozed:patient-refuses"


def test_what_is_drafted_already_is_in_the_ledger_as_such(tmp_path: Path) -> None:
    draft = {"resourceType": "Bundle", "entry": [{"resource": referral("draft", "467771000124109", status="draft")}]}
    assert FOOD not in topics(asked(client(tmp_path), "order-sign", draftOrders=draft))
    assert held(tmp_path) == {FOOD: "drafted"}


def test_what_people_welcome_is_counted_once_an_hour_and_only_to_rank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = []

    def counting(*arguments: Any) -> Any:
        counted.append(arguments)
        return by_column(*arguments)

    monkeypatch.setattr(acceptance, "by_column", counting)
    at = client(tmp_path, max_cards=2)
    asked(at)
    assert not counted, "both cards have room"
    narrow = client(tmp_path, max_cards=1)
    for visit in ("e5", "e6", "e7"):
        assert topics(asked(narrow, encounterId=visit)) == [FOOD]
    assert len(counted) == 1


def test_states_of_rules_are_noted_when_the_service_starts(tmp_path: Path) -> None:
    service = client(tmp_path).application.extensions[EXTENSION]
    client(tmp_path)
    found = periods(service.ledger.store)
    assert {status for each in found.values() for status in (period.status for period in each)} == {"live"}
    assert {len(each) for each in found.values()} == {1}
