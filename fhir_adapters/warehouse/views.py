"""The rows that count, as views in a DuckDB connection: ``live_people``, ``live_events``, ``live_named``, and the small kinds."""

from pathlib import Path
from typing import Final

import duckdb
import pyarrow as pa

from fhir_adapters.warehouse.columns import KINDS, PLACED, SCHEMA, arrow
from fhir_adapters.warehouse.snapshot import Snapshot

LACKING: Final[dict[int, dict[str, str]]] = {
    1: {"defects": "[]::STRUCT(path VARCHAR, reason VARCHAR)[]", "replaced_by": "[]::VARCHAR[]", "replaces": "[]::VARCHAR[]"},
    2: {
        "identifiers": "[]::STRUCT(system VARCHAR, value VARCHAR)[]",
        "active": "true",
        "test": "false",
        "contact_system": "NULL::VARCHAR",
        "contact_code": "NULL::VARCHAR",
        "tract": "NULL::VARCHAR",
        "areas": "[]::STRUCT(scheme VARCHAR, vintage VARCHAR, code VARCHAR, level DOUBLE)[]",
        "awaits": "NULL::VARCHAR",
        "form": "NULL::VARCHAR",
    },
    3: {},
    4: {"email": "''"},
}
"""Version of the columns → what the next one added, and what that is in older files. So an old warehouse is read as it is: its files
are brought up to date when they are next written anew."""

SMALL: Final[dict[str, str]] = {
    "dead": "run INTEGER, source VARCHAR",
    "gone": "source VARCHAR, gone_at BIGINT",
    "gaps": "person VARCHAR, tbl VARCHAR",
    "refused": "type VARCHAR, id VARCHAR, path VARCHAR, reason VARCHAR, times BIGINT",
}
"""Kinds of file beside people and events, with their columns: rows that no longer count; resources deleted as of a time; tables not
loaded of one person; defects that belong to no row."""

OPEN_GAPS: Final = (
    "(SELECT r.person, list(DISTINCT g.tbl) AS tables FROM gaps g JOIN live_people r ON r.patient = g.person GROUP BY r.person)"
)
"""A person and the tables that are not loaded of one of the records of theirs."""

MEMORY: Final = "256MB"
"""Of DuckDB, unless said otherwise; what does not fit is spilled to a working folder."""

PLACE: Final = "(md5_number(coalesce('home ' || {household}, 'person ' || {person})) >> 68)::BIGINT"
"""Where a person's rows stand: a household's side by side, everybody else anywhere. From MD5, so that it never changes."""


def connect(folder: Path | None, memory: str, threads: int = 2) -> duckdb.DuckDBPyConnection:
    """A database in memory; what does not fit into ``memory`` is spilled to ``folder``. Without one, nothing large may be made."""
    return _spilling(":memory:", folder, memory, threads)


def connect_on_disk(folder: Path, memory: str) -> duckdb.DuckDBPyConnection:
    """A database in ``folder``, of which no more than ``memory`` is held at a time.

    It has one thread: each would hold row groups of its own, and most of the time of a load goes into the mapping.
    """
    return _spilling(str(folder / "load.duckdb"), folder, memory, 1)


def _spilling(database: str, folder: Path | None, memory: str, threads: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(database, config={"threads": threads, "memory_limit": memory, "preserve_insertion_order": False})
    if folder:
        connection.execute("SET temp_directory = $1", [str(folder)])
    return connection


def create_views(connection: duckdb.DuckDBPyConnection, root: Path, snapshot: Snapshot) -> None:
    """Make the views of a snapshot."""
    for kind, plain in SMALL.items():
        files = [str(root / file.path) for file in snapshot.of_kind(kind)]
        connection.execute(f"CREATE TABLE {kind}_none ({plain})")
        found = f"FROM {_parquet(files)}" if files else f"FROM {kind}_none"
        connection.execute(f"CREATE VIEW {kind} AS {found}")
    for kind, columns in KINDS.items():
        names = [*PLACED, *columns]
        reads = [
            f"SELECT {_columns(names, version)} FROM {_parquet(files)}"
            for version in range(1, SCHEMA + 1)
            if (files := [str(root / file.path) for file in snapshot.of_kind(kind) if file.schema == version])
        ]
        found = " UNION ALL ".join(reads) or f"SELECT * FROM {kind}_none"
        register(connection, f"{kind}_none", arrow([], PLACED | columns))
        connection.execute(f"CREATE VIEW live_{kind} AS SELECT f.* FROM ({found}) f ANTI JOIN dead USING (run, source)")


def register(connection: duckdb.DuckDBPyConnection, name: str, rows: pa.Table) -> None:
    """Make a table of these rows, in place of what is so called."""
    connection.register("given", rows)
    connection.execute(f"CREATE OR REPLACE TABLE {name} AS FROM given")
    connection.unregister("given")


def _parquet(files: list[str]) -> str:
    quoted = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"read_parquet([{quoted}])"


def _columns(names: list[str], version: int) -> str:
    lacking = {name: value for lack in range(version, SCHEMA) for name, value in LACKING[lack].items()}
    return ", ".join(f"{lacking[name]} AS {name}" if name in lacking else name for name in names)
