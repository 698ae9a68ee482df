"""The seed and the size of the generated comparisons, and the engines that they compare."""

import os
from collections.abc import Iterator
from functools import cache

import pytest
from support.engines import open_engines

from rules.conformance.populations import World, random_world
from rules.engines import Engine

SEED = os.environ.get("ALMONER_GENTEST_SEED", "1895")
COMPARISONS = int(os.environ.get("ALMONER_GENTEST_COMPARISONS", "50000"))
RULES = 10
PEOPLE = 100
WORLDS = -(-COMPARISONS // (RULES * PEOPLE))
"""Each world gives ``RULES * PEOPLE`` comparisons of a rule about a person."""


@cache
def world_of(seed: str) -> World:
    """The world of a seed, made once."""
    return random_world(seed, RULES, PEOPLE)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each world, or for the first few of them; the seed stands in the test's name."""
    for name, count in (("each_world", WORLDS), ("world", min(WORLDS, 4))):
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, [f"{SEED}-{i}" for i in range(count)], indirect=True)


@pytest.fixture
def each_world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)


@pytest.fixture
def world(request: pytest.FixtureRequest) -> World:
    return world_of(request.param)


@pytest.fixture(scope="session")
def worlds() -> list[World]:
    """All worlds of this run."""
    return [world_of(f"{SEED}-{i}") for i in range(WORLDS)]


@pytest.fixture
def engines() -> Iterator[dict[str, Engine]]:
    with open_engines() as opened:
        yield opened


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How to see the same worlds again."""
    terminalreporter.line(f"generated worlds: {WORLDS} x {RULES} rules x {PEOPLE} people; again with ALMONER_GENTEST_SEED={SEED}")
