"""Engines that agree about facts and conditions agree about measures: of people, and of episodes, whose records are made up for them."""

from collections import Counter

import pytest
from support.measures import random_measure

from rules.conformance.populations import World
from rules.engines import Engine
from rules.episodes import Membership, memberships
from rules.facts import PersonRecord
from rules.grammar import OUTCOMES
from rules.measures import EPISODE, NOT_ELIGIBLE, UNKNOWN, Measure


def told(members: list[Membership]) -> list[tuple[object, ...]]:
    return [(m.counted.patient, m.counted.episode, m.counted.certain, dict(m.outcomes), dict(m.strata)) for m in members]


def results(engine: Engine, measure: Measure, world: World, people: list[PersonRecord]) -> list[Membership]:
    return list(memberships(measure, people, world.as_of, engine))


@pytest.mark.parametrize("episodes", [False, True], ids=["people", "episodes"])
def test_the_engines_agree_about_measures(world: World, episodes: bool, engines: dict[str, Engine]) -> None:
    measure, people = random_measure(world, episodes=episodes), list(world.people[:40])
    expected = told(results(engines["reference"], measure, world, people))
    for engine in engines.values():
        assert told(results(engine, measure, world, people)) == expected, engine.name


def test_one_person_at_a_time_is_the_same(world: World, engines: dict[str, Engine]) -> None:
    measure = random_measure(world, episodes=True)
    people = list(world.people[:15])
    together = told(results(engines["columnar"], measure, world, people))
    assert [each for person in people for each in told(results(engines["columnar"], measure, world, [person]))] == together


def test_every_outcome_is_common(worlds: list[World], engines: dict[str, Engine]) -> None:
    counted: Counter[str] = Counter()
    for world in worlds[:20]:
        for episodes in (False, True):
            members = results(engines["reference"], random_measure(world, episodes=episodes), world, list(world.people))
            counted.update(outcome for member in members for outcome in member.outcomes.values())
    assert {outcome for outcome in OUTCOMES if counted[outcome] > 50} == set(OUTCOMES)


def test_what_may_be_no_episode_is_not_eligible_or_unknown(worlds: list[World], engines: dict[str, Engine]) -> None:
    found = [
        outcome
        for world in worlds[:10]
        for member in results(engines["reference"], random_measure(world, episodes=True), world, list(world.people))
        if not member.counted.certain
        for outcome in member.outcomes.values()
    ]
    assert set(found) == {NOT_ELIGIBLE, UNKNOWN}


def test_only_the_episode_bears_the_mark(world: World, engines: dict[str, Engine]) -> None:
    measure = random_measure(world, episodes=True)
    members = results(engines["reference"], measure, world, list(world.people))
    for member in members:
        marked = [event.source for event in member.counted.record.events if EPISODE in event.codes]
        assert marked == ([member.counted.episode.source] if member.counted.episode else [])
    assert sum(member.counted.episode is not None for member in members) > 5
