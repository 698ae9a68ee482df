"""Measures at random, over a random program: any derived value may be any population, any series of events the episodes."""

from collections import Counter

from rules.conformance.draws import Draws
from rules.conformance.populations import World
from rules.engines.reference import ReferenceEngine
from rules.episodes import counted_of
from rules.ir import EventFact
from rules.measures import Group, Measure, Stratifier

CHOICE = 6
"""So many of the values that divide people best, and of the series that have most events, are drawn from."""


def random_measure(world: World, *, episodes: bool) -> Measure:
    """A measure of the world's program, of people or of the events of one of its facts."""
    draws = Draws(f"measure {world.seed} {episodes}")
    names = _dividing(world)
    drawn = [draws.sample(names, 4) for _ in range(3)]
    groups = (
        Group("met or excluded", None, drawn[0][1], drawn[0][0], None),
        Group("met or excepted", None, None, drawn[1][0], drawn[1][1]),
        Group("whole", drawn[2][0], drawn[2][1], drawn[2][2], drawn[2][3]),
    )
    words = [fact.name for fact in world.program.facts if fact.type in ("word", "yes/no")]
    strata = tuple((f"s{number}", draws.choice(names)) for number in range(2))
    stratifiers = (Stratifier("by fact", draws.choice(words), ()), Stratifier("by conditions", None, strata))
    return Measure("random", world.program, groups, stratifiers, draws.choice(_frequent(world)) if episodes else None)


def _dividing(world: World) -> list[str]:
    """The derived values that are yes for many people and no for many."""
    answers = Counter(
        (name, answer)
        for evaluation in ReferenceEngine().evaluate(world.program, world.people, world.as_of)
        for name, answer in evaluation.answers.items()
    )
    names = [derived.name for derived in world.program.derived]
    return sorted(names, key=lambda name: -min(answers[name, True], answers[name, False]))[:CHOICE]


def _frequent(world: World) -> list[EventFact]:
    """The facts of which people have many events."""
    facts = [fact for fact in world.program.facts if isinstance(fact, EventFact) and not fact.household]

    def events(fact: EventFact) -> int:
        measure = Measure("count", world.program, (), (), fact)
        return sum(1 for record in world.people[:30] for each in counted_of(measure, record, world.as_of) if each.certain)

    return sorted(facts, key=events, reverse=True)[:CHOICE]
