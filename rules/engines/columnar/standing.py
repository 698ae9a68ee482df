"""Evaluation over people who stand in a database already: nobody becomes an object, only those about whom there is something to say.

Whoever owns the data makes the tables ``person``, ``raw_event``, ``event_code``, ``event_answer`` and ``event_tag`` (see
`rules.engines.columnar.load`) of no more than what `wanted` names; here they are asked.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

import duckdb

from rules.engines.base import Evaluation
from rules.engines.columnar.dialects.duckdb import DuckDB
from rules.engines.columnar.emit import Emitter
from rules.engines.columnar.engine import ORDERED_EVENTS, evaluation_of
from rules.engines.columnar.features import Features, tables
from rules.facts import Coding
from rules.ir import EventFact, Program

_FETCH: Final = 1_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """The events that can decide an answer: those of ``tables`` that carry one of ``codes``, are opaque, or lie in ``uncoded``."""

    codes: frozenset[Coding]
    tables: frozenset[str]
    uncoded: frozenset[str]
    """Tables of which some fact takes every event, whatever its code."""
    tagged: bool
    """Whether some fact tells events apart by their tags."""


@dataclass(frozen=True, slots=True)
class Counted:
    """How many people one rule says something about."""

    yes: int
    unknown: int


def wanted(programs: Sequence[Program]) -> Wanted:
    """What the facts of some programs can rest on."""
    found = [series for program in programs for series, _ in Features(program).series]
    return Wanted(
        codes=frozenset(coding for series in found for coding in series.codes or ()),
        tables=frozenset(table for series in found for table in series.tables),
        uncoded=frozenset(table for series in found if series.codes is None for table in series.tables),
        tagged=any(series.tags for series in found),
    )


def wanted_of_others(programs: Sequence[Program]) -> Wanted:
    """What of it the facts can rest on that ask of everybody at the address."""
    return wanted(
        [program.only((), tuple(f.name for f in program.facts if isinstance(f, EventFact) and f.household)) for program in programs]
    )


class Standing:
    """The answers of one program about everybody in a connection; its table stays until the next one of that number is made there."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, program: Program, as_of: date, number: int = 0) -> None:
        """Evaluate. The tables of people and events are there; `order_events` was called."""
        emitter = Emitter(program, as_of, DuckDB())
        self._answer = f"answer{number}"
        self._connection, self._program = connection, program
        self._columns = {rule: emitter.columns[rule] for rule in program.rules}
        self._behind = {rule: [emitter.columns[fact.name] for fact in program.only((rule,)).facts] for rule in program.rules}
        for name, rows in tables(emitter.features, as_of).items():
            connection.register("given", rows)
            connection.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS FROM given")
            connection.unregister("given")
        connection.execute(f"CREATE OR REPLACE TEMP TABLE {self._answer} AS {emitter.statement()}")

    def counted(self) -> Mapping[str, Counted]:
        """Rule → how many people."""
        counts = ", ".join(f"count(*) FILTER (WHERE {c}), count(*) - count({c})" for c in self._columns.values())
        found = self._connection.execute(f"SELECT {counts} FROM {self._answer}").fetchall() if counts else [()]
        numbers = iter(found[0])
        return {rule: Counted(next(numbers), next(numbers)) for rule in self._columns}

    def ids(self, rules: Collection[str]) -> list[str]:
        """Those about whom one of ``rules`` says yes or unknown, in no order."""
        return [id for (id,) in self._connection.execute(f"SELECT id FROM {self._answer} WHERE {self._told(rules)}").fetchall()]

    def marks(self) -> dict[str, int]:
        """Of each of those about whom some rule says yes or unknown a hash: of what these rules say, and of the facts behind them."""
        told = ", ".join(
            f"CASE WHEN {column} IS DISTINCT FROM FALSE THEN hash({', '.join([column, *self._behind[rule]])}) END"
            for rule, column in self._columns.items()
        )
        query = f"SELECT id, hash({told or 0}) FROM {self._answer} WHERE {self._told(self._columns)}"
        return dict(self._connection.execute(query).fetchall())

    def _told(self, rules: Collection[str]) -> str:
        return " OR ".join(f"{self._columns[rule]} IS DISTINCT FROM FALSE" for rule in rules) or "FALSE"

    def evaluations(self, ids: Sequence[str]) -> Iterator[Evaluation]:
        """Everything about these people, in the order of ``ids``."""
        query = f"SELECT a.* FROM {self._answer} a JOIN (SELECT unnest($1) AS id, generate_subscripts($1, 1) AS n) USING (id) ORDER BY n"
        rows = self._connection.execute(query, [list(ids)])
        while found := rows.fetchmany(_FETCH):
            yield from (evaluation_of(self._program, row) for row in found)


def order_events(connection: duckdb.DuckDBPyConnection) -> None:
    """Give every event its place in the order that *latest* means: once for all programs."""
    connection.execute(f"CREATE OR REPLACE TEMP TABLE event AS {ORDERED_EVENTS}")
