"""The dates and times of many lines at once: each that is written alike is read once."""

from collections.abc import Sequence
from typing import Final

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

_FORM: Final = r"[1-9]\d{3}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d))?"
"""Whole days, and times with an offset. Others are for the mapper."""
_READ: Final = f"""
SELECT CASE WHEN plain THEN day END AS day, CASE WHEN plain THEN instant END AS instant FROM (
  SELECT day, instant, regexp_full_match(text, '{_FORM}') AND day IS NOT NULL AND instant IS NOT NULL AS plain FROM (
    SELECT text, try_cast(text[:10] AS DATE) AS day, epoch_us(try_cast(text AS TIMESTAMPTZ)) AS instant FROM written))
"""


def read_moments(connection: duckdb.DuckDBPyConnection, texts: Sequence[pa.Array]) -> list[tuple[pa.Array, pa.Array]]:
    """Of each column the day as written, and the microseconds since 1970 UTC; null where it is no plain date or time, or null.

    ``connection`` has one thread, and UTC.
    """
    found = pa.concat_arrays(texts).dictionary_encode()
    connection.register("written", pa.table({"text": found.dictionary}))
    read = connection.sql(_READ).to_arrow_table().combine_chunks()
    connection.unregister("written")
    days, instants = (pc.take(column.chunk(0), found.indices) if len(read) else pa.nulls(len(found)) for column in read.columns)
    sizes = [len(column) for column in texts]
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    return [(days.slice(start, size), instants.slice(start, size)) for start, size in zip(starts, sizes, strict=True)]
