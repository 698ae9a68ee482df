"""What becomes of a referral by itself: the step as rules, by both engines, against the same said a second time in plain words."""

import random
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_adapters.referral_states import Status
from plugin.referrals.stepping import FACTS, RULES, Situation, Step, by_meaning, due, next_step
from plugin.referrals.words import REASONS
from rules.engines.rete import DurableRules, why_unavailable

TODAY = date(2026, 6, 30)


def said(situation: Situation, today: date) -> Step | None:
    """The oracle."""
    if situation.state is Status.REQUESTED:
        if situation.nudged is not None:
            return Step.WITHDRAW if today >= situation.nudged + timedelta(days=5) else None
        return Step.NUDGE if situation.requested is not None and today >= situation.requested + timedelta(days=10) else None
    if situation.state is Status.COMPLETED:
        return None if situation.outcome or situation.asked else Step.ASK
    free = (situation.state, situation.reason) in ((Status.REJECTED, "no-capacity"), (Status.CANCELLED, "no-answer"))
    if not free or situation.rerouted:
        return None
    if situation.there:
        return Step.REROUTE
    late = situation.withdrawn is not None and today >= situation.withdrawn + timedelta(days=2)
    return Step.STUCK if late and situation.state is Status.CANCELLED else None


days = st.none() | st.dates(TODAY - timedelta(days=40), TODAY)
situations = st.builds(
    Situation, st.sampled_from(Status), days, days, st.none() | st.sampled_from(sorted(REASONS)), *[st.booleans()] * 4, days
)


@given(situations, st.integers(0, 30))
def test_the_rules_say_what_is_meant(situation: Situation, later: int) -> None:
    today = TODAY + timedelta(days=later)
    assert next_step(situation, today) == said(situation, today)
    assert sum(answer is True for answer in by_meaning(situation.values(today)).values()) <= 1


@given(situations)
def test_nothing_is_to_be_done_before_it_is_due(situation: Situation) -> None:
    day = due(situation, TODAY)
    for later in range(40):
        today = TODAY + timedelta(days=later)
        if next_step(situation, today) is not None:
            assert day is not None
            assert day <= today
    if day is not None and (situation.there or situation.state in (Status.REQUESTED, Status.COMPLETED)):
        assert next_step(situation, max(day, TODAY)) is not None


@pytest.fixture(scope="module")
def durable() -> Iterator[DurableRules]:
    if reason := why_unavailable():
        pytest.skip(reason)
    rules = DurableRules(RULES, FACTS)
    yield rules
    rules.close()


def histories(number: int) -> Iterator[tuple[Situation, date]]:
    """Random lives, day by day: sent, reminded or not, answered or not, rerouted or not."""
    draw = random.Random(7)  # noqa: S311
    for _ in range(number):
        sent = TODAY - timedelta(days=draw.randrange(30))
        known = {"requested": draw.choice([sent, sent, sent, None]), "nudged": None, "reason": None, "withdrawn": None}
        state = Status.REQUESTED
        for day in range(0, 30, draw.randint(1, 6)):
            today = sent + timedelta(days=day)
            flags = [draw.random() < 0.5 for _ in range(4)]
            yield Situation(state, known["requested"], known["nudged"], known["reason"], *flags, known["withdrawn"]), today  # type: ignore[arg-type]
            if state is Status.REQUESTED and draw.random() < 0.3:
                known["nudged"] = today  # type: ignore[assignment]
            if draw.random() < 0.4:
                state, known["reason"] = draw.choice(list(Status)), draw.choice([None, *REASONS])  # type: ignore[assignment]
                known["withdrawn"] = draw.choice([today, today, None]) if state is Status.CANCELLED else None


def test_durable_rules_takes_the_same_steps(durable: DurableRules) -> None:
    taken = set()
    for situation, today in histories(300):
        assert durable.answers(situation.values(today)) == by_meaning(situation.values(today))
        step = next_step(situation, today, durable.answers)
        assert step == next_step(situation, today)
        taken.add(step)
    assert taken == {None, *Step}
