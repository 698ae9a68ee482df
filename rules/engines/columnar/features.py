"""A program's event facts as data: small tables that the emitted SQL joins the events with.

So the text of the query hardly depends on the rules; a value set of thousands of codes is rows, not SQL.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

import pyarrow as pa

from rules import days
from rules.ir import EventFact, Program

SCHEMAS: Final = {
    "feature": {
        "fid": pa.int32(),
        "kind": pa.string(),
        "coded": pa.bool_(),
        "household": pa.bool_(),
        "lo": pa.date32(),
        "stage": pa.int32(),
        "anchor": pa.int32(),
    },
    "feature_table": {"fid": pa.int32(), "tbl": pa.string()},
    "feature_status": {"fid": pa.int32(), "tbl": pa.string(), "status": pa.string()},
    "feature_code": {"fid": pa.int32(), "system": pa.string(), "code": pa.string()},
    "feature_word": {"fid": pa.int32(), "system": pa.string(), "code": pa.string(), "rank": pa.int32()},
    "feature_unit": {"fid": pa.int32(), "unit": pa.string(), "factor": pa.float64(), "shift": pa.float64()},
}


@dataclass(frozen=True, slots=True)
class Feature:
    """An event fact with its number, its kind and its stage: facts counted ``since`` another come one stage after it."""

    number: int
    fact: EventFact
    kind: str
    stage: int
    anchor: int | None


def features_of(program: Program) -> tuple[Feature, ...]:
    """Every event fact of the program, numbered in evaluation order."""
    found: dict[str, Feature] = {}
    for number, fact in enumerate(f for f in program.facts if isinstance(f, EventFact)):
        anchor = found[fact.since] if fact.since else None
        found[fact.name] = Feature(number, fact, _kind(fact), anchor.stage + 1 if anchor else 0, anchor.number if anchor else None)
    return tuple(found.values())


def _kind(fact: EventFact) -> str:
    """``exists``, ``count``, ``number``, ``word``, or the unit of ``time since latest``."""
    if fact.aggregate in ("exists", "count"):
        return fact.aggregate
    return "word" if fact.words else fact.scale or "number"


def tables(features: tuple[Feature, ...], as_of: date) -> dict[str, pa.Table]:
    """The feature tables, by name."""
    rows: dict[str, list[tuple[object, ...]]] = {name: [] for name in SCHEMAS}
    for feature in features:
        fact, fid = feature.fact, feature.number
        low = days.before(as_of, fact.within) if fact.within else date.min
        rows["feature"].append((fid, feature.kind, fact.codes is not None, fact.household, low, feature.stage, feature.anchor))
        rows["feature_table"] += [(fid, table) for table, _ in fact.statuses]
        rows["feature_status"] += [(fid, table, status) for table, counted in fact.statuses for status in sorted(counted)]
        rows["feature_code"] += [(fid, *coding) for coding in sorted(fact.codes or ())]
        rows["feature_word"] += [(fid, *coding, 2 * i) for i, (_, answers) in enumerate(fact.words) for coding in sorted(answers)]
        rows["feature_unit"] += [(fid, row.source or "", row.factor, row.offset) for row in fact.conversions]
    return {name: table(rows[name], SCHEMAS[name]) for name in SCHEMAS}


def table(rows: list[tuple[object, ...]], schema: dict[str, pa.DataType]) -> pa.Table:
    """Rows as an Arrow table."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(schema)
    return pa.table({name: pa.array(column, kind) for (name, kind), column in zip(schema.items(), columns, strict=True)})
