"""Measures at random, over a random program: any derived value may be any population."""

from support.draws import Draws
from support.populations import World

from rules.ir import EventFact
from rules.measures import Group, Measure, Stratifier


def random_measure(world: World, *, episodes: bool) -> Measure:
    """A measure of the world's program, of people or of the events of one of its facts."""
    draws = Draws(f"measure {world.seed} {episodes}")
    program = world.program
    names = program.rules
    drawn = [draws.sample(names, 4) for _ in range(3)]
    groups = (
        Group("met alone", None, None, drawn[0][0], None),
        Group("met or excepted", None, None, drawn[1][0], drawn[1][1]),
        Group("whole", drawn[2][0], drawn[2][1], drawn[2][2], drawn[2][3]),
    )
    words = [fact.name for fact in program.facts if fact.type in ("word", "yes/no")]
    strata = tuple((f"s{number}", draws.choice(names)) for number in range(2))
    stratifiers = (Stratifier("by fact", draws.choice(words), ()), Stratifier("by conditions", None, strata))
    candidates = [fact for fact in program.facts if isinstance(fact, EventFact) and not fact.household]
    return Measure("random", program, groups, stratifiers, draws.choice(tuple(candidates)) if episodes else None)
