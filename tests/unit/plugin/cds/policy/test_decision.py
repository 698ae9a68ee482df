"""What is said of all that could be said: never too much, nothing lost, and the same person on the same side of every draw."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.cds_policy import NOW, advice, shown, situation, terms

from plugin.cds.feedback import Outcome
from plugin.cds.ledger import CardState
from plugin.cds.overrides import REASONS
from plugin.cds.policy.decision import Decision, decide
from plugin.cds.policy.memory import RESTS
from plugin.cds.policy.rollout import CARD, CONTROL, arm, is_in_pilot
from plugin.settings import RolloutSettings

NAMES = ("food", "damp", "mood", "screen")


def names(found: Decision) -> dict[str, list[str]]:
    parts = {"shown": found.shown, "silent": found.silent, "held": found.held}
    return {part: [each.advice.rule.id.text for each in some] for part, some in parts.items()}


def reasons(found: Decision) -> dict[str, str]:
    return {each.advice.rule.id.text: each.reason for each in found.held}


def test_the_most_urgent_are_shown_and_the_rest_says_why_not() -> None:
    said = [advice(name, priority=priority) for name, priority in zip(NAMES, (10, 90, 50, 70), strict=True)]
    found = decide(said, situation(), [], terms())
    assert names(found) == {"shown": ["damp", "screen"], "silent": [], "held": ["mood", "food"]}
    assert set(reasons(found).values()) == {"limit"}


def test_of_two_that_are_as_urgent_the_more_welcome_comes_first() -> None:
    said = [advice(name) for name in NAMES[:3]]
    welcome = {"food": 0.1, "damp": 0.2, "mood": 0.3}
    assert names(decide(said, situation(), [], terms(2, esteem=welcome.__getitem__)))["shown"] == ["mood", "damp"]
    assert names(decide(said, situation(), [], terms(2)))["shown"] == ["damp", "food"], "by name where nothing is known"


def test_acceptance_is_not_counted_where_all_can_be_shown() -> None:
    def counted(rule: str) -> float:
        raise AssertionError("nothing needs ranking")

    assert names(decide([advice("food"), advice("damp")], situation(), [], terms(2, esteem=counted)))["shown"] == ["damp", "food"]


def test_a_silent_rule_takes_nobodys_place_and_says_what_people_would_have_seen() -> None:
    said = [advice("damp", "silent", 90), advice("food", priority=70), advice("mood", priority=50), advice("screen", "silent", 10)]
    found = decide(said, situation(), [], terms())
    assert names(found) == {"shown": ["food", "mood"], "silent": ["damp"], "held": ["screen"]}
    assert reasons(found) == {"screen": "limit"}, "had it been live, the limit would have held it back"


def test_a_silent_rule_counts_its_own_cards_as_seen_and_a_live_one_does_not() -> None:
    earlier = shown(timedelta(hours=1), encounter_hash="visit", state=CardState.SILENT)
    assert reasons(decide([advice("food", "silent")], situation(), [earlier], terms())) == {"food": "same-encounter"}
    assert names(decide([advice("food", "live")], situation(), [earlier], terms()))["shown"] == ["food"]


def test_suppressed_cards_were_seen_by_nobody() -> None:
    earlier = shown(timedelta(hours=1), encounter_hash="visit", state=CardState.SUPPRESSED)
    assert names(decide([advice()], situation(), [earlier], terms()))["shown"] == ["food"]


def test_a_demoted_rule_is_silent() -> None:
    assert names(decide([advice("food")], situation(), [], terms(demoted={"food"})))["silent"] == ["food"]


# ---------------------------------------------------------------- governance


def test_a_card_interrupts_only_where_governance_says_so() -> None:
    said = [advice("food", indicator="critical"), advice("damp", indicator="critical"), advice("mood", indicator="info")]
    found = decide(said, situation(), [], terms(3, {"damp": {"critical": True}}))
    assert {each.advice.rule.id.text: each.advice.rule.card.indicator for each in found.shown} == {
        "damp": "critical", "food": "warning", "mood": "info",
    }  # fmt: skip


def test_what_may_interrupt_comes_before_what_is_more_urgent_by_number() -> None:
    said = [advice("food", priority=99), advice("damp", priority=1, indicator="critical")]
    assert names(decide(said, situation(), [], terms(1, {"damp": {"critical": True}})))["shown"] == ["damp"]
    assert names(decide(said, situation(), [], terms(1)))["shown"] == ["food"], "a calmed one has no right of way"


@pytest.mark.parametrize(("allowed", "held"), [(True, {}), (False, {"food": "snoozed:patient-refuses"})])
def test_what_is_critical_is_not_snoozed(allowed: bool, held: dict[str, str]) -> None:
    past = [shown(timedelta(days=1), "patient-refuses")]
    assert reasons(decide([advice(indicator="critical")], situation(), past, terms(rollouts={"food": {"critical": allowed}}))) == held


def test_what_is_critical_is_not_shown_over_and_over_in_one_encounter() -> None:
    past = [shown(timedelta(hours=1), "patient-refuses", encounter_hash="visit")]
    found = decide([advice(indicator="critical")], situation(), past, terms(rollouts={"food": {"critical": True}}))
    assert reasons(found) == {"food": "same-encounter"}


# ---------------------------------------------------------------- pilots and trials


def sides(rollout: RolloutSettings, units: range, rule: str = "food") -> list[tuple[bool, str | None]]:
    places = [replace(situation(), patient=f"p{unit}") for unit in units]
    return [(is_in_pilot(rule, rollout, place), arm(rule, rollout, place)) for place in places]


def test_the_same_person_is_always_on_the_same_side() -> None:
    rollout = RolloutSettings(percent=40, control=30)
    later = replace(situation(NOW + timedelta(days=300)), user_hash="another", encounter_hash=None, client="south")
    for unit in range(200):
        place = replace(situation(), patient=f"p{unit}")
        again = replace(later, patient=f"p{unit}")
        assert is_in_pilot("food", rollout, place) == is_in_pilot("food", rollout, again)
        assert arm("food", rollout, place) == arm("food", rollout, again)


@pytest.mark.parametrize("percent", [1, 10, 50, 90, 99])
def test_shares_are_what_was_asked_for(percent: int) -> None:
    number = 20_000
    found = sides(RolloutSettings(percent=percent, control=percent), range(number))
    four_deviations = 4 * (percent / 100 * (1 - percent / 100) / number) ** 0.5
    assert sum(pilot for pilot, _ in found) / number == pytest.approx(percent / 100, abs=four_deviations)
    assert sum(side == CONTROL for _, side in found) / number == pytest.approx(percent / 100, abs=four_deviations)


def test_pilot_trial_and_other_rules_draw_apart() -> None:
    rollout, number = RolloutSettings(percent=50, control=50), 20_000
    one, other = sides(rollout, range(number)), sides(rollout, range(number), "damp")
    together = Counter((pilot, side == CONTROL) for pilot, side in one)
    between = Counter((a[1], b[1]) for a, b in zip(one, other, strict=True))
    for count in (*together.values(), *between.values()):
        assert count / number == pytest.approx(0.25, abs=4 * (0.25 * 0.75 / number) ** 0.5)


def test_a_share_may_be_widened_without_moving_anybody_out() -> None:
    narrow, wide = (sides(RolloutSettings(percent=percent), range(2_000)) for percent in (20, 60))
    assert all(after for (before, _), (after, _) in zip(narrow, wide, strict=True) if before)


def test_a_pilot_is_shown_to_its_clients_only() -> None:
    said = [advice("food", "pilot"), advice("damp", "pilot"), advice("mood", "live")]
    found = decide(said, situation(), [], terms(9, {"food": {"clients": ["south"]}, "mood": {"clients": ["south"]}}))
    assert names(found)["shown"] == ["damp", "mood"], "the settings of a pilot mean nothing to a live rule"
    assert reasons(found) == {"food": "not-in-pilot"}


def test_who_is_not_known_is_in_no_share() -> None:
    nobody = situation(user_hash=None)
    rollout = RolloutSettings(percent=99, control=99, unit="user")
    assert not is_in_pilot("food", rollout, nobody)
    assert arm("food", rollout, nobody) is None
    assert is_in_pilot("food", RolloutSettings(unit="user"), nobody), "everybody is everybody"


def test_the_control_group_gets_no_card_and_the_ledger_gets_the_arm() -> None:
    rollouts = {"food": {"control": 50}}
    found = [decide([advice()], replace(situation(), patient=f"p{unit}"), [], terms(rollouts=rollouts)) for unit in range(60)]
    assert {each.arm for one in found for each in one.shown} == {CARD}
    assert {each.arm for one in found for each in one.silent} == {CONTROL}
    held = decide([advice()], situation(), [shown(timedelta(days=1), "patient-refuses")], terms(rollouts=rollouts)).held
    assert held[0].arm in (CARD, CONTROL), "who was held back is in the trial all the same"


def test_a_canary_is_in_every_pilot_and_in_no_trial_and_still_calmed() -> None:
    rollouts = {"food": {"clients": ["south"], "control": 99, "critical": True}, "damp": {"percent": 0}}
    said = [advice("food", "pilot", indicator="critical"), advice("damp", "pilot", indicator="critical"), advice("mood", "silent")]
    found = decide(said, situation(), [], terms(1, rollouts, demoted={"food"}).for_canary(10))
    assert names(found) == {"shown": ["food", "damp"], "silent": ["mood"], "held": []}
    assert [each.advice.rule.card.indicator for each in found.shown] == ["critical", "warning"]


# ---------------------------------------------------------------- in general

_CODES = st.sampled_from(["", "a-code-of-the-site", *RESTS, *REASONS])
_AGO = st.timedeltas(timedelta(0), timedelta(days=900))


@st.composite
def pasts(draw: st.DrawFn) -> Any:
    codes = draw(st.lists(_CODES, max_size=2))
    usual = {
        "topic": draw(st.sampled_from(NAMES)),
        "user_hash": draw(st.sampled_from(["user", "other", None])),
        "encounter_hash": draw(st.sampled_from(["visit", "earlier", None])),
        "state": draw(st.sampled_from(list(CardState))),
        "fingerprint": draw(st.sampled_from(["sha256:" + "a" * 64, "another"])),
    }
    if not codes and draw(st.booleans()):
        usual |= {"outcome": Outcome.ACCEPTED, "outcome_at": NOW + draw(st.timedeltas(timedelta(days=-900), timedelta(days=900)))}
    return shown(draw(_AGO), *codes, **usual)


_RULES = st.fixed_dictionaries(
    {
        "status": st.sampled_from(["silent", "pilot", "live"]),
        "priority": st.integers(1, 100),
        "indicator": st.sampled_from(["info", "warning", "critical"]),
    }
)
_ROLLOUTS = st.fixed_dictionaries(
    {
        "percent": st.integers(0, 100),
        "control": st.integers(0, 99),
        "unit": st.sampled_from(["patient", "user", "client"]),
        "critical": st.booleans(),
        "clients": st.sampled_from([(), ("north",), ("south",)]),
    }
)


@given(
    st.dictionaries(st.sampled_from(NAMES), _RULES),
    st.dictionaries(st.sampled_from(NAMES), _ROLLOUTS),
    st.lists(pasts(), max_size=8),
    st.integers(1, 4),
    st.builds(situation, user_hash=st.sampled_from(["user", None]), encounter_hash=st.sampled_from(["visit", None])),
)
def test_all_advice_is_in_one_place_and_never_too_much_is_shown(
    rules: dict[str, Any], rollouts: dict[str, Any], past: list[Any], most: int, place: Any
) -> None:
    said = [advice(name, **each) for name, each in rules.items()]
    found = decide(said, place, sorted(past, key=lambda each: each.at), terms(most, rollouts))
    placed = names(found)
    assert sorted(name for some in placed.values() for name in some) == sorted(rules)
    assert len(found.shown) <= most
    assert all(each.reason and len(each.reason) <= 64 for each in found.held), "the ledger has room for it"
    assert all(each.advice.rule.status != "silent" for each in found.shown)
    limited = [each.advice.rule for each in found.held if each.reason == "limit"]
    assert not limited or len(found.shown) == most, "the limit holds nothing back while there is room"


@given(st.lists(pasts(), max_size=8), _ROLLOUTS)
def test_being_silent_changes_only_where_a_card_goes(past: list[Any], rollout: dict[str, Any]) -> None:
    """A rule that nobody sees speaks when people would have seen it, and rests when it would have rested for them."""
    only_returned = sorted((each for each in past if each.state is CardState.RETURNED), key=lambda each: each.at)
    settings = terms(2, {"food": rollout | {"control": 0, "critical": False, "clients": (), "percent": 100}})
    live = decide([advice("food", "live")], situation(), only_returned, settings)
    silent = decide([advice("food", "silent")], situation(), only_returned, settings)
    assert names(live)["shown"] == names(silent)["silent"]
    assert reasons(live) == reasons(silent)
