"""Snapshots on disk: immutable files, and a manifest that says which of them belong together.

::

    lock                         held by the one writer
    snapshots/000000007.json     a manifest; the highest number is what readers see
    data/7-events-0.parquet      written by load 7, never changed, named by every manifest that still needs it
    work-…/                      of a load that runs, or was killed: the next one removes it
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fhir_adapters.warehouse import SNAPSHOTS
from fhir_adapters.warehouse.columns import SCHEMA
from fhir_adapters.warehouse.errors import WarehouseBusy, WarehouseDamaged, WarehouseNarrow, WarehouseTooNew
from fhir_adapters.warehouse.needed import Needed, covers
from fhir_adapters.warehouse.state import TypeState


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file of a snapshot, and what it must be."""

    path: str
    """Below the warehouse's folder."""
    kind: str
    """``people``, ``events``, ``named``; ``dead`` (rows that no longer count), ``gone`` (deleted resources), ``gaps``, ``refused``."""
    run: int
    rows: int
    bytes: int
    sha256: str
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that readers see at one time."""

    number: int = 0
    base: int = 0
    """The load that last wrote everything anew; later ones only added to it."""
    files: tuple[DataFile, ...] = ()
    types: Mapping[str, TypeState] = field(default_factory=dict)
    account: Mapping[str, Any] = field(default_factory=dict)
    """Of all loads since the last full one: lines, entries, and type → outcome → how many."""
    written: str = ""
    """When, by the writer's clock."""
    everybody: bool = True
    """Whether all people of the source were asked for, and not only a group."""
    taken: Mapping[str, str] = field(default_factory=dict)
    """If a pulled folder was loaded last: a mark of each of its files → its resource type."""
    needed: Needed | None = None
    """What is kept; ``None``: everything. Resources of which nothing is kept are counted only."""

    def of_kind(self, *kinds: str) -> list[DataFile]:
        """The files of these kinds."""
        return [file for file in self.files if file.kind in kinds]


@contextmanager
def current(root: Path, number: int | None = None) -> Iterator[Snapshot]:
    """The newest snapshot (or that ``number``), verified. Its files stay as long as the context does, whatever writers do meanwhile.

    Raises:
        WarehouseDamaged: a file is missing, or not what the manifest says; the message names it. Or there is no such number any more.
        WarehouseTooNew: a newer version of this program wrote it.
    """
    with _held(root, number) as manifest:
        snapshot = Snapshot() if manifest is None else _parsed(manifest)
        for file in snapshot.files:
            _verify(root, file)
        yield snapshot


def check_covers(root: Path, snapshot: Snapshot, asked: Needed | None) -> None:
    """Raises `WarehouseNarrow` unless a snapshot has all that is ``asked`` for (``None``: everything): what it lacks is unknown, not no."""
    if snapshot.number and not covers(snapshot.needed, asked):
        raise WarehouseNarrow(
            f"{root}: was filled for other rules, and lacks what these ask for: read the files that it was filled from, "
            "or load them into a warehouse of its own (almoner warehouse load)"
        )


@contextmanager
def _held(root: Path, number: int | None) -> Iterator[Path | None]:
    """The newest manifest, shared with other readers and kept from being vacuumed; ``None`` in an empty warehouse."""
    while True:
        found = [path for path in manifests(root) if number is None or path == manifest_path(root, number)]
        if not found and number is not None:
            raise WarehouseDamaged(f"{root}: snapshot {number} is no longer there; begin anew")
        if not found:
            yield None
            return
        try:
            file = os.open(found[-1], os.O_RDONLY)
        except FileNotFoundError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_SH)
            if not found[-1].exists():  # vacuumed between the two lines above
                continue
            yield found[-1]
            return
        finally:
            os.close(file)


def newest(root: Path) -> Snapshot:
    """What the newest manifest says; nobody has looked at its files, and they may go. Raises as `current` does."""
    found = manifests(root)
    try:
        return _parsed(found[-1]) if found else Snapshot()
    except FileNotFoundError:  # vacuumed meanwhile
        return newest(root)


def manifest_path(root: Path, number: int) -> Path:
    """Where the manifest of a snapshot is."""
    return root / SNAPSHOTS / f"{number:09}.json"


def manifests(root: Path) -> list[Path]:
    """All manifests, the newest last."""
    return sorted((root / SNAPSHOTS).glob("*.json"))


def _parsed(manifest: Path) -> Snapshot:
    try:
        found = json.loads(manifest.read_text(encoding="utf-8"))
        if found["schema"] > SCHEMA:
            raise WarehouseTooNew(f"{manifest}: written by a newer version of this program (schema {found['schema']}, here {SCHEMA})")
        return Snapshot(
            number=found["number"],
            base=found["base"],
            files=tuple(DataFile(**file) for file in found["files"]),
            types={name: TypeState(**state) for name, state in found["types"].items()},
            account=found["account"],
            written=found["written"],
            everybody=found.get("everybody", True),
            taken=found.get("taken", {}),
            needed=Needed.from_json(found["needed"]) if found.get("needed") else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise WarehouseDamaged(f"{manifest}: is not a manifest; restore it from a backup, or load anew into an empty folder") from error


def _verify(root: Path, file: DataFile) -> None:
    path = root / file.path
    remedy = "restore it from a backup, or load anew into an empty folder"
    if not path.is_file():
        raise WarehouseDamaged(f"{path}: is missing; {remedy}")
    if path.stat().st_size != file.bytes:
        raise WarehouseDamaged(f"{path}: holds {path.stat().st_size:,} bytes, the manifest says {file.bytes:,}; {remedy}")
    if digest(path) != file.sha256:
        raise WarehouseDamaged(f"{path}: its content is not what was written (SHA-256 differs); {remedy}")


def digest(path: Path) -> str:
    """The SHA-256 of a file."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def publish(root: Path, snapshot: Snapshot) -> None:
    """Make ``snapshot`` the newest one, in one step; its files are on disk by then.

    Raises `WarehouseBusy` if there is one of that number already.
    """
    folder = root / SNAPSHOTS
    folder.mkdir(exist_ok=True)
    for file in snapshot.files:
        if file.run == snapshot.number:
            _sync(root / file.path)
    _sync(root / "data")
    target = manifest_path(root, snapshot.number)
    temporary = target.with_suffix(".new")
    with temporary.open("w", encoding="utf-8") as stream:
        content = asdict(snapshot) | {"needed": snapshot.needed.as_json() if snapshot.needed else None}
        json.dump({"format": "almoner warehouse", "schema": SCHEMA} | content, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    try:
        # Not a rename: that would replace the manifest of another writer, a link refuses.
        os.link(temporary, target)
    except FileExistsError as error:
        raise WarehouseBusy(f"{root}: another process wrote to this warehouse meanwhile; nothing of this load was kept") from error
    finally:
        temporary.unlink()
    _sync(folder)
    _sync(root)


def _sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def vacuum(root: Path, keep: int) -> None:
    """Remove all but the last ``keep`` snapshots and those being read, and every file that none of the others names.

    Only for the holder of the lock. What a killed writer left goes too.
    """
    for manifest in manifests(root)[:-keep]:
        _remove_unread(manifest)
    left = manifests(root)
    named = {root / file.path for manifest in left for file in _parsed(manifest).files}
    for path in (root / "data").iterdir():
        if path not in named:
            path.unlink()
    for path in (root / SNAPSHOTS).glob("*.new"):
        path.unlink()
    remove_leftovers(root)


def _remove_unread(manifest: Path) -> None:
    with manifest.open("rb") as stream, suppress(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        manifest.unlink()


def remove_leftovers(root: Path) -> None:
    """The working folders of killed loads."""
    for folder in root.glob("work-*"):
        shutil.rmtree(folder)


def described(root: Path, paths: Iterable[tuple[Path, str, int]], run: int) -> list[DataFile]:
    """Newly written files (path, kind, rows) as the manifest names them."""
    return [DataFile(path.relative_to(root).as_posix(), kind, run, rows, path.stat().st_size, digest(path)) for path, kind, rows in paths]
