"""Fills a warehouse for ever, to be killed: ``python -m support.filling_warehouse FOLDER``.

Pull *n* says of every person that their value is *n*: whatever snapshot a reader sees, all its values are one number.
"""

import shutil
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import orjson
from support.ehr_history import home, observation, patient

from fhir_adapters.warehouse import is_warehouse
from fhir_adapters.warehouse.assembly import Habits
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.read import read_warehouse

PEOPLE = 30
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def shown(root: Path) -> set[float | None]:
    """The values that a reader sees; none before the first pull."""
    records = read_warehouse(root).records if is_warehouse(root) else []
    assert len(records) in (0, PEOPLE)
    assert all(len(record.events) == 1 for record in records)
    return {event.value for record in records for event in record.events}


def pull(root: Path, number: int) -> None:
    """Everybody moves house and has another value."""
    at = BEGIN + timedelta(hours=number)
    folder = root.parent / "pull"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    meta = {"lastUpdated": at.isoformat()}
    for name, resources in (
        ("Patient", [patient(f"p{n}", address=home((n + number) // 2), meta=meta) for n in range(PEOPLE)]),
        ("Observation", [observation(f"o{n}", f"p{n}", float(number), meta=meta) for n in range(PEOPLE)]),
    ):
        (folder / f"{name}.ndjson").write_bytes(b"".join(orjson.dumps(r, option=orjson.OPT_APPEND_NEWLINE) for r in resources))
    since = at - timedelta(hours=1) if number > 1 else None
    load_export(root, export_in(folder, at=at, since=since), Habits(rewrite_at=3.0))


def main(root: Path) -> None:
    """Go on from what is there; say so before each load."""
    last = max((int(value or 0) for value in shown(root)), default=0)
    for number in count(last + 1):
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        pull(root, number)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
