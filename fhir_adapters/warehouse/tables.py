"""Lines of JSON as Parquet, by columns of given types; for whoever reads tables."""

from collections.abc import Mapping
from pathlib import Path

from fhir_adapters.warehouse.views import MEMORY, connect

_LONGEST = 16 * 1024 * 1024


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
