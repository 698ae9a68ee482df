"""The way of a rule to clinicians: each gate asks for what it says, and what was found out about another meaning counts for nothing."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from support.command_line import almoner_here
from support.ledger import KEY, accepted, call, card, message, overridden

from plugin.cds.feedback import parse_feedback
from plugin.cds.ledger import CardEntries, CardEntry, CardState, Ledger
from plugin.cds.ledger.opening import open_ledger
from plugin.cds.policy.acceptance import Acceptance
from plugin.cds.policy.alarms import Alarm, raise_alarms
from plugin.cds.policy.gates import Standing, Trial, pilot_gate, silent_gate, standings
from plugin.cds.policy.lifecycle import note, periods
from plugin.cds.policy.reviews import Reviewed, doubted_rules, record, to_review
from plugin.settings import CdsSettings, GateSettings, RolloutSettings, Settings
from plugin.store import Store
from rules.pack import BUILT_IN, Pack, load_packs

RULE = "diabetes-food-insecurity"
NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DAY = timedelta(days=1)
GATES = GateSettings()
PACKS = load_packs(BUILT_IN)
MEANING = CardEntries(PACKS).fingerprint(RULE)


def packs(status: str) -> tuple[Pack, ...]:
    """The shipped pack with the rule about food alone, in that status."""
    (pack,) = PACKS
    rules = tuple(replace(rule, status=status) for rule in pack.document.rules if rule.id.text == RULE)
    return (replace(pack, document=replace(pack.document, rules=rules)),)


def of(state: CardState = CardState.SILENT, **more: Any) -> CardEntry:
    return replace(card(RULE, state=state), fingerprint=more.pop("fingerprint", MEANING), **more)


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, KEY)


def standing(store: Store, status: str, now: datetime = NOW, **settings: Any) -> Standing:
    (found,) = standings(store, packs(status), CdsSettings(**settings), now)
    return found


def silent_for(ledger: Ledger, days: int, reviewed: int, wrong: int = 0) -> None:
    """Silent for so many days until now, with a card a day at least, of which some are reviewed."""
    note(ledger.store, packs("silent"), NOW - days * DAY)
    cards = [of() for _ in range(max(days, reviewed))]
    for number, each in enumerate(cards):
        ledger.record(call(each, at=NOW - (number % days) * DAY - timedelta(hours=1), patient=f"p{number}"))
    for number, each in enumerate(cards[:reviewed]):
        assert record(ledger.store, each.id, "wrong" if number < wrong else "correct", NOW) == RULE


def piloted(ledger: Ledger, taken: int, refused: int, since: datetime, until: datetime) -> None:
    """Cards of a pilot with what became of them."""
    note(ledger.store, packs("pilot"), since)
    for number in range(taken + refused):
        shown = of(CardState.RETURNED)
        at = since + (until - since) * (number / (taken + refused))
        ledger.record(call(shown, at=at, patient=f"q{number}"))
        said = accepted(shown) if number < taken else overridden(shown)
        ledger.take(parse_feedback(message(said | {"outcomeTimestamp": at.isoformat()})), "north", at)


def met(needs: Sequence[Any]) -> list[bool]:
    return [need.met for need in needs]


# ---------------------------------------------------------------- what gates ask for

WHOLE = Trial(14, 40, 30, Reviewed(27, 3), Acceptance(20, 100))


def test_a_silent_rule_needs_days_firings_reviews_and_to_be_right() -> None:
    assert met(silent_gate(WHOLE, GATES)) == [True] * 4
    assert met(silent_gate(replace(WHOLE, days=13), GATES)) == [False, True, True, True]
    assert met(silent_gate(replace(WHOLE, firings=0), GATES)) == [True, False, True, True]
    assert met(silent_gate(replace(WHOLE, reviews=Reviewed(29, 0)), GATES)) == [True, True, False, True]
    assert met(silent_gate(replace(WHOLE, reviews=Reviewed(25, 5)), GATES)) == [True, True, True, False], "83 %, and 66 % for sure"
    assert met(silent_gate(replace(WHOLE, reviews=Reviewed(0, 0)), GATES)) == [True, True, False, False]


def test_a_pilot_needs_days_to_be_wanted_and_no_alarm() -> None:
    assert met(pilot_gate(WHOLE, GATES)) == [True] * 3
    assert met(pilot_gate(replace(WHOLE, days=13), GATES)) == [False, True, True]
    assert met(pilot_gate(replace(WHOLE, acceptance=Acceptance(10, 100)), GATES)) == [True, False, True], "10 %, and 6 % for sure"
    assert met(pilot_gate(replace(WHOLE, acceptance=Acceptance()), GATES)) == [True, False, True]
    assert met(pilot_gate(replace(WHOLE, alarms=1), GATES)) == [True, True, False]


# ---------------------------------------------------------------- where a rule stands


def test_a_silent_rule_is_told_what_it_lacks(ledger: Ledger) -> None:
    silent_for(ledger, 10, reviewed=30)
    found = standing(ledger.store, "silent")
    assert (found.since, found.next, found.unmet, found.behind) == (NOW - 10 * DAY, "pilot", (), ())
    assert met(found.needs) == [False, True, True, True]
    assert found.needs[1].text.startswith("spoke 30 times about 30 people")


def test_a_rule_that_went_the_whole_way_may_be_live(ledger: Ledger) -> None:
    silent_for(ledger, 60, reviewed=30)
    piloted(ledger, 20, 30, NOW - 30 * DAY, NOW - 2 * DAY)
    assert met(standing(ledger.store, "pilot").needs) == [True, True, True]
    note(ledger.store, packs("live"), NOW - DAY)
    found = standing(ledger.store, "live")
    assert (found.since, found.next, found.unmet) == (NOW - DAY, None, ())


def test_a_rule_that_was_never_silent_stands_where_it_should_not(ledger: Ledger) -> None:
    piloted(ledger, 20, 30, NOW - 30 * DAY, NOW - 2 * DAY)
    assert standing(ledger.store, "pilot").unmet == ("silent",)
    note(ledger.store, packs("live"), NOW - DAY)
    assert standing(ledger.store, "live").unmet == ("silent",)
    waived = {RULE: RolloutSettings(waived="the committee of 2026-10 saw its reviews on paper")}
    assert standing(ledger.store, "live", rollouts=waived).unmet == ()


def test_what_was_shown_while_it_meant_something_else_counts_for_nothing(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    silent_for(ledger, 60, reviewed=30)
    piloted(ledger, 20, 30, NOW - 30 * DAY, NOW - 2 * DAY)
    note(ledger.store, packs("live"), NOW - DAY)
    assert standing(ledger.store, "live").unmet == ()
    monkeypatch.setattr(CardEntries, "fingerprint", lambda self, rule: "sha256:another")
    note(ledger.store, packs("live"), NOW)
    found = standing(ledger.store, "live")
    assert (found.since, found.unmet) == (NOW, ("silent", "pilot"))


def test_a_rule_that_no_service_ran_with_has_shown_nothing(store: Store) -> None:
    found = standing(store, "live")
    assert (found.since, found.unmet) == (None, ("silent", "pilot"))


def test_ignored_cards_count_against_a_pilot_once_they_are_old_enough(ledger: Ledger) -> None:
    piloted(ledger, 6, 0, NOW - 20 * DAY, NOW - 10 * DAY)
    for number in range(30):
        ledger.record(call(of(CardState.RETURNED), at=NOW - timedelta(hours=30 if number else 1), patient=f"r{number}"))
    assert standing(ledger.store, "pilot").needs[1].text.startswith(f"{6 / 35:.0%} accepted")


def test_an_open_alarm_stops_a_pilot(ledger: Ledger) -> None:
    piloted(ledger, 20, 30, NOW - 30 * DAY, NOW - 2 * DAY)
    raise_alarms(ledger.store, [Alarm(RULE, "north", "more", NOW.date(), 1, 90, 9.5)], NOW)
    assert met(standing(ledger.store, "pilot").needs) == [True, True, False]


def test_canaries_and_other_meanings_are_no_firings(ledger: Ledger) -> None:
    note(ledger.store, packs("silent"), NOW - 20 * DAY)
    ledger.record(call(of(CardState.CANARY), of(fingerprint="sha256:another"), at=NOW - DAY))
    assert met(standing(ledger.store, "silent").needs)[1] is False


# ---------------------------------------------------------------- states


def test_states_are_noted_when_they_change_and_only_then(store: Store) -> None:
    for days, status in ((9, "silent"), (8, "silent"), (7, "pilot"), (6, "pilot"), (5, "silent")):
        note(store, packs(status), NOW - days * DAY)
    found = periods(store)[RULE]
    assert [(each.status, each.days(NOW)) for each in found] == [("silent", 2), ("pilot", 2), ("silent", 5)]
    assert {each.fingerprint for each in found} == {MEANING}


# ---------------------------------------------------------------- reviews


def test_the_last_word_of_a_review_counts(ledger: Ledger) -> None:
    silent_for(ledger, 20, reviewed=1)
    (each,) = [item for item in to_review(ledger.store, RULE, MEANING, 1)]
    for verdict in ("wrong", "correct"):
        assert record(ledger.store, each.card, verdict, NOW) == RULE
    assert standing(ledger.store, "silent").needs[2].text.startswith("2 cards reviewed")
    assert standing(ledger.store, "silent").needs[3].text.startswith("100% right")


@pytest.mark.parametrize("state", [CardState.SUPPRESSED, CardState.CANARY])
def test_what_nobody_would_have_seen_is_not_reviewed(ledger: Ledger, state: CardState) -> None:
    held = of(state)
    ledger.record(call(held))
    assert record(ledger.store, held.id, "correct", NOW) is None
    assert record(ledger.store, "no such card", "correct", NOW) is None
    assert to_review(ledger.store, RULE, MEANING, 9) == []


def test_a_user_who_says_that_it_does_not_apply_opens_a_review_of_the_rule(ledger: Ledger) -> None:
    wrong, tired, other = (of(CardState.RETURNED) for _ in range(3))
    ledger.record(call(wrong, patient="p1"))
    ledger.record(call(tired, patient="p2"))
    ledger.record(call(other, patient="p3"))
    ledger.take(parse_feedback(message(overridden(wrong, "patient-ineligible"), overridden(tired, "limited-time"))), "north", NOW)
    assert standing(ledger.store, "live").doubts == 1
    assert doubted_rules(ledger.store, packs("live")) == (RULE,)
    listed = to_review(ledger.store, RULE, MEANING, 9)
    assert [(each.patient, each.doubt) for each in listed[:1]] == [("p1", "patient-ineligible")]
    assert {(each.patient, each.doubt) for each in listed[1:]} == {("p2", None), ("p3", None)}
    record(ledger.store, wrong.id, "wrong", NOW)
    assert doubted_rules(ledger.store, packs("live")) == ()


def test_what_is_drawn_is_one_card_of_a_person_and_the_same_when_asked_again(ledger: Ledger) -> None:
    for number in range(40):
        ledger.record(call(of(), patient=f"p{number % 20}"))
    first, again = (to_review(ledger.store, RULE, MEANING, 12) for _ in range(2))
    assert first == again
    assert len({each.patient for each in first}) == 12
    assert set(first) < set(to_review(ledger.store, RULE, MEANING, 15))


# ---------------------------------------------------------------- commands


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    return open_ledger(Settings(state=tmp_path))


def test_gates_says_no_until_governance_says_why(here: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = almoner_here("cds", "gates", RULE)
    assert ran.code == 1
    assert "came out of silent: its gate was NEVER MET" in ran.out
    assert "not met 0 days silent; 14 are asked for" in ran.out
    monkeypatch.setenv("ALMONER_CDS__ROLLOUTS", json.dumps({RULE: {"waived": "agreed before there were gates"}}))
    ran = almoner_here("cds", "gates", RULE)
    assert ran.code == 0
    assert "waived: agreed before there were gates" in ran.out
    assert almoner_here("cds", "gates", "nothing-like-it").code == 2


def test_a_review_is_noted_and_the_list_says_what_is_left(here: Ledger) -> None:
    one, two = of(CardState.RETURNED), of(CardState.RETURNED)
    here.record(call(one, patient="p1"))
    here.record(call(two, patient="p2"))
    ran = almoner_here("cds", "reviews", RULE)
    assert {line.split()[3] for line in ran.out.splitlines()} == {"Patient/p1", "Patient/p2"}
    assert almoner_here("cds", "review", one.id, "wrong").out == f"{RULE}: noted as wrong\n"
    assert [line.split()[0] for line in almoner_here("cds", "reviews").out.splitlines()] == [two.id]
    assert almoner_here("cds", "review", "no-such-card", "wrong").code == 2
