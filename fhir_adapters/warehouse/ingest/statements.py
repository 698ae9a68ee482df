"""The SQL of the fast road, made from a `Description`."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import EVENT
from fhir_adapters.warehouse.ingest.descriptions import Description, leaves
from fhir_adapters.warehouse.ingest.skeletons import DAYS, DIFFERENT, NUMBERS

ENTRIES: Final = 1 << 19
"""Places in the order of reading that one line has: more resources than that are in no Bundle of the greatest length."""

_DATE: Final = r"[1-9]\d{3}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d))?"
"""Whole days, and times with an offset. Others are for the mapper."""
_ID: Final = "[A-Za-z0-9._-]{1,128}"
_NUMBERS: Final = {"amount": "DOUBLE", "amounts": "DOUBLE[]"}
_NO_DEFECTS: Final = "[]::STRUCT(path VARCHAR, reason VARCHAR)[]"


def rows(name: str, description: Description, there: Collection[str], *, deletions: bool) -> str:
    """What differs from row to row: of the lines in ``own`` (see `fhir_adapters.warehouse.ingest.lines.Apart`, with their ``line`` and
    ``pattern``) that have a pattern. Of lines that are not ``plain`` only the ``ordinal`` may be used; with ``deletions``, what the table
    ``deleted`` holds is not plain. ``there``: the columns of ``own``; without those that no line has, it takes less time to plan.

    ``$first``: place of the first line in the order of reading; ``$part``; ``$salt``: as in `fhir_adapters.warehouse.staging.Stage`.
    """
    paths = leaves(description)
    dates = {n: path for n, path in enumerate(paths, 1) if f"t{n}" in there}
    times = [f"try_cast(t{n}[:10] AS DATE) AS d{n}, epoch_us(try_cast(t{n} AS TIMESTAMPTZ)) AS u{n}" for n in dates]
    number = "CASE WHEN regexp_full_match(version, '[0-9]{1,18}') THEN version::BIGINT ELSE -1 END" if "version" in there else "-1::BIGINT"
    own = [*(f"t{n}" for n, _ in enumerate(paths, 1)), *_NUMBERS]
    content = ", ".join(name if name in there else f"NULL::{_NUMBERS.get(name, 'VARCHAR')}" for name in own)
    plain = [*_conditions(dates, there), *([f"'{name}/' || id NOT IN (FROM deleted)"] if deletions else [])]
    columns = {
        "ordinal": f"$first::BIGINT + line * {ENTRIES}",
        "part_no": "$part::INTEGER",
        "id": "id",
        "patient": "patient",
        "updated": f"u{len(paths)}" if len(paths) in dates else "NULL::BIGINT",
        "number": "number",
        "digest": f"hash($salt::VARCHAR, shape, id, patient, number, {content})",
        "row": "p.row",
        **{column: _event(column, dates, there) for column in DIFFERENT},
        "pattern": "pattern",
        "plain": f"coalesce({' AND '.join(plain)}, false)",
    }
    listed = ", ".join(f"{value} AS {column}" for column, value in columns.items())
    return f"SELECT {listed} FROM (SELECT {', '.join(['*', f'{number} AS number', *times])} FROM own) JOIN pattern p USING (pattern)"


NOT_PLAIN: Final = f"SELECT DISTINCT (ordinal - $first) // {ENTRIES}, pattern FROM {{file}} WHERE NOT plain"
"""Of rows in a file: the lines that are not plain, each with its pattern."""


def shared(name: str) -> str:
    """The rest: of rows with the pattern that ``row`` names, in this part."""
    header = f"'{name}' AS type, outcome = '{Outcome.QUARANTINED.value}' AS quarantined, {_NO_DEFECTS} AS defects"
    event = ", ".join(column for column in EVENT if column not in DIFFERENT)
    return f"SELECT row, $part::INTEGER AS part_no, {header}, {event} FROM pattern"


def staged_events(differing: str, common: str) -> str:
    """Both together, as rows of ``staged_events``."""
    own = "* EXCLUDE (row, id, digest, pattern, plain), type || '/' || id AS source, to_hex(digest) AS content"
    return f"SELECT {own} FROM {differing} d JOIN {common} c USING (part_no, row) WHERE plain"


def _conditions(dates: Mapping[int, str], there: Collection[str]) -> Iterator[str]:
    """When a line is plain."""
    yield f"regexp_full_match(id, '{_ID}') AND patient <> ''"
    for n, path in dates.items():
        yield f"(t{n} IS NULL OR (regexp_full_match(t{n}, '{_DATE}') AND d{n} IS NOT NULL AND u{n} IS NOT NULL))"
        if dates.get(n - 1, "").removesuffix("start") == path.removesuffix("end"):
            yield f"coalesce(d{n} >= d{n - 1}, true)"
    if "amount" in there:
        yield "coalesce(isfinite(amount), true)"
    if "amounts" in there:
        yield "coalesce(isfinite(list_sum(amounts)), true)"


def _event(column: str, dates: Iterable[int], there: Collection[str]) -> str:
    """A column as the pattern has it, or the date or number of the line that it says."""
    source, letter = f"p.{column}_from", "d" if column in DAYS else "u"
    cases = [f"WHEN {source} = {n} THEN {letter}{n}" for n in dates]
    if column in NUMBERS:
        numbers = {"amount": f"WHEN {source} = 1 THEN amount", "amounts": f"WHEN {source} > 1 THEN amounts[{source} - 1]"}
        cases = [case for name, case in numbers.items() if name in there]
    return f"CASE {' '.join(cases)} ELSE p.{column} END" if cases else f"p.{column}"
