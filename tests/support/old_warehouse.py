"""Makes a warehouse of schema version 1, as the code of that version wrote it: ``python -m support.old_warehouse FOLDER``.

Version 1 kept no defects beside a resource, and did not know which patients were merged, nor what later versions keep.
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import duckdb
from support.ehr_history import EhrHistory, home, observation, patient

from fhir_adapters.warehouse.columns import KINDS
from fhir_adapters.warehouse.load import load_export
from fhir_adapters.warehouse.snapshot import digest
from fhir_adapters.warehouse.views import LACKING

ADDED_SINCE = {name for lacking in LACKING.values() for name in lacking}


def write(root: Path) -> None:
    """A warehouse of two people and an event each, pulled at a known time."""
    ehr = EhrHistory(clock=datetime(2026, 1, 1, tzinfo=UTC))
    for resource in (patient("p1", address=home(1)), patient("p2", address=home(1)), observation("o1", "p1"), observation("o2", "p2")):
        ehr.put(resource)
    with tempfile.TemporaryDirectory() as folder:
        load_export(root, ehr.export(Path(folder) / "pull"))
    (root / "lock").unlink()
    (path,) = (root / "snapshots").iterdir()
    manifest = json.loads(path.read_text())
    for file in manifest["files"]:
        _without(root / file["path"], sorted(ADDED_SINCE & KINDS[file["kind"]].keys()))
        file |= {"schema": 1, "bytes": (root / file["path"]).stat().st_size, "sha256": digest(root / file["path"])}
    path.write_text(json.dumps(manifest | {"schema": 1}, indent=1) + "\n")


def _without(path: Path, columns: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE old AS SELECT * EXCLUDE ({', '.join(columns)}) FROM '{path}'")  # noqa: S608
        connection.execute(f"COPY old TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
