"""Bytes to flags and nothing else: the program that `benchmarks.peers` runs for Almoner. As a sweep, it keeps what the rules can look at.

``python -m benchmarks.peer_answers FILES PACK FOLDER`` reads Bulk Data files into a new warehouse in FOLDER and writes
``answers.ndjson`` there, a line for each person with the answers of all rules.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson

from benchmarks.peer_rules import AS_OF
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.bucket import buckets_of
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from plugin.sweep.needs import needed_by, want
from rules.engines.columnar.standing import Standing, order_events
from rules.pack import load_packs

_AT: Final = datetime(2026, 7, 1, tzinfo=UTC)
_BUCKET: Final = 10_000


def answer(files: Path, pack_folder: Path, folder: Path) -> None:
    """Load, evaluate, write."""
    (pack,) = load_packs(pack_folder)
    load_export(folder / "warehouse", export_in(files, at=_AT), Habits(needed=needed_by([pack])))
    with buckets_of(folder / "warehouse", 1) as buckets, (folder / "answers.ndjson").open("wb") as out:
        want(buckets, [pack])
        for low, high in buckets.cuts(_BUCKET):
            buckets.open(low, high)
            order_events(buckets.connection)
            standing = Standing(buckets.connection, pack.program, AS_OF)
            for evaluation in standing.evaluations(buckets.ids()):
                line = {"patient": evaluation.patient, "values": {rule: evaluation.answers[rule] for rule in pack.program.rules}}
                out.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


if __name__ == "__main__":
    answer(*map(Path, sys.argv[1:]))
