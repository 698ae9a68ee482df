"""Rows and lines of JSON as Parquet, by columns of given types; for whoever reads tables."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from fhir_adapters.warehouse.views import MEMORY, connect

_LONGEST = 16 * 1024 * 1024
_AT_ONCE: Final = 5_000
"""Rows of a group: whoever reads only some places reads no more than a few groups."""
_TYPES: Final = {
    **{"VARCHAR": pa.string(), "VARCHAR[]": pa.list_(pa.string()), "BIGINT": pa.int64(), "UBIGINT": pa.uint64()},
    **{"DATE": pa.date32(), "BOOLEAN": pa.bool_()},
}


def parquet_from(lines: Path, columns: Mapping[str, str], target: Path) -> int:
    """Write the objects in ``lines``, in their order, with ``columns`` (name → DuckDB's type); how many.

    A column of type VARCHAR takes whatever stands there, an object or list as its JSON.
    """
    types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
    read = f"read_json($1, format = 'newline_delimited', maximum_object_size = {_LONGEST}, columns = {{{types}}})"
    quoted = str(target).replace("'", "''")
    with connect(target.parent, MEMORY, threads=1) as connection:
        connection.execute("SET preserve_insertion_order = true")
        written = connection.execute(f"COPY (FROM {read}) TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)", [str(lines)]).fetchone()
    return int(written[0]) if written else 0


def write_rows(target: Path, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows, in their order, with ``columns`` (name → DuckDB's type)."""
    found = list(zip(*rows, strict=True)) or [()] * len(columns)
    schema = pa.schema([(name, _TYPES[kind]) for name, kind in columns.items()])
    pq.write_table(pa.table([list(each) for each in found], schema=schema), target, compression="zstd", row_group_size=_AT_ONCE)


def rows_between(files: Sequence[Path], low: int, high: int) -> list[tuple[Any, ...]]:
    """The rows of some files whose ``place`` is in (low, high]."""
    with connect(None, MEMORY, threads=1) as connection:
        query = "FROM read_parquet($1) WHERE place > $2 AND place <= $3"
        return connection.execute(query, [[str(file) for file in files], low, high]).fetchall()
