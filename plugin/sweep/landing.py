"""What ``--source`` names, brought into a warehouse: of a pulled folder only what is new, and nothing of files that did not change."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from fhir_adapters import Dataset
from fhir_adapters.extracts import SUFFIX
from fhir_adapters.files import files_in
from fhir_adapters.mapping import Outcome
from fhir_adapters.pulled import read_pulled
from fhir_adapters.warehouse import is_warehouse
from fhir_adapters.warehouse.assembly import Habits, Loaded
from fhir_adapters.warehouse.export import export_in
from fhir_adapters.warehouse.ingest.beforehand import Beforehand, Shelf
from fhir_adapters.warehouse.load import beforehand, load_dataset, load_export, load_pulled
from fhir_adapters.warehouse.needed import covers
from fhir_adapters.warehouse.snapshot import Snapshot, current
from plugin import __version__
from plugin.sweep.durable import write_durably
from plugin.sweep.pulling import Exports

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Source:
    """Where people come from. ``read`` reads them if it is neither a warehouse nor a folder of FHIR files, and nothing is exported."""

    name: str
    loaded: frozenset[str]
    read: Callable[[], Dataset]
    exports: Exports | None = None
    """The server that exports everybody, if one does."""

    @property
    def folder(self) -> Path | None:
        """The folder or file that is meant; ``None``: a server."""
        path = Path(self.name)
        return path.resolve() if self.exports is None and path.exists() else None

    @property
    def identity(self) -> str:
        """What tells it from other sources."""
        return f"{self.name} ({self.exports.whom})" if self.exports else str(self.folder or self.name)

    def warehouse(self, state: Path) -> Path:
        """Where its people and events are kept."""
        folder = self.folder
        return folder if folder and is_warehouse(folder) else state / "warehouses" / self._file_name

    def pulled(self, state: Path) -> Path:
        """Where its exports are kept."""
        return state / "pulls" / self._file_name

    @property
    def _file_name(self) -> str:
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", Path(self.identity).name)[:40].strip("-.") or "source"
        return f"{plain}-{hashlib.sha256(self.identity.encode()).hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Landed:
    """The snapshot that is to be evaluated."""

    warehouse: Path
    snapshot: int
    counts: Mapping[str, Any]


def land(source: Source, state: Path, habits: Habits, *, full: bool = False) -> Landed:
    """Bring the source, or what was pulled of it, into its warehouse. ``full``: read everything anew, whatever was read before.

    If more is needed by ``habits`` than was kept before, everything is read anew.

    Raises:
        SourceUnreadable, AdapterError: it cannot be read.
        WarehouseBusy: somebody else fills the warehouse.
    """
    root, folder = source.warehouse(state), source.folder
    if source.exports:
        pulled = source.pulled(state)
        landed = _landed(root, load_pulled(root, pulled, habits, anew=full))
        Shelf(pulled).clear()
        return landed
    if folder == root:
        return Landed(root, _newest(root).number, {})
    if folder is None or (files := _plain_files(folder)) is None:
        return _landed(root, load_dataset(root, source.read(), datetime.now(UTC), everybody=True))
    if folder.is_dir() and read_pulled(folder):
        return _landed(root, load_pulled(root, folder, habits, anew=full))
    return _land_files(source, root, folder, files, habits, full=full)


def ahead(source: Source, state: Path, habits: Habits, *, full: bool = False) -> Beforehand:
    """What reads files of a source that is exported while others are still on their way; see `land`, for which this is."""
    return beforehand(source.warehouse(state), source.pulled(state), habits, anew=full)


def _land_files(source: Source, root: Path, folder: Path, files: list[Path], habits: Habits, *, full: bool) -> Landed:
    """A folder of files is the whole of what there is; the same files again are not read again."""
    marks = {"version": __version__, "loaded": sorted(source.loaded), "files": {str(f.relative_to(folder)): _digest(f) for f in files}}
    note = root.with_name(root.name + ".json")
    before = _newest(root)
    if not full and before.number and covers(before.needed, habits.needed) and _noted(note) == marks | {"snapshot": before.number}:
        return Landed(root, before.number, {"unchanged_files": len(files)})
    has_time = (folder / "manifest.json").is_file()
    at = None if has_time else max(datetime.now(UTC), _known(before) + timedelta(microseconds=1))
    export = export_in(folder, at=at, types=source.loaded)
    landed = _landed(root, load_export(root, export, habits, anew=full))
    write_durably(note, json.dumps(marks | {"snapshot": landed.snapshot}) + "\n")
    return landed


def _landed(root: Path, loaded: Loaded) -> Landed:
    counts = {"written": loaded.written, "removed": loaded.removed, "unchanged": loaded.unchanged}
    lines = sum(part.lines for part in loaded.report.parts)
    counts |= {"lines": lines, "not_needed": loaded.report.total(Outcome.NOT_NEEDED), "read_beforehand": loaded.beforehand}
    return Landed(root, loaded.snapshot.number, counts)


def _plain_files(folder: Path) -> list[Path] | None:
    """The files of a folder of FHIR resources; ``None``: something else is in it that is read otherwise."""
    files = files_in(folder)
    return None if any(file.name.endswith(SUFFIX) for file in files) else files


def _newest(root: Path) -> Snapshot:
    """What the newest snapshot says of itself; its files may go."""
    if not is_warehouse(root):
        return Snapshot()
    with current(root) as snapshot:
        return snapshot


def _known(snapshot: Snapshot) -> datetime:
    """The time as of which it knows everything."""
    return _EPOCH + timedelta(microseconds=max((state.watermark or 0 for state in snapshot.types.values()), default=0))


def _noted(note: Path) -> Any:
    try:
        return json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
