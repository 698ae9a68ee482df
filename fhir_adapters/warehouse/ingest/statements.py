"""The SQL of the fast road, made from a `Description`."""

from collections.abc import Collection
from typing import Final

from fhir_adapters.mapping import Outcome
from fhir_adapters.warehouse.columns import EVENT
from fhir_adapters.warehouse.ingest.descriptions import Description, leaves
from fhir_adapters.warehouse.ingest.skeletons import AWAITS, DAYS, DIFFERENT, NUMBERS

ENTRIES: Final = 1 << 19
"""Places in the order of reading that one line has: more resources than that are in no Bundle of the greatest length."""

_MOMENT: Final = {"d": "DATE", "u": "BIGINT"}
_OTHERS: Final = {"amount": "DOUBLE", "amounts": "DOUBLE[]", "awaited": "VARCHAR"}
_NO_DEFECTS: Final = "[]::STRUCT(path VARCHAR, reason VARCHAR)[]"


def rows(name: str, description: Description, there: Collection[str], used: Collection[tuple[str, int]]) -> str:
    """What differs from row to row: of the lines in ``own`` (see `fhir_adapters.warehouse.ingest.plain`). ``there``: the columns of
    ``own``; ``used``: see `fhir_adapters.warehouse.ingest.patterns.Patterns`. What no line has, or no pattern uses, costs nothing.

    ``$first``: place of the first line in the order of reading; ``$part``; ``$salt``: as in `fhir_adapters.warehouse.staging.Stage`.
    """
    last = len(leaves(description))
    dates = [n for n in range(1, last + 1) if f"d{n}" in there]
    number = "CASE WHEN regexp_full_match(version, '[0-9]{1,18}') THEN version::BIGINT ELSE -1 END" if "version" in there else "-1::BIGINT"
    differing = {**{f"{letter}{n}": kind for n in range(1, last + 1) for letter, kind in _MOMENT.items()}, **_OTHERS}
    content = ", ".join(
        [name if name in there else f"NULL::{kind}" for name, kind in differing.items()]
        + [_last(n, there) if n in dates else "NULL::DATE" for n in range(1, len(description.moments) + 1)]
    )
    columns = {
        "ordinal": f"$first::BIGINT + line * {ENTRIES}",
        "part_no": "$part::INTEGER",
        "id": "id",
        "patient": "patient",
        "updated": f"u{last}" if last in dates else "NULL::BIGINT",
        "number": "number",
        "digest": f"hash($salt::VARCHAR, shape, id, patient, number, {content})",
        "row": "p.row",
        **{column: _event(column, sorted(n for name, n in used if name == column), there) for column in DIFFERENT},
    }
    listed = ", ".join(f"{value} AS {column}" for column, value in columns.items())
    return f"SELECT {listed} FROM (SELECT *, {number} AS number FROM own) JOIN pattern p USING (pattern)"


def shared(name: str) -> str:
    """The rest: of rows with the pattern that ``row`` names, in this part."""
    header = f"'{name}' AS type, outcome = '{Outcome.QUARANTINED.value}' AS quarantined, {_NO_DEFECTS} AS defects"
    event = ", ".join(column for column in EVENT if column not in DIFFERENT)
    return f"SELECT row, $part::INTEGER AS part_no, {header}, {event} FROM pattern"


def of_passed(name: str) -> str:
    """The columns of ``staged_passed``, of the files of lines of which it is known which version of what they are."""
    return f"* EXCLUDE (id), '{name}' AS type, '{name}/' || id AS source"


def _last(n: int, there: Collection[str]) -> str:
    """The last day of a line's date."""
    return f"h{n}" if f"h{n}" in there else f"d{n}"


def _event(column: str, used: Collection[int], there: Collection[str]) -> str:
    """A column as the pattern has it, or the date or number of the line that it says."""
    sources = {n: _source(column, n, there) for n in used}
    cases = [f"WHEN p.{column}_from = {n} THEN {source}" for n, source in sources.items() if source.partition("[")[0] in there]
    return f"CASE {' '.join(cases)} ELSE p.{column} END" if cases else f"p.{column}"


def _source(column: str, place: int, there: Collection[str]) -> str:
    if column in NUMBERS:
        return "amount" if place == 1 else f"amounts[{place - 1}]"
    if column in DAYS:
        return f"d{place}" if place > 0 else _last(-place, there)
    return "awaited" if column == AWAITS else f"u{place}"
