"""The dates and times of many lines at once: each that is written alike is read once."""

from collections.abc import Sequence
from typing import Final, NamedTuple

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

_FORM: Final = r"[1-9]\d{3}(-\d\d(-\d\d(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d))?)?)?"
"""Years, months, days, and times with an offset. Others are for the mapper."""
_READ: Final = f"""
SELECT CASE WHEN plain THEN first END AS first,
       CASE WHEN NOT plain THEN NULL WHEN length(text) = 4 THEN make_date(year(first), 12, 31)
            WHEN length(text) = 7 THEN last_day(first) ELSE first END AS last,
       CASE WHEN plain THEN instant END AS instant FROM (
  SELECT text, first, instant, regexp_full_match(text, '{_FORM}') AND first IS NOT NULL AND instant IS NOT NULL AS plain FROM (
    SELECT text, try_cast(full_text[:10] AS DATE) AS first, epoch_us(try_cast(full_text AS TIMESTAMPTZ)) AS instant FROM (
      SELECT text, text || CASE length(text) WHEN 4 THEN '-01-01' WHEN 7 THEN '-01' ELSE '' END AS full_text FROM written)))
"""


class Moments(NamedTuple):
    """Of some texts the first and the last day that they can mean, as written, and the first microsecond since 1970 UTC; null where it
    is no plain date or time, or null.
    """

    first: pa.Array
    last: pa.Array
    instant: pa.Array


def read_moments(connection: duckdb.DuckDBPyConnection, texts: Sequence[pa.Array]) -> list[Moments]:
    """Of each column what it means.

    ``connection`` has one thread, and UTC.
    """
    found = pa.concat_arrays(texts).dictionary_encode()
    connection.register("written", pa.table({"text": found.dictionary}))
    read = connection.sql(_READ).to_arrow_table().combine_chunks()
    connection.unregister("written")
    columns = [pc.take(column.chunk(0), found.indices) if len(read) else pa.nulls(len(found)) for column in read.columns]
    sizes = [len(column) for column in texts]
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    return [Moments(*(column.slice(start, size) for column in columns)) for start, size in zip(starts, sizes, strict=True)]
