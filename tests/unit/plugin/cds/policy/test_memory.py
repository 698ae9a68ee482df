"""How long a topic rests: as long as the clinician's own reason says, and no longer."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_policy import MEANING, NOW, shown, situation

from plugin.cds.feedback import Outcome
from plugin.cds.ledger import CardState, Shown
from plugin.cds.overrides import REASONS
from plugin.cds.policy.memory import DEFAULT, LONGEST, RESTS, Now, reason_to_rest

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
OLD = Now(MEANING, ["2020-01-01"])
CHANGED = Now("sha256:another", ["2020-01-01"])


def rests(*past: Shown, now: Now = OLD, **place: Any) -> str | None:
    return reason_to_rest(sorted(past, key=lambda each: each.at), now, situation(**place))


def test_every_reason_of_ours_says_how_long() -> None:
    assert set(REASONS) <= set(RESTS)


@pytest.mark.parametrize(
    ("code", "days"),
    [("patient-refuses", 90), ("does-not-align-preferences", 90), ("service-not-available", 30), ("too-costly-uncovered", 30)],
)
def test_some_reasons_hold_for_so_many_days_and_for_everybody(code: str, days: int) -> None:
    for user in ("user", "another"):
        assert rests(shown(timedelta(days=days), code), user_hash=user) == f"snoozed:{code}"
        assert rests(shown(timedelta(days=days, minutes=5), code), user_hash=user) is None


@pytest.mark.parametrize("code", ["action-completed", "indication-order-exists"])
def test_what_was_done_rests_until_the_record_says_otherwise(code: str) -> None:
    done = shown(200 * DAY, code)
    day = (NOW - 200 * DAY).date()
    assert rests(done) == f"snoozed:{code}"
    for since, expected in [
        (day.isoformat(), False),
        ((day + DAY).isoformat(), True),
        (f"{day:%Y-%m}", False),
        (str(day.year + 1), True),
        ("", False),
    ]:
        found = rests(done, now=Now(MEANING, ["2020-01-01", since]))
        assert (found is None) == expected, since


@pytest.mark.parametrize("code", ["patient-ineligible", "cds-not-applicable", "patient-contraindication"])
def test_what_does_not_apply_rests_until_the_rule_means_something_else(code: str) -> None:
    assert rests(shown(700 * DAY, code), user_hash="another") == f"snoozed:{code}"
    assert rests(shown(700 * DAY, code), now=CHANGED) is None


@pytest.mark.parametrize("code", ["limited-time", "wrong-time-workflow", "need-more-info"])
def test_not_now_means_the_next_encounter(code: str) -> None:
    later = shown(3 * HOUR, code, encounter_hash="visit")
    assert rests(later) == f"snoozed:{code}"
    assert rests(later, encounter_hash="next") is None
    assert rests(later, user_hash="another") == f"snoozed:{code}", "it is the same encounter for everybody"


@pytest.mark.parametrize("code", ["inappropriate-recipient", "recipient-disagrees-evidence"])
def test_not_me_is_no_reason_for_others(code: str) -> None:
    said = shown(300 * DAY, code)
    assert rests(said) == f"snoozed:{code}"
    assert rests(said, user_hash="another") is None
    assert rests(said, now=CHANGED) == (None if code == "recipient-disagrees-evidence" else f"snoozed:{code}")


@pytest.mark.parametrize(("code", "named"), [("", "snoozed:override"), ("site-77", "snoozed:site-77")])
def test_without_a_reason_that_we_know_the_user_has_a_month_of_rest(code: str, named: str) -> None:
    assert rests(shown(29 * DAY, code)) == named
    assert rests(shown(31 * DAY, code)) is None
    assert rests(shown(29 * DAY, code), user_hash="another") is None


def test_of_several_reasons_all_must_be_over() -> None:
    both = shown(40 * DAY, "service-not-available", "patient-refuses")
    assert rests(both) == "snoozed:patient-refuses"


def test_what_was_accepted_is_under_way_for_a_month() -> None:
    taken = shown(20 * DAY, outcome=Outcome.ACCEPTED, outcome_at=NOW - 20 * DAY)
    assert rests(taken, user_hash="another") == "accepted"
    long_ago = shown(31 * DAY, outcome=Outcome.ACCEPTED, outcome_at=NOW - 31 * DAY)
    assert rests(long_ago) is None


@pytest.mark.parametrize("told", [NOW + 9000 * DAY, NOW - 9000 * DAY])
def test_a_clients_clock_that_cannot_be_right_is_not_believed(told: Any) -> None:
    def accepted(ago: timedelta) -> Shown:
        return shown(ago, outcome=Outcome.ACCEPTED, outcome_at=told)

    assert rests(accepted(29 * DAY)) == "accepted"
    assert rests(accepted(31 * DAY)) is None


# ---------------------------------------------------------------- encounters


def test_a_chart_that_is_loaded_anew_is_the_same_look() -> None:
    here = {"encounter_hash": "visit"}
    assert rests(shown(MINUTE, **here)) is None
    assert rests(shown(2 * MINUTE, **here)) == "same-encounter"
    assert rests(shown(MINUTE, **here), user_hash="another") == "same-encounter", "the team saw it in this visit"
    assert rests(shown(MINUTE, **here), encounter_hash="next") is None


def test_where_no_encounter_is_told_a_visit_is_over_after_half_a_day_and_is_the_users_own() -> None:
    alone = {"encounter_hash": None}
    assert rests(shown(11 * HOUR, **alone), **alone) == "same-encounter"
    assert rests(shown(13 * HOUR, **alone), **alone) is None
    assert rests(shown(11 * HOUR, **alone), user_hash="another", **alone) is None
    assert rests(shown(11 * HOUR), **alone) == "same-encounter", "one side told none"


def test_nobody_is_asked_a_fourth_time_within_a_fortnight() -> None:
    looks = [shown(days * DAY, encounter_hash=f"visit-{days}") for days in (3, 20, 40)]
    assert rests(*looks) == "unanswered"
    assert rests(*looks[:2]) is None
    assert rests(*looks, user_hash="another") is None
    assert rests(*looks, user_hash=None) is None
    fortnight = [shown(each + 14 * DAY, encounter_hash=f"visit-{each}") for each in (timedelta(0), DAY, 2 * DAY)]
    assert rests(*fortnight) is None, "then once more"
    assert rests(*fortnight, shown(13 * DAY, encounter_hash="once-more")) == "unanswered"


def test_several_calls_of_one_encounter_are_one_look() -> None:
    assert rests(*(shown(3 * DAY + n * HOUR) for n in range(9))) is None


def test_an_answer_begins_the_count_anew() -> None:
    looks = [shown(days * DAY, encounter_hash=f"visit-{days}") for days in (40, 38, 36)]
    answered = shown(35 * DAY, "limited-time", encounter_hash="visit-35")
    assert rests(*looks, answered, shown(3 * DAY)) is None


def test_the_third_look_may_be_loaded_anew_as_well() -> None:
    """A slow network is no reason to take the card away from whoever is looking at it."""
    looks = [shown(days * DAY, encounter_hash=f"visit-{days}") for days in (6, 3)]
    assert rests(*looks, shown(MINUTE, encounter_hash="visit")) is None


def test_a_silent_rules_cards_are_no_looks() -> None:
    looks = [shown(days * DAY, encounter_hash=f"visit-{days}", state=CardState.SILENT) for days in (3, 5, 7)]
    assert reason_to_rest(looks, OLD, situation(), silent=True) is None


# ---------------------------------------------------------------- in general


@given(st.sampled_from(["", *RESTS]), st.timedeltas(timedelta(0), LONGEST), st.timedeltas(timedelta(0), LONGEST))
def test_the_longer_ago_the_less_it_holds(code: str, one: timedelta, other: timedelta) -> None:
    earlier, later = max(one, other), min(one, other)
    if rests(shown(later, code, encounter_hash="earlier")) is None:
        assert rests(shown(earlier, code, encounter_hash="earlier")) is None


@given(st.sampled_from(["", *RESTS]), st.timedeltas(timedelta(0), LONGEST))
def test_what_holds_for_another_user_holds_for_the_one_who_said_it(code: str, ago: timedelta) -> None:
    if rests(shown(ago, code), user_hash="another"):
        assert rests(shown(ago, code))
    assert not (RESTS.get(code, DEFAULT).user_only and rests(shown(ago, code), user_hash="another"))
