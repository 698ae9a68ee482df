"""A rule that says something of far more, or fewer, people than it did."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from plugin.sweep.bands import Bands, Counted, check_rules, history
from plugin.sweep.errors import SweepRefused
from plugin.sweep.runs import Run

TODAY = date(2026, 6, 30)
STOPS = Bands(firing="stop", unknown="stop")


def swept(days_ago: int, yes: int, unknown: int = 100, people: int = 10_000, meaning: str = "one") -> Counted:
    return Counted(TODAY - timedelta(days=days_ago), people, {"hunger": {"yes": yes, "unknown": unknown}}, {"hunger": meaning})


def nights(yes: int = 500, count: int = 40, **more: int) -> list[Counted]:
    """The latest first, with some variation."""
    return [swept(ago, yes + ago % 5, **more) for ago in range(1, count + 1)]


@pytest.mark.parametrize("yes", [430, 500, 580])
def test_what_is_usual_passes(yes: int) -> None:
    assert check_rules(swept(0, yes), nights(), STOPS) == []


@pytest.mark.parametrize(("yes", "kind"), [(0, "less"), (100, "less"), (1_500, "more")])
def test_what_is_not_stops_or_is_told(yes: int, kind: str) -> None:
    with pytest.raises(SweepRefused, match=f"hunger: yes of {yes:,} people in 1 day\\(s\\), {kind} than usual.*\n.*--other-counts"):
        check_rules(swept(0, yes), nights(), STOPS)
    (told,) = check_rules(swept(0, yes), nights(), replace(STOPS, firing="warn"))
    assert (told.rule, told.kind) == ("hunger", "yes")
    assert check_rules(swept(0, yes), nights(), replace(STOPS, firing="ignore")) == []


def test_more_people_may_have_more_findings() -> None:
    assert check_rules(swept(0, 1_500, 300, people=30_000), nights(), STOPS) == []


@pytest.mark.parametrize("before", [[], nights(count=10), [replace(each, meanings={"hunger": "other"}) for each in nights()]])
def test_without_a_baseline_of_the_same_meaning_nothing_is_said(before: list[Counted]) -> None:
    assert check_rules(swept(0, 0), before, STOPS) == []


def test_a_rule_that_suddenly_knows_nothing_stops_the_sweep() -> None:
    with pytest.raises(SweepRefused, match=r"hunger: unknown of 60 % of the people, after 1 % in the last sweep"):
        check_rules(swept(0, 500, 6_000), nights(), STOPS)
    (told,) = check_rules(swept(0, 500, 6_000), nights(), replace(STOPS, unknown="warn"))
    assert told.kind == "unknown"
    assert check_rules(swept(0, 500, 6_000), nights(), replace(STOPS, unknown="ignore")) == []


@pytest.mark.parametrize(
    ("now", "before"),
    [
        (swept(0, 500, 2_100), nights()),
        (swept(0, 500, 0), nights(unknown=9_000)),
        (swept(0, 0, 15, people=30), [swept(1, 0, 0, people=30)]),
        (swept(0, 500, 6_000, meaning="two"), nights()),
        (swept(0, 0, 0, people=0), nights()),
    ],
    ids=["not much more", "fewer", "few people", "another meaning", "nobody"],
)
def test_what_is_no_sudden_rise_of_unknown_passes(now: Counted, before: list[Counted]) -> None:
    assert check_rules(now, before, replace(STOPS, firing="ignore")) == []


def test_only_published_sweeps_of_the_same_source_are_compared() -> None:
    result = {"as_of": "2026-06-29", "people": 5, "source": "main", "rules": {}, "meanings": {}}
    run = Run("a", "main", "2026-06-29", "2026-06-29T02:00:00+00:00", "published", result=result)
    runs = [run, replace(run, status="refused"), replace(run, result=result | {"source": "other"}), replace(run, result={"people": 5})]
    assert [each.people for each in history(runs, "main")] == [5]
