"""The SQL of the fast road, made from a `Description`."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import EVENT, HEADER
from fhir_adapters.warehouse.ingest.descriptions import JSON, Description
from fhir_adapters.warehouse.ingest.skeletons import DAYS, NUMBERS, TIMES, leaves, parents

ENTRIES: Final = 1 << 19
"""Places in the order of reading that one line has: more resources than that are in no Bundle of the greatest length."""

_DATE: Final = r"[1-9]\d{3}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d))?"
"""Whole days, and times with an offset. Others are for the mapper."""
_PATIENT: Final = r"^(?:https?://[^?#\s]+/)?Patient/([A-Za-z0-9._-]+)(?:/_history/[A-Za-z0-9._-]+)?$"
_ID: Final = '"[A-Za-z0-9._-]+"'
_LONGEST_ID: Final = 128
_NUMBER: Final = r'"value":(-?[0-9][0-9.eE+-]*)'
_WHO: Final = r'("reference":"[^"\\]*[/?])[^"\\/?]*"'
"""Of a reference the part that says what it refers to, and who that is."""
_QUANTITY: Final = ("comparator", "unit", "system", "code", "extension")


def raw(name: str, description: Description, *, deletions: bool) -> str:
    """Make ``raw``: each line of the file ``$path`` with what differs in it, its skeleton as ``key``, and whether it is *plain*.

    ``$longest`` is the greatest length of a line; with ``deletions``, what the table ``deleted`` holds is not plain. Of lines that are
    not plain only ``line`` (counted from 0) may be used.
    """
    there = " AND source NOT IN (FROM deleted)" if deletions else ""
    paths = leaves(description)
    texts = ", ".join(f"{_field(path)} AS t{n}" for n, path in enumerate(paths, 1))
    times = ", ".join(f"try_cast(left(t{n}, 10) AS DATE) AS d{n}, epoch_us(try_cast(t{n} AS TIMESTAMPTZ)) AS u{n}" for n in _numbered(paths))
    return f"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT *, coalesce({" AND ".join(_conditions(description))}{there}, false) AS plain FROM (
  SELECT *, {times} FROM (
    SELECT row_number() OVER () - 1 AS line, "resourceType" = '{name}' AS fits, id AS quoted, '{name}/' || id[2:-2] AS source,
           regexp_extract("{description.subject}".reference, '{_PATIENT}', 1) AS patient, {texts}, {_amounts(description)},
           CASE WHEN regexp_full_match(meta."versionId", '"[0-9]{{1,18}}"') THEN meta."versionId"[2:-2]::BIGINT ELSE -1 END AS number,
           {_rare(description)} AS rare, {_key(description)} AS key
    FROM {_lines(_columns(description))}))"""


def lines_of(name: str) -> str:
    """Make ``raw`` of a type that is not kept: only ``line`` and ``plain``."""
    return f"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT row_number() OVER () - 1 AS line, coalesce("resourceType" = '{name}', false) AS plain FROM {_lines({"resourceType": "VARCHAR"})}"""


UNKNOWN: Final = "SELECT key FROM raw ANTI JOIN pattern USING (key) WHERE plain GROUP BY key HAVING count(*) >= $least"
"""Skeletons without a pattern which come often enough for one to be worth its while."""

SLOW: Final = """
SELECT line FROM raw WHERE NOT plain
UNION ALL SELECT line FROM raw ANTI JOIN (SELECT key FROM pattern WHERE outcome <> '') USING (key) WHERE plain
ORDER BY line"""
"""Lines for the mapper."""

OUTCOMES: Final = "SELECT outcome, count(*) FROM raw JOIN pattern USING (key) WHERE plain AND outcome <> '' AND n = 0 GROUP BY outcome"
"""How many lines ended how."""


def staged(name: str, description: Description) -> str:
    """The rows to stage, of lines that are plain and have a pattern. ``{first}``: place of the first line; ``{part}``; ``{salt}``."""
    last = len(leaves(description))
    header = {
        "source": "source",
        "type": f"'{name}'",
        "patient": "patient",
        "updated": f"u{last}",
        "number": "number",
        "content": f"printf('%016x', hash($salt::VARCHAR, key, source, patient, number, amount, amounts, {_list('t', last)}))",
        "quarantined": f"outcome = '{Outcome.QUARANTINED.value}'",
        "defects": "[]::STRUCT(path VARCHAR, reason VARCHAR)[]",
    }
    columns = [f"{header[column]} AS {column}" for column in HEADER] + [f"{_event(column, last)} AS {column}" for column in EVENT]
    return f"""
SELECT $first::BIGINT + line * {ENTRIES} AS ordinal, $part::INTEGER AS part_no, {", ".join(columns)}
FROM raw JOIN pattern p USING (key) WHERE plain AND outcome <> ''"""


def _lines(columns: dict[str, str]) -> str:
    listed = ", ".join(f"\"{name}\": '{kind}'" for name, kind in columns.items())
    return f"read_json($path, format = 'newline_delimited', maximum_object_size = $longest, columns = {{{listed}}})"


def _columns(description: Description) -> dict[str, str]:
    """Member → the SQL type that it is read as. Where DuckDB would bend a number into a text, it is read as JSON."""
    found = {"resourceType": "VARCHAR", "id": JSON, "meta": 'STRUCT("lastUpdated" VARCHAR, "versionId" JSON)'}
    found |= {description.subject: "STRUCT(reference VARCHAR)", **description.said, **dict.fromkeys(description.rare, JSON)}
    found |= dict.fromkeys(description.moments, "VARCHAR")
    for path in description.periods:
        parent, *inside = path.split(".")
        kind = 'STRUCT("start" VARCHAR, "end" VARCHAR)'
        for step in reversed(inside):
            kind = f'STRUCT("{step}" {kind})'
        found[parent] = kind
    if description.quantity:
        found[description.quantity] = "STRUCT(" + ", ".join(f'"{part}" JSON' for part in ("value", *_QUANTITY)) + ")"
    if description.numbered:
        found[description.numbered] = JSON
    return found


def _field(path: str) -> str:
    return ".".join(f'"{step}"' for step in path.split("."))


def _numbered(paths: tuple[str, ...]) -> range:
    return range(1, len(paths) + 1)


def _list(letter: str, last: int) -> str:
    return ", ".join(f"{letter}{n}" for n in range(1, last + 1))


# ---------------------------------------------------------------- what is plain


def _conditions(description: Description) -> Iterator[str]:
    paths = leaves(description)
    yield f"fits AND regexp_full_match(quoted, '{_ID}') AND length(quoted) <= {_LONGEST_ID + 2}"
    yield f"patient <> '' AND length(patient) <= {_LONGEST_ID} AND rare IS NULL"
    for n in _numbered(paths):
        yield f"(t{n} IS NULL OR (regexp_full_match(t{n}, '{_DATE}') AND d{n} IS NOT NULL AND u{n} IS NOT NULL))"
    for period in description.periods:
        start, end = (paths.index(f"{period}.{part}") + 1 for part in ("start", "end"))
        yield f"coalesce(d{end} >= d{start}, true)"
    if description.quantity:
        yield "(written IS NULL OR (written >= '-' AND written < ':' AND isfinite(amount)))"
    if description.numbered:
        yield "coalesce(list_bool_and(list_transform(amounts, lambda x: isfinite(x))), true)"


def _rare(description: Description) -> str:
    return f"coalesce({', '.join(map(_field, description.rare))}, NULL)" if description.rare else "NULL"


def _amounts(description: Description) -> str:
    """The number of the quantity, as written and as it is, and those of what is numbered."""
    value, several = f'"{description.quantity}"."value"', f'"{description.numbered}"'
    one = f"{value}::VARCHAR AS written, try_cast({value}::VARCHAR AS DOUBLE) AS amount" if description.quantity else "NULL::DOUBLE AS amount"
    found = f"try_cast(regexp_extract_all({several}, '{_NUMBER}', 1) AS DOUBLE[])" if description.numbered else "NULL::DOUBLE[]"
    return f"{one}, {found} AS amounts"


# ---------------------------------------------------------------- the skeleton


def _key(description: Description) -> str:
    """See `fhir_adapters.warehouse.ingest.skeletons.patterns`."""
    flags = ", ".join(f"if({_field(path)} IS NULL, '0', '1')" for path in (*parents(description), *leaves(description)))
    return f"concat({flags}, '{{', concat_ws(',', {', '.join(_pieces(description))}), '}}')"


def _pieces(description: Description) -> Iterator[str]:
    for name, kind in description.said.items():
        text = f'"{name}"'
        if kind != JSON:
            text = f"CASE WHEN {text} IS NOT NULL THEN regexp_replace(to_json({text})::VARCHAR, '{_WHO}', '\\1\"', 'g') END"
        yield f"'\"{name}\":' || {text}"
    if description.quantity:
        name = description.quantity
        parts = [f"if(\"{name}\".\"value\" IS NULL, NULL, '\"value\":0')"] + [f"'\"{part}\":' || \"{name}\".\"{part}\"" for part in _QUANTITY]
        yield f"CASE WHEN \"{name}\" IS NOT NULL THEN '\"{name}\":{{' || concat_ws(',', {', '.join(parts)}) || '}}' END"
    if description.numbered:
        name = description.numbered
        yield f"'\"{name}\":' || regexp_replace(\"{name}\", '{_NUMBER}', '\"value\":0', 'g')"


# ---------------------------------------------------------------- the rows


def _event(column: str, last: int) -> str:
    """A column as the pattern has it, or the date or number of the line that it says."""
    if column in NUMBERS:
        return f"CASE WHEN p.{column}_from IS NULL THEN p.{column} WHEN p.{column}_from = 1 THEN amount ELSE amounts[p.{column}_from - 1] END"
    letter = "d" if column in DAYS else "u" if column in TIMES else ""
    if not letter:
        return f"p.{column}"
    cases = " ".join(f"WHEN {n} THEN {letter}{n}" for n in range(1, last + 1))
    return f"CASE p.{column}_from {cases} ELSE p.{column} END"
