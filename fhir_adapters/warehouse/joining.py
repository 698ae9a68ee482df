"""People who come to a group with changes only: what a server sends of them since its last export need not be all there is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import duckdb
import pyarrow as pa

from fhir_adapters.pulled import Pulled
from fhir_adapters.report import Part
from fhir_adapters.warehouse.columns import arrow
from fhir_adapters.warehouse.snapshot import Snapshot
from fhir_adapters.warehouse.views import register
from rules.facts import TABLES


@dataclass(frozen=True, slots=True)
class Joining:
    """What tells who came late. Exports have numbers, in the order in which they were made."""

    exports: Sequence[tuple[int, int]] = ()
    """Part of the account → the export it is of; nobody comes late by other parts."""
    whole: Mapping[str, int] = field(default_factory=dict)
    """Table → the last export that brought all of it, for whoever was there by then."""
    anew: bool = False
    """Whether this is all of what is known of everybody, and not what comes to the people who are there."""


NOBODY: Final = Joining()


def of_export(before: Snapshot, at: int, brought: Collection[str], parts: int) -> Joining:
    """For an export as of ``at`` that has all of the types ``brought``: whoever was not in a group ``before`` has no more than that.

    An export older than what is there brings nothing in full: what happened since then is known of the group only.
    """
    if before.everybody:
        return NOBODY
    known = {name: state.watermark for name, state in before.types.items() if state.watermark is not None}
    new = {name for name in brought if name not in known or at >= known[name]}
    lost = [name for name, table in TABLES.items() if set(table.resource_types) & (known.keys() | {table.resource_types[0]}) - new]
    return Joining([(number, 1) for number in range(parts)], dict.fromkeys(lost, 0))


def of_pulled(pulled: Pulled, parts: Sequence[Part], *, anew: bool) -> Joining:
    """For the files of a folder, of which each is a part of the account."""
    if pulled.everybody:
        return NOBODY
    exports = {file.path: file.export for file in pulled.files}
    return Joining([(number, exports[part.name]) for number, part in enumerate(parts)], pulled.tables_whole(), anew)


_THERE: Final = "SELECT patient FROM live_people WHERE source NOT IN (SELECT source FROM deletion)"
"""Who was deleted since, and is here again, comes like anybody else."""


def find_joined(connection: duckdb.DuckDBPyConnection, joining: Joining) -> None:
    """Make ``joined`` (person, tbl): tables of which a person has changes only. Reads ``staged_people``, ``live_people``, ``deletion``."""
    register(connection, "export_of_part", arrow(joining.exports, {"part_no": pa.int32(), "export": pa.int64()}))
    register(connection, "whole_since", arrow(list(joining.whole.items()), {"tbl": pa.string(), "export": pa.int64()}))
    known = "" if joining.anew else f"WHERE patient NOT IN ({_THERE})"
    late = (
        f"SELECT patient AS person, min(export) AS export FROM staged_people JOIN export_of_part USING (part_no) {known} GROUP BY patient"
    )
    connection.execute(
        f"CREATE TEMP TABLE joined AS SELECT person, tbl FROM ({late}) late JOIN whole_since ON whole_since.export < late.export"
    )
