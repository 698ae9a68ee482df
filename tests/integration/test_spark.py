"""The same rules on Spark, where PySpark and Java are there: not one cell may differ from the reference engine."""

from collections.abc import Iterator

import pytest

from rules.conformance.comparison import differences
from rules.conformance.populations import random_world
from rules.engines import Engine, engine
from rules.engines.reference import ReferenceEngine
from rules.example_runs import run_case
from rules.pack import BUILT_IN, load_packs

pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'almoner[spark]'; make long does it")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def spark() -> Iterator[Engine]:
    opened = engine("spark")
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", ["spark 1", "spark 2"])
def test_no_cell_differs(spark: Engine, seed: str) -> None:
    world = random_world(seed, rules=10, people=100)
    compared, found = differences({"reference": ReferenceEngine(), "spark": spark}, world.program, world.people, world.as_of)
    assert compared
    assert found == []


def test_the_examples_of_a_shipped_rule(spark: Engine) -> None:
    (pack,) = load_packs(BUILT_IN / "whole-person" / "rules" / "phq9-no-follow-up.yaml")
    failures = [failure for case in pack.cases[:3] for failure in run_case(pack, case, [spark])]
    assert failures == []
