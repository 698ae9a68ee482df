"""Feedback as clients really send it, in every dialect, and what of it cannot be used."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.cds.feedback import MOST_ENTRIES, BadFeedback, Fault, Outcome, OverrideReason, parse_feedback

CARD = "6f1c1a3e-0d57-4f0e-9a54-0f6f6a9f5c01"
SUGGESTION = "0b9f4f0e-6a57-4c5c-8d55-6f0f1e6f2a11"
SYSTEM = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
AT = "2026-11-21T22:48:30.469Z"
ACCEPTED = {"card": CARD, "outcome": "accepted", "acceptedSuggestions": [{"id": SUGGESTION}], "outcomeTimestamp": AT}
OVERRIDDEN = {"card": CARD, "outcome": "overridden", "outcomeTimestamp": AT}
REASON = {"code": "patient-refuses", "system": SYSTEM}
EPIC = "com.epic.cdshooks.feedback.overrideReason."


def one(**changes: Any) -> Any:
    found = parse_feedback({"feedback": [OVERRIDDEN | changes]})
    return (*found.usable, *found.unusable)[0]


@pytest.mark.requirement("cds-hooks_2.0@148")
def test_what_the_sandbox_sends() -> None:
    found = parse_feedback({"feedback": [ACCEPTED, OVERRIDDEN | {"overrideReason": {"reason": REASON}}]})
    first, second = found.usable
    at = datetime(2026, 11, 21, 22, 48, 30, 469000, tzinfo=UTC)
    assert (first.card, first.outcome, first.at, first.suggestions) == (CARD, Outcome.ACCEPTED, at, (SUGGESTION,))
    assert (second.outcome, second.reasons) == (Outcome.OVERRIDDEN, (OverrideReason(SYSTEM, "patient-refuses"),))
    assert (first.dialect, second.dialect) == ("standard", "standard")
    assert not found.unusable


@pytest.mark.parametrize(
    "entry",
    [
        {"overrideReasons": [{"reason": REASON}]},
        {"overrideReasons": {"reason": REASON}},
        {"overrideReasons": [{"reason": {"coding": [REASON]}}]},
        {"overrideReasons": [REASON]},
        {"overrideReason": {"reason": REASON}, "extension": {EPIC + "Title": "Refused"}},
    ],
)
def test_epics_plural_in_every_shape(entry: dict[str, Any]) -> None:
    found = one(**entry)
    assert (found.reasons, found.dialect) == ((OverrideReason(SYSTEM, "patient-refuses"),), "epic")


def test_several_reasons_of_one_card() -> None:
    both = [{"reason": REASON}, {"reason": {"code": "limited-time", "system": SYSTEM}}, {"reason": REASON}]
    assert [reason.code for reason in one(overrideReasons=both).reasons] == ["limited-time", "patient-refuses"]


def test_a_reason_of_epics_own_list_has_a_category_and_a_title() -> None:
    said = {EPIC + "reasonCategory": 3, EPIC + "Display": "Not indicated", EPIC + "Title": "Not  indicated now"}
    for entry in ({"extension": said}, {"overrideReasons": [{"extension": said}]}):
        (reason,) = one(**entry).reasons
        assert (reason.system, reason.code, reason.display) == (EPIC[:-1], "3", "Not indicated now")
    (reason,) = one(extension={EPIC + "Display": "Not indicated"}).reasons
    assert reason.code == "Not indicated"


def test_what_a_user_typed_is_not_kept() -> None:
    found = one(overrideReason={"userComment": "her neighbour Ann says no", "reason": REASON})
    assert found.commented
    assert "neighbour" not in repr(found)
    assert not one(overrideReason={"userComment": " "}).commented


def test_ids_that_are_no_uuids_stay_and_uuids_come_back_as_they_went() -> None:
    assert one(card="Ea1+/=7").card == "Ea1+/=7"
    assert one(card=CARD.upper()).card == CARD
    assert one(card=f" {{{CARD}}} ").card == CARD
    (shouted,) = parse_feedback({"feedback": [ACCEPTED | {"acceptedSuggestions": [SUGGESTION.upper()]}]}).usable
    assert shouted.suggestions == (SUGGESTION,)


@pytest.mark.parametrize("at", ["2026-11-21T23:48:30+01:00", "2026-11-21T22:48:30", "2026-11-21T22:48:30Z", "20261121T224830Z"])
def test_a_time_is_utc_unless_it_says_otherwise(at: str) -> None:
    assert one(outcomeTimestamp=at).at == datetime(2026, 11, 21, 22, 48, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "fault"),
    [
        (7, Fault.NO_OBJECT),
        (None, Fault.NO_OBJECT),
        ({}, Fault.NO_CARD),
        (OVERRIDDEN | {"card": 7}, Fault.NO_CARD),
        (OVERRIDDEN | {"card": " "}, Fault.NO_CARD),
        (OVERRIDDEN | {"card": "x" * 201}, Fault.NO_CARD),
        (OVERRIDDEN | {"outcome": "ignored"}, Fault.NO_OUTCOME),
        (OVERRIDDEN | {"outcome": ["accepted"]}, Fault.NO_OUTCOME),
        (OVERRIDDEN | {"outcomeTimestamp": "yesterday"}, Fault.NO_TIME),
        (OVERRIDDEN | {"outcomeTimestamp": None}, Fault.NO_TIME),
        (OVERRIDDEN | {"outcomeTimestamp": "0001-01-01T00:00:00+14:00"}, Fault.NO_TIME),
    ],
)
def test_one_bad_entry_never_loses_the_others(entry: Any, fault: Fault) -> None:
    found = parse_feedback({"feedback": [ACCEPTED, entry, OVERRIDDEN]})
    assert (len(found.usable), [each.fault for each in found.unusable]) == (2, [fault])


@pytest.mark.parametrize("body", [ACCEPTED, [ACCEPTED], {"feedback": ACCEPTED}])
def test_an_entry_that_is_not_in_its_list_is_read_all_the_same(body: Any) -> None:
    assert [each.card for each in parse_feedback(body).usable] == [CARD]


@pytest.mark.parametrize("body", [None, 7, {}, "x", {"feedback": None}, {"feedback": "x"}])
def test_what_is_no_feedback_at_all_is_said_to_be_none(body: Any) -> None:
    with pytest.raises(BadFeedback, match="feedback"):
        parse_feedback(body)


def test_a_flood_is_counted_and_not_read() -> None:
    found = parse_feedback({"feedback": [ACCEPTED] * (MOST_ENTRIES + 3)})
    assert len(found.usable) == MOST_ENTRIES
    assert [(each.fault, each.times) for each in found.unusable] == [(Fault.TOO_MANY, 3)]


SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=5)
NAMES = st.sampled_from(["card", "outcome", "outcomeTimestamp", "overrideReason", "overrideReasons", "reason", "extension", "code", "id"])
NESTED = st.recursive(SCALARS, lambda x: st.lists(x, max_size=3) | st.dictionaries(NAMES, x, max_size=3), max_leaves=6)
CHANGED = st.dictionaries(NAMES, NESTED, max_size=3).map(lambda more: OVERRIDDEN | more)


@given(st.lists(CHANGED | NESTED, max_size=4))
def test_as_many_come_out_as_went_in(entries: list[Any]) -> None:
    found = parse_feedback({"feedback": entries})
    assert len(found.usable) + sum(each.times for each in found.unusable) == len(entries)
