"""The files that a load adds: sorted by place, cut into pieces of bounded size."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb

from fhir_adapters.warehouse.columns import KINDS
from fhir_adapters.warehouse.homes import STRAY
from fhir_adapters.warehouse.settle import which_are_written
from fhir_adapters.warehouse.staging import Halves, scans, united

ROWS: Final = 250_000
"""Rows of one file at most (a household's are never parted, so it may be somewhat more). So many are sorted at a time: to sort everything
at once takes memory that grows with the number of people, whatever is spilled."""
_GROUP: Final = 16_384
"""Rows of one row group: what a reader of a few households has to unpack."""


@dataclass(frozen=True, slots=True)
class Files:
    """The files of a load: in ``folder``, with names that begin with ``name``, of about so many ``rows`` each."""

    folder: Path
    name: str
    rows: int = ROWS

    def path(self, kind: str, number: int) -> Path:
        """One of them."""
        return self.folder / f"{self.name}-{kind}-{number}.parquet"


_WHERE: Final = f"coalesce(h.place, {STRAY.format(patient='r.patient')}) AS place, coalesce(h.person, r.patient) AS person"
_PLACED: Final = f"""
CREATE TEMP TABLE placed_{{kind}} AS
SELECT $run::INTEGER AS run, {_WHERE}, r.seen, {{columns}}
FROM (SELECT {{columns}}, $at::BIGINT AS seen FROM whole_{{kind}} {{written}}
      UNION ALL SELECT {{columns}}, seen FROM live_{{kind}} ANTI JOIN leaving USING (run, source) {{moving}}) r
LEFT JOIN homes_after h USING (patient)
"""
_PLACED_HALVES: Final = f"""
CREATE TEMP TABLE placed_halves AS SELECT {_WHERE}, r.* FROM {{own}} r {{written}} LEFT JOIN homes_after h USING (patient)
"""
_ORDER: Final = {"people": "place, person, source", "events": "place, person, source, n", "named": "place, source"}
_ORDER_OF_HALVES: Final = "place, person, part_no, id, row"
_AS_WRITTEN: Final = "SET disabled_optimizers = 'join_order,build_side_probe_side'"
"""A join keeps the order of its left side."""


def place(connection: duckdb.DuckDBPyConnection, halves: Halves, run: int, at: int, *, everything: bool) -> None:
    """Make ``placed_people`` and so on, and ``placed_halves``, of what is new and what moves, or of everything that counts. What was
    staged is gone then, but for the halves.
    """
    written = which_are_written(connection)
    if halves:
        connection.execute(_PLACED_HALVES.format(own=united(scans(halves.own)), written=written))
    for kind, columns in KINDS.items():
        statement = _PLACED.format(
            kind=kind,
            columns=", ".join(columns),
            moving="" if everything else "SEMI JOIN moving USING (patient)",
            written=written,
        )
        connection.execute(statement, {"run": run, "at": at})
        connection.execute(f"DROP VIEW staged_{kind}; DROP VIEW whole_{kind}; DROP TABLE here_{kind}")


def leave(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows that move leave the place where they were; their copies are written by this load."""
    for kind in KINDS:
        connection.execute(
            f"INSERT INTO leaving SELECT DISTINCT run, source, false FROM live_{kind} SEMI JOIN moving USING (patient) "
            "ANTI JOIN leaving USING (run, source)"
        )


def write_rows(connection: duckdb.DuckDBPyConnection, files: Files, halves: Halves, run: int, at: int) -> Iterator[tuple[Path, str, int]]:
    """Write what is placed; each file with its kind and number of rows."""
    for kind in KINDS:
        for number, within in enumerate(_pieces(connection, f"placed_{kind}", files.rows)):
            query = f"SELECT * FROM placed_{kind} WHERE {within} ORDER BY {_ORDER[kind]}"
            yield from write(connection, query, files.path(kind, number), kind)
    if not halves:
        return
    columns = ", ".join(KINDS["events"])
    connection.execute(_AS_WRITTEN)
    for number, within in enumerate(_pieces(connection, "placed_halves", files.rows)):
        own = f"(SELECT * FROM placed_halves WHERE {within} ORDER BY {_ORDER_OF_HALVES})"
        query = f"SELECT {run}::INTEGER AS run, place, person, {at}::BIGINT AS seen, {columns} FROM {halves.together(own)}"
        yield from write(connection, query, files.path("events-of-halves", number), "events")
    connection.execute("RESET disabled_optimizers")


def _pieces(connection: duckdb.DuckDBPyConnection, table: str, rows: int) -> Iterator[str]:
    """Conditions that part a table into pieces, in the order of place."""
    numbered = f"SELECT place, row_number() OVER (ORDER BY place) AS number FROM {table}"
    query = f"SELECT DISTINCT place FROM ({numbered}) WHERE number % $1 = 0 ORDER BY place"
    cuts = connection.execute(query, [rows]).fetchall()
    for low, high in pairwise([None, *(cut for (cut,) in cuts), None]):
        edges = [f"place > {low}"] * (low is not None) + [f"place <= {high}"] * (high is not None)
        yield " AND ".join(edges) or "true"


def write(connection: duckdb.DuckDBPyConnection, query: str, path: Path, kind: str) -> Iterator[tuple[Path, str, int]]:
    """Write the rows of a query, if there are any."""
    target = str(path).replace("'", "''")
    written = connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP})").fetchone()
    rows = written[0] if written else 0
    if rows:
        yield path, kind, rows
    else:
        path.unlink()
