"""Does the monitor hear what matters, and keep quiet otherwise? By seeded simulation (`support.firing`)."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.firing import DAY, FIRST, LIMIT, WARM, alarms, false_alarms, first_alarm, seeded, series

from plugin.cds.policy.monitor import GUARD, Count, at_most, judged


@pytest.mark.parametrize("mean", [500, 50, 10, 2])
def test_a_rule_that_goes_on_as_before_is_no_alarm(mean: float) -> None:
    """At most one false alarm in four rule-years: goal of the reference's simulation, which found 0.25 at 500 a day."""
    assert false_alarms(seeded(f"quiet {mean}"), mean, 12) <= 0.25


@pytest.mark.parametrize(
    ("mean", "factor", "within"), [(500, 0, 1), (50, 0, 1), (10, 0, 5), (500, 0.5, 7), (50, 0.5, 8), (50, 3, 2), (10, 3, 3), (2, 10, 1)]
)
def test_a_change_is_heard_soon(mean: float, factor: float, within: int) -> None:
    """The median of days until the alarm, of 21 runs."""
    draw = seeded(f"change {mean} {factor}")
    heard = sorted(first_alarm(draw, mean, factor, 30) or 99 for _ in range(21))
    assert heard[10] <= within


def test_a_rare_rule_that_stops_is_not_heard_and_that_is_what_canaries_are_for() -> None:
    draw = seeded("rare")
    assert [alarms(series(draw, 0.5, 60, 0)) for _ in range(10)] == [[]] * 10


@pytest.mark.parametrize(("calls", "fired"), [(0, 0), (200, 20)])
def test_fewer_visits_are_no_alarm(calls: int, fired: int) -> None:
    days = series(seeded("holiday"), 100, 7)
    holiday = {day: Count(calls, fired) for day in list(days)[WARM:]}
    assert alarms(days | holiday) == []


def test_without_enough_days_nothing_is_said() -> None:
    days = {FIRST + number * DAY: Count(1000, 50) for number in range(13 + GUARD)}
    last = max(days)
    assert judged(days | {last: Count(1000, 0)}, last, LIMIT) == ()
    fortnight = {FIRST - DAY: Count(1000, 50)} | days | {last: Count(1000, 0)}
    assert [(signal.kind, signal.days) for signal in judged(fortnight, last, LIMIT)] == [("less", 1)]


def test_a_flood_after_weeks_of_silence_is_heard() -> None:
    days = {FIRST + number * DAY: Count(1000, 0) for number in range(WARM)}
    (one, seven) = judged(days | {FIRST + WARM * DAY: Count(1000, 40)}, FIRST + WARM * DAY, LIMIT)
    assert (one.kind, one.found, one.days, seven.days) == ("more", 40, 1, 7)


@given(st.integers(0, 400), st.floats(0.01, 400), st.floats(0.01, 3))
def test_the_probability_is_the_sum_of_its_terms(number: int, mean: float, variation: float) -> None:
    size = 1 / variation
    share = size / (size + mean)
    terms = (
        math.exp(math.lgamma(size + k) - math.lgamma(size) - math.lgamma(k + 1) + size * math.log(share) + k * math.log1p(-share))
        for k in range(number + 1)
    )
    assert at_most(number, mean, variation) == pytest.approx(math.fsum(terms), rel=1e-6, abs=1e-12)
