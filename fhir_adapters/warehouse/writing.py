"""The files that a load adds: sorted by place, cut into pieces of bounded size."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import duckdb

from fhir_adapters.warehouse.columns import KINDS
from fhir_adapters.warehouse.homes import STRAY

ROWS: Final = 250_000
"""Rows of one file at most (a household's are never parted, so it may be somewhat more). So many are sorted at a time: to sort everything
at once takes memory that grows with the number of people, whatever is spilled."""
_GROUP: Final = 16_384
"""Rows of one row group: what a reader of a few households has to unpack."""

_PLACED: Final = f"""
CREATE TABLE placed_{{kind}} AS
SELECT $run::INTEGER AS run, coalesce(h.place, {STRAY.format(patient="r.patient")}) AS place, coalesce(h.person, r.patient) AS person,
       r.seen, {{columns}}
FROM (SELECT {{columns}}, $at::BIGINT AS seen FROM staged_{{kind}}
      SEMI JOIN (SELECT ordinal FROM verdict WHERE verdict = 'write') USING (ordinal)
      UNION ALL SELECT {{columns}}, seen FROM live_{{kind}} ANTI JOIN leaving USING (run, source) {{moving}}) r
LEFT JOIN homes_after h USING (patient)
"""
_ORDER: Final = {"people": "place, person, source", "events": "place, person, source, n", "named": "place, source"}


def place(connection: duckdb.DuckDBPyConnection, run: int, at: int, *, everything: bool) -> None:
    """Make ``placed_people`` and so on of what is new and what moves, or of everything that counts. What was staged is gone then."""
    for kind, columns in KINDS.items():
        statement = _PLACED.format(
            kind=kind,
            columns=", ".join(columns),
            moving="" if everything else "SEMI JOIN moving USING (patient)",
        )
        connection.execute(statement, {"run": run, "at": at})
        _drop_staged(connection, kind)


def _drop_staged(connection: duckdb.DuckDBPyConnection, kind: str) -> None:
    """Let go of what was staged: a table, or a view of one and of what was staged elsewhere."""
    views = "SELECT view_name FROM duckdb_views() WHERE view_name = $1"
    if connection.execute(views, [f"staged_{kind}"]).fetchone():
        connection.execute(f"DROP VIEW staged_{kind}")
        connection.execute(f"DROP TABLE staged_{kind}_here")
    else:
        connection.execute(f"DROP TABLE staged_{kind}")


def leave(connection: duckdb.DuckDBPyConnection) -> None:
    """Rows that move leave the place where they were; their copies are written by this load."""
    for kind in KINDS:
        connection.execute(
            f"INSERT INTO leaving SELECT DISTINCT run, source, false FROM live_{kind} SEMI JOIN moving USING (patient) "
            "ANTI JOIN leaving USING (run, source)"
        )


def write_rows(connection: duckdb.DuckDBPyConnection, folder: Path, name: str, rows: int = ROWS) -> Iterator[tuple[Path, str, int]]:
    """Write what is placed; each file with its kind and number of rows."""
    for kind in KINDS:
        table = f"placed_{kind}"
        numbered = f"SELECT place, row_number() OVER (ORDER BY place) AS number FROM {table}"
        query = f"SELECT DISTINCT place FROM ({numbered}) WHERE number % $1 = 0 ORDER BY place"
        cuts = connection.execute(query, [rows]).fetchall()
        edges = [None, *(cut for (cut,) in cuts), None]
        for number, (low, high) in enumerate(pairwise(edges)):
            within = f"({low} IS NULL OR place > {low}) AND ({high} IS NULL OR place <= {high})".replace("None", "NULL")
            query = f"SELECT * FROM {table} WHERE {within} ORDER BY {_ORDER[kind]}"
            yield from write(connection, query, folder / f"{name}-{kind}-{number}.parquet", kind)


def write(connection: duckdb.DuckDBPyConnection, query: str, path: Path, kind: str) -> Iterator[tuple[Path, str, int]]:
    """Write the rows of a query, if there are any."""
    target = str(path).replace("'", "''")
    written = connection.execute(f"COPY ({query}) TO '{target}' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {_GROUP})").fetchone()
    rows = written[0] if written else 0
    if rows:
        yield path, kind, rows
    else:
        path.unlink()
