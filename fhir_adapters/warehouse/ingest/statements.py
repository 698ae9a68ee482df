"""The SQL of the fast road, made from a `Description`."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import EVENT
from fhir_adapters.warehouse.ingest.descriptions import JSON, Description
from fhir_adapters.warehouse.ingest.skeletons import BREAK, DAYS, DIFFERENT, NONE, NUMBERS, amount, leaves, parents, texts

ENTRIES: Final = 1 << 19
"""Places in the order of reading that one line has: more resources than that are in no Bundle of the greatest length."""

_DATE: Final = r"[1-9]\d{3}-\d\d-\d\d(T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{1,6})?(Z|[+-](0\d|1[0-3]):[0-5]\d))?"
"""Whole days, and times with an offset. Others are for the mapper."""
_PLAIN_PATIENT: Final = "Patient/[A-Za-z0-9._-]+"
_PATIENT: Final = r"^(?:https?://[^?#\s]+/)?Patient/([A-Za-z0-9._-]+)(?:/_history/[A-Za-z0-9._-]+)?$"
_ID: Final = '"[A-Za-z0-9._-]+"'
_LONGEST_ID: Final = 128
_NUMBER: Final = r'"value":(-?[0-9][0-9.eE+-]*)'
_WHO: Final = r'("reference":"[^"\\]*[/?])[^"\\/?]*"'
"""Of a reference the part that says what it refers to, and who that is."""


def raw(name: str, description: Description, *, deletions: bool) -> str:
    """Make ``raw``: each line of the file ``$path`` with what differs in it, whether it is *plain*, and which ``pattern`` it has.

    A skeleton that the table ``skeleton`` does not have stands in ``unknown``. ``$longest`` is the greatest length of a line. With
    ``deletions``, what the table ``deleted`` holds is not plain. Of lines that are not plain only ``line`` (from 0) may be used.
    """
    there = " AND source NOT IN (FROM deleted)" if deletions else ""
    paths = leaves(description)
    last = len(paths)
    moments = ", ".join(f"{_field(path)} AS t{n}" for n, path in enumerate(paths, 1))
    times = ", ".join(f"try_cast(t{n}[:10] AS DATE) AS d{n}, epoch_us(try_cast(t{n} AS TIMESTAMPTZ)) AS u{n}" for n in _numbered(paths))
    return f"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT line, source, patient, number, amount, amounts, {_list("t", last)}, {_list("d", last)}, {_list("u", last)}, pattern,
       CASE WHEN pattern IS NULL THEN key END AS unknown,
       coalesce({" AND ".join(_conditions(description))}{there}, false) AS plain
FROM (
  SELECT *, {times} FROM (
    SELECT row_number() OVER () - 1 AS line, "resourceType" = '{name}' AS fits, id AS quoted, '{name}/' || id[2:-2] AS source,
           {_patient(_field(f"{description.subject}.reference"))} AS patient, {moments}, {_amounts(description)},
           CASE WHEN regexp_full_match(meta."versionId", '"[0-9]{{1,18}}"') THEN meta."versionId"[2:-2]::BIGINT ELSE -1 END AS number,
           {_rare(description)} AS rare, {_key(description)} AS key
    FROM {_lines(_columns(description))}))
LEFT JOIN skeleton USING (key)"""


_NO_DEFECTS: Final = "[]::STRUCT(path VARCHAR, reason VARCHAR)[]"


def lines_of(name: str) -> str:
    """Make ``raw`` of a type that is not kept: only ``line`` and ``plain``."""
    return f"""
CREATE OR REPLACE TEMP TABLE raw AS
SELECT row_number() OVER () - 1 AS line, coalesce("resourceType" = '{name}', false) AS plain FROM {_lines({"resourceType": "VARCHAR"})}"""


UNKNOWN: Final = "SELECT unknown FROM raw WHERE plain AND unknown IS NOT NULL GROUP BY unknown HAVING count(*) >= $least"
"""Skeletons without a pattern which come often enough for one to be worth its while."""

RECOGNISE: Final = "UPDATE raw SET pattern = skeleton.pattern FROM skeleton WHERE plain AND unknown = skeleton.key"
"""Give lines the patterns that have just been made."""

SLOW: Final = f"SELECT line FROM raw WHERE NOT plain OR pattern IS NULL OR pattern = {NONE} ORDER BY line"
"""Lines for the mapper."""

OUTCOMES: Final = "SELECT outcome, count(*) FROM raw JOIN pattern USING (pattern) WHERE plain AND n = 0 GROUP BY outcome"
"""How many lines ended how."""


def rows(description: Description) -> str:
    """What differs from row to row: of lines that are plain and have a pattern.

    ``$first``: place of the first line in the order of reading; ``$part``; ``$salt``: as in `fhir_adapters.warehouse.staging.Stage`.
    """
    last = len(leaves(description))
    columns = {
        "ordinal": f"$first::BIGINT + line * {ENTRIES}",
        "part_no": "$part::INTEGER",
        "source": "source",
        "patient": "patient",
        "updated": f"u{last}",
        "number": "number",
        "content": f"to_hex(hash($salt::VARCHAR, shape, source, patient, number, amount, amounts, {_list('t', last)}))",
        "row": "p.row",
        **{column: _event(column, last) for column in DIFFERENT},
    }
    listed = ", ".join(f"{value} AS {column}" for column, value in columns.items())
    return f"SELECT {listed} FROM raw JOIN pattern p USING (pattern) WHERE plain"


def shared(name: str) -> str:
    """The rest: of rows with the pattern that ``row`` names, in this part."""
    header = f"'{name}' AS type, outcome = '{Outcome.QUARANTINED.value}' AS quarantined, {_NO_DEFECTS} AS defects"
    event = ", ".join(column for column in EVENT if column not in DIFFERENT)
    return f"SELECT row, $part::INTEGER AS part_no, {header}, {event} FROM pattern"


def staged_events(differing: str, common: str) -> str:
    """Both together, as rows of ``staged_events``."""
    return f"SELECT * EXCLUDE (row) FROM {differing} d JOIN {common} c USING (part_no, row)"


def _lines(columns: dict[str, str]) -> str:
    """``records``: said, because DuckDB looks for it in every line if there is but one column."""
    listed = ", ".join(f"\"{name}\": '{kind}'" for name, kind in columns.items())
    how = "format = 'newline_delimited', records = true, maximum_object_size = $longest"
    return f"read_json($path, {how}, columns = {{{listed}}})"


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
        parts = [path.split(".")[1] for path in (amount(description), *texts(description)) if path.startswith(f"{description.quantity}.")]
        found[description.quantity] = f"STRUCT({', '.join(f'{chr(34)}{part}{chr(34)} JSON' for part in parts)})"
    if description.numbered:
        found[description.numbered] = JSON
    return found


def _field(path: str) -> str:
    return ".".join(f'"{step}"' for step in path.split("."))


def _numbered(paths: tuple[str, ...]) -> range:
    return range(1, len(paths) + 1)


def _patient(reference: str) -> str:
    """Empty if the reference needs a closer look."""
    usual = f"regexp_full_match({reference}, '{_PLAIN_PATIENT}')"
    return f"CASE WHEN {usual} THEN {reference}[9:] ELSE regexp_extract({reference}, '{_PATIENT}', 1) END"


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
        yield "(amounts IS NULL OR coalesce(list_bool_and(list_transform(amounts, lambda x: isfinite(x))), true))"


def _rare(description: Description) -> str:
    return f"coalesce({', '.join(map(_field, description.rare))}, NULL)" if description.rare else "NULL"


def _amounts(description: Description) -> str:
    """The number of the quantity, as written and as it is, and those of what is numbered."""
    value, several = _field(amount(description)), _field(description.numbered)
    number = f"{value}::VARCHAR AS written, try_cast({value}::VARCHAR AS DOUBLE)" if description.quantity else "NULL::DOUBLE"
    numbers = f"CASE WHEN {several} IS NOT NULL THEN try_cast(regexp_extract_all({several}, '{_NUMBER}', 1) AS DOUBLE[]) END"
    return f"{number} AS amount, {numbers if description.numbered else 'NULL::DOUBLE[]'} AS amounts"


# ---------------------------------------------------------------- the skeleton


def _key(description: Description) -> str:
    """See `fhir_adapters.warehouse.ingest.skeletons.pattern_of`."""
    paths = (*parents(description), *leaves(description), *filter(None, [amount(description)]))
    flags = [f"if({_field(path)} IS NULL, '0', '1')" for path in paths]
    parts = [f"chr({ord(BREAK)}), {_text(path, description)}" for path in texts(description)]
    return f"concat({', '.join([*flags, *parts])})"


def _text(path: str, description: Description) -> str:
    if path == description.numbered:
        return f"regexp_replace({_field(path)}, '{_NUMBER}', '\"value\":0', 'g')"
    if description.said.get(path, JSON) == JSON:
        return _field(path)
    return f"CASE WHEN {_field(path)} IS NOT NULL THEN regexp_replace(to_json({_field(path)})::VARCHAR, '{_WHO}', '\\1\"', 'g') END"


# ---------------------------------------------------------------- the rows


def _event(column: str, last: int) -> str:
    """A column as the pattern has it, or the date or number of the line that it says."""
    if column in NUMBERS:
        source = f"p.{column}_from"
        return f"CASE WHEN {source} IS NULL THEN p.{column} WHEN {source} = 1 THEN amount ELSE amounts[{source} - 1] END"
    letter = "d" if column in DAYS else "u"
    cases = " ".join(f"WHEN {n} THEN {letter}{n}" for n in range(1, last + 1))
    return f"CASE p.{column}_from {cases} ELSE p.{column} END"
