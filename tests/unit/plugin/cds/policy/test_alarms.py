"""Alarms from the ledger: raised once, open until somebody looked into them, and, if the settings say so, the rule silent meanwhile."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from support.cds_calls import SERVICE_ID, hook_call, prefetch
from support.command_line import almoner_here
from support.ledger import KEY, accepted, call, card, message, overridden
from support.worklist import application

from plugin.cds.feedback import parse_feedback
from plugin.cds.ledger import CardEntries, CardState, Ledger
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.policy.alarms import Alarm, close_alarms, counts, found_on, open_alarms, raise_alarms
from plugin.cds.policy.monitor import Count
from plugin.settings import CdsSettings, Settings
from plugin.store import Store
from rules.pack import BUILT_IN, load_packs

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOON.date()
DAY = timedelta(days=1)
CDS = CdsSettings()
RULE = "diabetes-food-insecurity"


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, KEY)


def filled(ledger: Ledger, fires: int = 20, last: int = 0, rule: str = RULE) -> None:
    """Ten weeks in which the rule speaks in every second call, but for the last day."""
    for ago in range(70, -1, -1):
        speaks = fires if ago else last
        for number in range(2 * fires):
            made = [card(rule)] if number < speaks else []
            ledger.record(call(*made, at=NOON - ago * DAY, patient=f"p{ago}-{number}"))


def alarm(kind: str = "less", client: str = "north", rule: str = RULE, day: date = TODAY) -> Alarm:
    return Alarm(rule, client, kind, day, 1, 0, 12.0)


def test_counts_are_calls_and_cards_shown_or_not_by_client_and_day_without_canaries(ledger: Ledger) -> None:
    states = (CardState.RETURNED, CardState.SILENT, CardState.SUPPRESSED)
    ledger.record(call(at=NOON - 2 * DAY))
    ledger.record(call(*(card("food", state=state) for state in states), at=NOON - DAY))
    ledger.record(call(card("food"), at=NOON, client="south"))
    ledger.record(call(at=NOON))
    ledger.record(call(card("food", state=CardState.CANARY), at=NOON, patient="almoner-canary-food"))
    assert counts(ledger.store, TODAY - 3 * DAY, TODAY, CDS.canary.prefix) == {
        ("food", "north"): {TODAY - DAY: Count(1, 3), TODAY: Count(1, 0)},
        ("food", "south"): {TODAY: Count(1, 1)},
    }


def test_a_rule_that_stops_is_an_alarm_and_one_that_goes_on_is_none(ledger: Ledger) -> None:
    filled(ledger, last=0)
    (found,) = found_on(ledger.store, CDS, TODAY)
    assert (found.rule, found.client, found.kind, found.day, found.found) == (RULE, "north", "less", TODAY, 0)
    assert found.expected == pytest.approx(20, rel=0.01)
    assert found_on(ledger.store, CDS, TODAY - DAY) == []


def test_a_rule_that_hardly_anybody_follows_is_an_alarm_once_that_is_sure(ledger: Ledger) -> None:
    for number in range(120):
        shown = card("food")
        at = NOON - 10 * DAY
        ledger.record(call(shown, at=at, patient=f"p{number}"))
        said = accepted(shown) if number == 0 else overridden(shown)
        ledger.take(parse_feedback(message(said | {"outcomeTimestamp": at.isoformat()})), "north", NOON)
    (found,) = found_on(ledger.store, CDS, TODAY)
    assert (found.kind, found.found, found.expected) == ("unwelcome", 1, 6.0)
    assert found.text.startswith("1 cards accepted in the 90 days up to 2026-11-20")
    few = CdsSettings.model_validate({"watch": {"acceptance": 0.04}})
    assert found_on(ledger.store, few, TODAY) == [], "1 of 120 may be 4.6 %"


def test_an_alarm_is_raised_once_and_again_after_it_was_closed(store: Store) -> None:
    raise_alarms(store, [alarm(), replace(alarm(), days=7)], NOON)
    raise_alarms(store, [alarm(day=TODAY + DAY), alarm("unwelcome"), alarm(client="south")], NOON)
    assert [(each.client, each.kind, each.day) for each in open_alarms(store)] == [
        ("north", "less", TODAY), ("north", "unwelcome", TODAY), ("south", "less", TODAY),
    ]  # fmt: skip
    assert close_alarms(store, RULE, "south", NOON) == 1
    assert close_alarms(store, RULE, None, NOON) == 2
    assert open_alarms(store) == []
    raise_alarms(store, [alarm(day=TODAY + DAY)], NOON)
    assert open_alarms(store, "north") == [alarm(day=TODAY + DAY)]
    assert open_alarms(store, "south") == []


def test_what_was_closed_is_not_raised_for_the_same_day_again(store: Store) -> None:
    raise_alarms(store, [alarm()], NOON)
    close_alarms(store, RULE, None, NOON)
    raise_alarms(store, [alarm()], NOON)
    assert open_alarms(store) == []


# ---------------------------------------------------------------- command and page


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    return open_ledger(Settings(state=tmp_path))


def test_watch_keeps_saying_it_until_it_is_closed(here: Ledger) -> None:
    filled(here, last=0)
    ran = almoner_here("cds", "watch", "--day", "2026-11-20")
    assert (ran.code, ran.out.splitlines()) == (
        1, [f"{RULE} at north: 0 cards on 2026-11-20, about 20.0 expected: less than before", "1 alarms are open"],
    )  # fmt: skip
    assert almoner_here("cds", "watch", "--day", "2026-11-19").code == 1
    closed = almoner_here("cds", "watch", "--close", RULE)
    assert (closed.code, closed.out.splitlines()) == (0, ["1 alarms closed", "no alarm is open"])


def test_the_page_tells_of_alarms_and_rules_to_review_without_numbers(here: Ledger, tmp_path: Path) -> None:
    client = application(tmp_path).test_client()
    assert "Alarms" not in client.get("/cds/analytics").text
    raise_alarms(here.store, [alarm(), alarm("unwelcome")], NOON)
    doubted = replace(card(RULE), fingerprint=CardEntries(load_packs(BUILT_IN)).fingerprint(RULE))
    here.record(call(doubted))
    here.take(parse_feedback(message(overridden(doubted, "cds-not-applicable"))), "north", NOON)
    text = " ".join(client.get("/cds/analytics").text.split())
    assert "at <bdi>north</bdi>: fewer cards than before, on 20 Nov 2026" in text
    assert "hardly any card is accepted" in text
    assert "food insecurity, wants help</bdi>: users say that it does not apply" in text


def test_a_rule_with_an_open_alarm_is_silent_only_if_the_settings_say_so(here: Ledger, tmp_path: Path) -> None:
    raise_alarms(here.store, [alarm(client="open"), alarm(client="south", rule="cold-damp-home-respiratory")], NOON)
    topics = {}
    for demotes in (False, True):
        app = application(tmp_path, cds=CdsSettings.model_validate({"watch": {"demotes": demotes}}))
        body = hook_call(prefetch(), context={"patientId": "p1", "userId": "Practitioner/1", "encounterId": str(demotes)})
        found = app.test_client().post(f"/cds-services/{SERVICE_ID}", json=body).json
        topics[demotes] = [each["source"]["topic"]["code"] for each in found["cards"]]
    assert topics == {False: [RULE, "cold-damp-home-respiratory"], True: ["cold-damp-home-respiratory"]}
