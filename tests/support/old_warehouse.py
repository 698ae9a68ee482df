"""Makes a warehouse of an older schema version, without the columns that came since: ``python -m support.old_warehouse FOLDER VERSION``."""

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


def write(root: Path, version: int) -> None:
    """A warehouse of two people and an event each, pulled at a known time."""
    added = {name for since, lacking in LACKING.items() if since >= version for name in lacking}
    ehr = EhrHistory(clock=datetime(2026, 1, 1, tzinfo=UTC))
    for resource in (patient("p1", address=home(1)), patient("p2", address=home(1)), observation("o1", "p1"), observation("o2", "p2")):
        ehr.put(resource)
    with tempfile.TemporaryDirectory() as folder:
        load_export(root, ehr.export(Path(folder) / "pull"))
    (root / "lock").unlink()
    (path,) = (root / "snapshots").iterdir()
    manifest = json.loads(path.read_text())
    for file in manifest["files"]:
        if lacking := sorted(added & KINDS[file["kind"]].keys()):
            _without(root / file["path"], lacking)
        file |= {"schema": version, "bytes": (root / file["path"]).stat().st_size, "sha256": digest(root / file["path"])}
    manifest.pop("needed")
    path.write_text(json.dumps(manifest | {"schema": version}, indent=1) + "\n")


def _without(path: Path, columns: list[str]) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE old AS SELECT * EXCLUDE ({', '.join(columns)}) FROM '{path}'")  # noqa: S608
        connection.execute(f"COPY old TO '{path}' (FORMAT parquet, COMPRESSION zstd)")


if __name__ == "__main__":
    write(Path(sys.argv[1]), int(sys.argv[2]))
