"""The same rules on Spark, where PySpark and Java are there: not one cell may differ from the reference engine."""

import os
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from fhir_adapters.synthetic import write_ndjson
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import people_batches
from rules.conformance.comparison import differences
from rules.conformance.populations import random_world
from rules.engines import Engine, engine
from rules.engines.reference import ReferenceEngine
from rules.example_runs import run_case
from rules.pack import BUILT_IN, load_packs

pytest.importorskip("pyspark", reason="PySpark is not installed: pip install 'almoner[spark]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


PEOPLE = int(os.environ.get("ALMONER_SPARK_PEOPLE", "300"))
PORTION = 50_000
"""So many at once: planning and compiling a statement costs Spark seconds, however few the people."""


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


def test_a_warehouse_says_the_same_on_spark_as_on_duckdb(spark: Engine, tmp_path: Path) -> None:
    """``ALMONER_SPARK_PEOPLE`` says of how many people; with ``SPARK_REMOTE=local[2]`` this goes by Spark Connect."""
    files, root, as_of = tmp_path / "files", tmp_path / "warehouse", date(2026, 6, 30)
    files.mkdir()
    write_ndjson(files, PEOPLE, 58, as_of)
    load_export(root, export_in(files, at=datetime(2026, 6, 30, tzinfo=UTC)))
    cells = 0
    for people in people_batches(root, PORTION):
        for pack in load_packs(BUILT_IN):
            duckdb = {e.patient: e for e in engine("columnar").evaluate(pack.program, people, as_of)}
            for found in spark.evaluate(pack.program, people, as_of):
                assert found == duckdb.pop(found.patient)
                cells += len(found.facts) + len(found.answers)
            assert not duckdb
    assert cells > PEOPLE * 20
