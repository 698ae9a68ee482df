"""One engine held against the reference, world by world."""

from collections.abc import Iterator
from dataclasses import dataclass

from rules.conformance.comparison import differences, report
from rules.conformance.populations import random_world
from rules.engines.base import Engine
from rules.engines.reference import ReferenceEngine

RULES = 10
PEOPLE = 100
"""In each world."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One world in two engines."""

    comparisons: int
    """Answers of rules about people."""
    cells: int
    """Answers and facts about people."""
    differing: int
    """Cells that are not the same, in kind and value."""
    report: str
    """Everything that is needed to see the first difference again; empty if there is none."""


def conformance(engine: Engine, comparisons: int, seed: str) -> Iterator[Compared]:
    """Worlds until so many answers were compared: every construct of the language, and records that lack whatever records lack."""
    engines = {"reference": ReferenceEngine(), engine.name: engine}
    for number in range(-(-comparisons // (RULES * PEOPLE))):
        world = random_world(f"{seed}-{number}", rules=RULES, people=PEOPLE)
        evaluations, found = differences(engines, world.program, world.people, world.as_of)
        cells = sum(len(each.facts) + len(each.answers) for each in evaluations)
        told = report(world.seed, engines, world.program, world.as_of, found[0]) if found else ""
        yield Compared(RULES * PEOPLE, cells, sum(len(each.names) for each in found), told)
