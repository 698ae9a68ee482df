"""The columnar engine on Spark: the same statement, in Spark's dialect, on a local session, a cluster or Spark Connect."""

import os
from collections.abc import Iterable, Iterator
from datetime import date
from importlib.util import find_spec
from typing import Any

from rules.engines.base import Evaluation
from rules.engines.columnar import load
from rules.engines.columnar.dialects.spark import Spark
from rules.engines.columnar.emit import Emitter
from rules.engines.columnar.engine import ORDERED_EVENTS, evaluation_of
from rules.engines.columnar.features import tables
from rules.errors import EngineUnavailable
from rules.facts import PersonRecord
from rules.ir import Program

_SETTINGS = {
    "spark.sql.ansi.enabled": "true",
    "spark.sql.ansi.doubleQuotedIdentifiers": "true",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.constraintPropagation.enabled": "false",  # it fails on a union of a kept step with itself
}
_KEPT = ("hit", "judged", "spread", "sight", "glance", "window", "tally", "group", "long", "layer")
"""Steps whose rows are kept: Spark would otherwise copy them into every later step that reads them, and grow without bounds."""


class SparkEngine:
    """Evaluates all people in one Spark SQL statement. ``SPARK_REMOTE`` or a running session says where; otherwise locally."""

    name = "spark"

    def __init__(self) -> None:
        """Start or join a session.

        Raises:
            EngineUnavailable: PySpark or Java is not there.
        """
        if find_spec("pyspark") is None:
            raise EngineUnavailable("PySpark is not installed: pip install 'almoner[spark]' (it needs Java 17 or later)")
        self._session = _session()

    def evaluate(self, program: Program, people: Iterable[PersonRecord], as_of: date) -> Iterator[Evaluation]:
        """See `rules.engines.base.Engine.evaluate`. People must have different ids."""
        emitter = Emitter(program, as_of, Spark())
        for name, rows in (load.tables(people) | tables(emitter.features, as_of)).items():
            self._frame(rows).createOrReplaceTempView(name)
        # Kept too: several steps read it, and an event's place must be the same in each, even of two that compare alike.
        self._session.sql(ORDERED_EVENTS).localCheckpoint().createOrReplaceTempView("event")
        *steps, result = emitter.steps()
        for step in steps:
            found = self._session.sql(step.query)
            if step.name.startswith(_KEPT):
                found = found.localCheckpoint()
            found.createOrReplaceTempView(step.name)
        for row in self._session.sql(result.query).orderBy("pid").toLocalIterator():
            yield evaluation_of(program, tuple(row))

    def _frame(self, rows: Any) -> Any:
        """Spark Connect does not see the columns of an Arrow table without rows."""
        from pyspark.sql.pandas.types import from_arrow_schema

        if rows.num_rows:
            return self._session.createDataFrame(rows)
        return self._session.createDataFrame([], from_arrow_schema(rows.schema))

    def close(self) -> None:
        """Leave the session: it may be shared."""


def _session() -> Any:
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.appName("almoner")
    for key, value in _SETTINGS.items():
        builder = builder.config(key, value)
    if "SPARK_REMOTE" not in os.environ:
        builder = (
            builder.master("local[2]")
            .config("spark.ui.enabled", "false")
            .config("spark.sql.shuffle.partitions", "2")
            .config("spark.driver.memory", "4g")
        )
    session = builder.getOrCreate()
    for key, value in _SETTINGS.items():
        session.conf.set(key, value)
    return session
