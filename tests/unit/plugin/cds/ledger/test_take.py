"""Feedback into the ledger: late, again, in batches, out of order, about cards of others, about nothing that we know."""

import random
from collections import Counter
from datetime import timedelta
from itertools import permutations
from threading import Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select
from support.databases import database_of, opened
from support.ledger import CLIENT, KEY, NOON, REASONS, accepted, call, card, message, overridden, refer

from plugin.cds.feedback import Outcome, parse_feedback
from plugin.cds.ledger import CardEntry, CardState, Ledger, Taken
from plugin.cds.ledger.waiting import ORDERED
from plugin.store import Store
from plugin.store.tables.cds import ACCEPTED, FEEDBACK, HANDOVERS, QUARANTINE, STEPS


@pytest.fixture
def ledger(store: Store) -> Ledger:
    return Ledger(store, KEY)


def told(ledger: Ledger, *entries: Any, client: str = CLIENT, after: float = 0) -> Taken:
    return ledger.take(parse_feedback(message(*entries)), client, NOON + timedelta(hours=after))


def outcome(ledger: Ledger, of: CardEntry) -> tuple[Outcome | None, list[str], float | None]:
    (shown,) = [each for each in ledger.history(CLIENT, "p1", {of.topic}, NOON) if each.card == of.id]
    after = None if shown.outcome_at is None else (shown.outcome_at - NOON).total_seconds()
    return shown.outcome, [reason.code for reason in shown.reasons], after


def rows(ledger: Ledger, table: Any) -> list[Any]:
    with ledger.store.read() as connection:
        return list(connection.execute(select(table)))


def test_told_again_and_again_it_is_told_once(ledger: Ledger) -> None:
    offer = refer()
    food = card("food", offer)
    ledger.record(call(food))
    for hour in range(3):
        assert told(ledger, accepted(food, offer), accepted(food, offer), after=hour).taken == 2
    assert len(rows(ledger, FEEDBACK)) == len(rows(ledger, ACCEPTED)) == len(rows(ledger, HANDOVERS)) == 1
    assert rows(ledger, FEEDBACK)[0].received == NOON


def test_several_cards_of_several_calls_in_one_message_a_month_late(ledger: Ledger) -> None:
    first, second = card("food"), card("damp")
    ledger.record(call(first))
    ledger.record(call(second))
    assert told(ledger, overridden(first), accepted(second, after=90), after=24 * 30).taken == 2
    assert outcome(ledger, first) == (Outcome.OVERRIDDEN, ["patient-refuses"], 60)
    assert outcome(ledger, second) == (Outcome.ACCEPTED, [], 90)


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_an_acceptance_stands_whatever_is_told_before_or_after(ledger: Ledger, order: tuple[int, ...]) -> None:
    offer = refer()
    food = card("food", offer)
    ledger.record(call(food))
    entries = [overridden(food, after=10), accepted(food, offer, after=20), overridden(food, "limited-time", after=30)]
    for number in order:
        told(ledger, entries[number])
    assert outcome(ledger, food) == (Outcome.ACCEPTED, [], 20)


def test_of_overrides_the_latest_counts(ledger: Ledger) -> None:
    food = card()
    ledger.record(call(food))
    told(ledger, overridden(food, "limited-time", after=30), overridden(food, after=10))
    assert outcome(ledger, food) == (Outcome.OVERRIDDEN, ["limited-time"], 30)


def test_suggestions_are_accepted_one_by_one(ledger: Ledger) -> None:
    """Two messages of one moment, as clients send them whose clocks know seconds only."""
    one, other = refer(), refer()
    food = card("food", one, other)
    ledger.record(call(food))
    told(ledger, accepted(food, one))
    told(ledger, accepted(food, other))
    assert {row.suggestion for row in rows(ledger, ACCEPTED)} == {one.id, other.id}
    assert {row.suggestion for row in rows(ledger, HANDOVERS)} == {one.id, other.id}


def test_what_cannot_be_placed_is_counted_and_not_kept(ledger: Ledger) -> None:
    theirs, silent, held = card(), card(state=CardState.SILENT), card(state=CardState.SUPPRESSED)
    ledger.record(call(theirs, silent, held))
    stray = overridden(card(), userComment="Ann ZZ" + "CANARY")
    for _ in range(2):
        found = told(ledger, stray, stray, overridden(silent), accepted(held), {"card": "x"}, 5)
        assert (found.taken, found.quarantined) == (0, Counter({"unknown-card": 2, "not-returned": 2, "no-outcome": 1, "no-object": 1}))
    assert told(ledger, accepted(theirs), client="south").quarantined == {"other-client": 1}
    kept = rows(ledger, QUARANTINE)
    assert sorted((row.client, row.reason, row.count) for row in kept) == [
        (CLIENT, "no-object", 2),
        (CLIENT, "no-outcome", 2),
        (CLIENT, "not-returned", 2),
        (CLIENT, "not-returned", 2),
        (CLIENT, "unknown-card", 4),
        ("south", "other-client", 1),
    ]
    assert "Ann" not in repr(kept)
    assert outcome(ledger, theirs) == (None, [], None)


@pytest.mark.parametrize("odd", ["\x00", "a\x00b", "\ud800"])
def test_what_a_database_cannot_keep_stops_no_message(ledger: Ledger, odd: str) -> None:
    ours = card()
    ledger.record(call(ours))
    unknown = accepted(ours) | {"acceptedSuggestions": [{"id": odd}]}
    assert told(ledger, accepted(ours) | {"card": odd}).quarantined == {"unknown-card": 1}
    assert told(ledger, overridden(ours, f"o{odd}o", reason={"code": f"o{odd}o", "system": f"https://{odd}", "display": odd})).taken == 1
    assert outcome(ledger, ours)[1] == [f"o{odd}o".translate(dict.fromkeys((0, 0xD800), "\ufffd"))]
    assert (told(ledger, unknown).taken, outcome(ledger, ours)[0]) == (1, "accepted")


def test_a_suggestion_of_another_card_opens_nothing(ledger: Ledger) -> None:
    offer = refer()
    food, damp = card("food", offer), card("damp")
    ledger.record(call(food, damp))
    found = told(ledger, accepted(damp, offer, refer()))
    assert (found.taken, found.unknown_suggestions) == (1, 2)
    assert outcome(ledger, damp)[0] is Outcome.ACCEPTED
    assert rows(ledger, HANDOVERS) == rows(ledger, ACCEPTED) == []


def test_a_referral_that_the_client_makes_whole_is_followed_and_any_other_handed_over(ledger: Ledger) -> None:
    whole, half = refer(("ServiceRequest", "Task")), refer(("ServiceRequest",))
    food = card("food", whole, half)
    ledger.record(call(food))
    told(ledger, accepted(food, whole, half))
    kept = {row.suggestion: (row.state, row.patient) for row in rows(ledger, HANDOVERS)}
    assert kept == {whole.id: ("theirs", "p1"), half.id: ("waiting", "p1")}


def test_the_first_word_about_a_step_counts(ledger: Ledger) -> None:
    for hours in (1, 2):
        ledger.progressed("s", ORDERED, NOON + timedelta(hours=hours))
    assert [(row.suggestion, row.step, row.at) for row in rows(ledger, STEPS)] == [("s", "ordered", NOON + timedelta(hours=1))]


def test_senders_at_one_time_do_not_stand_in_each_others_way(ledger: Ledger) -> None:
    cards = [card() for _ in range(30)]
    ledger.record(call(*cards))
    entries = [overridden(each) for each in cards] + [overridden(card()) for _ in range(5)]
    failed: list[Exception] = []

    def send(seed: int) -> None:
        mixed = random.Random(seed).sample(entries, len(entries))  # noqa: S311 an order of its own for each
        try:
            assert told(ledger, *mixed).taken == 30
        except Exception as error:
            failed.append(error)

    threads = [Thread(target=send, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert len(rows(ledger, FEEDBACK)) == 30
    assert sum(row.count for row in rows(ledger, QUARANTINE)) == 30


# ---------------------------------------------------------------- any order, any repetition, any delay

WHAT = st.sampled_from(["accept", "accept other", "override", "override late", "unknown", "bad"])
SENT = st.lists(st.tuples(st.integers(0, 2), WHAT, st.integers(0, 3)), min_size=1, max_size=8)


def entry(cards: list[CardEntry], number: int, what: str, second: int) -> Any:
    food = cards[number]
    match what:
        case "accept":
            return accepted(food, food.suggestions[0], after=second)
        case "accept other":
            return accepted(food, food.suggestions[1], after=second)
        case "override":
            return overridden(food, after=second)
        case "override late":
            return overridden(food, "limited-time", after=second + 1, userComment="x")
        case "unknown":
            return {"card": f"stray {number}", "outcome": "accepted", "outcomeTimestamp": "2026-11-22T12:00:00Z"}
    return {"card": food.id, "outcome": what}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with opened(database_of(tmp_path_factory.mktemp("take"))) as store:
        yield Ledger(store, KEY)


@pytest.mark.slow
@settings(max_examples=60)
@given(SENT, st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_final_state_is_the_same_in_any_order_and_rows_in_are_taken_or_quarantined(
    shared: Ledger, sent: list[tuple[int, str, int]], mixed: random.Random, repeats: int
) -> None:
    states = []
    for delivery in range(2):
        cards = [card(f"topic {number}", refer(), refer()) for number in range(3)]
        shared.record(call(*cards))
        entries = [entry(cards, *each) for each in sent]
        if delivery:
            entries = entries * repeats
            mixed.shuffle(entries)
        before = quarantined(shared)
        while entries:
            size = mixed.randint(1, len(entries)) if delivery else len(entries)
            batch, entries = entries[:size], entries[size:]
            found = told(shared, *batch, after=delivery * 1000)
            assert found.taken + found.quarantined.total() == len(batch)
            assert quarantined(shared) - before == found.quarantined.total()
            before = quarantined(shared)
        offers = {offer.id: (number, place) for number, food in enumerate(cards) for place, offer in enumerate(food.suggestions)}
        opened = {offers[row.suggestion] for row in rows(shared, HANDOVERS) if row.suggestion in offers}
        states.append(([outcome(shared, food) for food in cards], opened))
    assert states[0] == states[1]


def quarantined(ledger: Ledger) -> int:
    with ledger.store.read() as connection:
        return connection.scalar(select(func.coalesce(func.sum(QUARANTINE.c.count), 0))) or 0


def test_reasons_stand_beside_their_system(ledger: Ledger) -> None:
    food = card()
    ledger.record(call(food))
    told(ledger, overridden(food))
    (shown,) = ledger.history(CLIENT, "p1", {"food"}, NOON)
    assert [(reason.system, reason.code) for reason in shown.reasons] == [(REASONS, "patient-refuses")]
