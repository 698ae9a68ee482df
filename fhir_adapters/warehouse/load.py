"""Filling a warehouse: an export, what pulls brought since, or people who were read otherwise become the next snapshot, or nothing does."""

import hashlib
from collections.abc import Callable, Collection, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from fhir_adapters import dates
from fhir_adapters.dataset import FIRST_TYPES, Dataset
from fhir_adapters.errors import AdapterError, SourceUnreadable
from fhir_adapters.files import Gone, named_type
from fhir_adapters.mapping import READ_TYPES
from fhir_adapters.pulled import Deletions, PulledFile, read_pulled, unchanged, withheld_types
from fhir_adapters.quarantine import Quarantine
from fhir_adapters.report import Part, Report
from fhir_adapters.warehouse import SNAPSHOTS
from fhir_adapters.warehouse.assembly import Habits, Intake, Loaded, Writer
from fhir_adapters.warehouse.errors import WarehouseNarrow
from fhir_adapters.warehouse.export import BulkExport
from fhir_adapters.warehouse.follow import News, news
from fhir_adapters.warehouse.ingest.beforehand import Beforehand, Shelf, Terms
from fhir_adapters.warehouse.ingest.files import Ahead, Input, Reading, read_files
from fhir_adapters.warehouse.joining import of_export, of_pulled
from fhir_adapters.warehouse.lock import WriterLock
from fhir_adapters.warehouse.needed import NOT_ASKED_FOR, Needed, covers, together
from fhir_adapters.warehouse.passed import take_kept
from fhir_adapters.warehouse.snapshot import Snapshot, current, newest, publish, remove_leftovers, vacuum
from fhir_adapters.warehouse.staging import Stage
from fhir_adapters.warehouse.state import delivered, failed
from fhir_adapters.warehouse.views import connect_on_disk, create_views
from rules import facts, units
from rules.facts import TABLES

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_HABITS: Final = Habits()


def load_export(root: Path, export: BulkExport, habits: Habits = _HABITS, *, anew: bool = False) -> Loaded:
    """Bring a Bulk Data export into the warehouse at ``root`` (made if missing).

    Newest versions win over older ones, whatever the order in which exports come. Deletions are carried out, merged patients' events
    move to the survivor. Types of which a file was cut short, or whose export failed, are *not loaded* until a later one brings them.
    ``anew``: no more is kept than ``habits.needed``, though more was kept before.

    Raises:
        SourceUnreadable: a file of the export, or of the warehouse, cannot be read.
        WarehouseNarrow: more is to be kept than before, and the export is not the whole of what was there.
        WarehouseBusy: somebody else writes to it.
    """
    at, since = micros(export.at), None if export.since is None else micros(export.since)
    report = Report()

    def fill(stage: Stage, before: Snapshot) -> Intake:
        gone = Deletions()
        for file in export.deleted:
            gone.add(file, "", 0)
        inputs = [Input(file, _part(report, export, file), Gone(gone)) for file in export.files]
        named = read_files(inputs, stage, habits.reading) | export.types
        report.notes += [*export.notes, *gone.notes()]
        reasons = {**_cut_short(report), **export.failed}
        whole = (named | stage.types) & READ_TYPES - reasons.keys()
        types = failed(delivered(before.types, whole, at, since), reasons)
        brought = sorted(whole) if since is None else []
        joining = of_export(before, at, brought, len(report.parts))
        return Intake(types, [(name, None) for name in brought], _kept(gone.last), joining=joining)

    return _load(root, habits, report, at, fill, anew=anew)


def load_pulled(root: Path, folder: Path, habits: Habits = _HABITS, *, anew: bool = False) -> Loaded:
    """Bring what ``folder``, into which `fhir_adapters.bulk` pulls, holds and the warehouse at ``root`` does not.

    The first time, or ``anew``, that is everything; else what was pulled since, and the whole of each type that was exported in full
    again. Types that are withheld there are *not loaded* here, and what was known of them stays.

    Raises:
        SourceUnreadable: nothing was pulled into the folder, or it or the warehouse cannot be read.
        WarehouseBusy: somebody else writes to it.
    """
    pulled = read_pulled(folder)
    if pulled is None or not pulled.loaded:
        raise SourceUnreadable(f"{folder}: nothing of a pull is here: pull again")
    times = {name: _instant(time, folder) for name, time in pulled.loaded.items()}
    report, shelf = Report(), Shelf(folder)

    def fill(stage: Stage, before: Snapshot) -> Intake:
        changed = [file for file in pulled.files if not unchanged(folder, file)]
        usable = [file for file in pulled.files if file not in changed]
        found = news(pulled, usable, before, stage.salt, anew=anew)
        deletions = _read_news(folder, usable, found, stage, habits.reading, shelf.ahead)
        damaged = withheld_types(replace(pulled, withheld={}), changed) | _cut_short(report)
        report.notes += pulled.notes
        states = before.types
        for name in times.keys() & READ_TYPES - damaged.keys():
            since = None if name in found.whole else before.types[name].watermark
            states = delivered(states, [name], times[name], since)
        reasons = {name: why for name, why in {**pulled.withheld, **damaged}.items() if name in READ_TYPES}
        scope = [(name, None) for name in sorted(found.whole & READ_TYPES - damaged.keys())]
        taken = found.taken if not any(part.cut_short for part in report.parts) else {}
        joining = of_pulled(pulled, report.parts, anew="Patient" in found.whole)
        return Intake(failed(states, reasons), scope, deletions, everybody=pulled.everybody, joining=joining, taken=taken)

    return replace(_load(root, habits, report, max(times.values()), fill, anew=anew), beforehand=shelf.taken)


def beforehand(root: Path, folder: Path, habits: Habits = _HABITS, *, anew: bool = False) -> Beforehand:
    """Stages files that are pulled into ``folder`` for the `load_pulled` that is to come, so that it need not read them.

    What it is to keep is said as it will be there, unless the warehouse changes meanwhile. What was taken has to be cleared away.
    """
    try:
        needed, _ = _begun(newest(root), habits.needed, anew=anew)
    except AdapterError:  # for the load to tell
        needed = habits.needed
    return Beforehand(Shelf(folder), Terms(_salt(habits.household_key), habits.household_key, needed, habits.reading))


def _instant(time: str, folder: Path) -> int:
    moment = dates.parse(time)
    if moment is None:
        raise SourceUnreadable(f"{folder}: the server's time is not a time: pull again with --full")
    return moment.instant


def _read_news(folder: Path, usable: Collection[PulledFile], found: News, stage: Stage, reading: Reading, ahead: Ahead) -> set[str]:
    """Stage what is new; the deletions that concern what was there before."""
    gone, later = Deletions(), Deletions()
    for file in usable:
        if file.kind == "deleted":
            gone.add(folder / file.path, file.type, file.export)
    inputs = []
    for file in found.files:
        if file.kind == "deleted":
            later.add(folder / file.path, file.type, file.export)
        else:
            inputs.append(Input(folder / file.path, stage.report.part(file.path), Gone(gone, file.export), file.sha256))
    read_files(inputs, stage, reading, ahead)
    stage.report.notes += later.notes()
    return _kept(later.last)


def _kept(sources: Iterable[str]) -> set[str]:
    """Those of types that are kept here."""
    return {source for source in sources if source.split("/", 1)[0] in READ_TYPES}


def _part(report: Report, export: BulkExport, file: Path) -> Part:
    return report.part(file.relative_to(export.root).as_posix() if file != export.root else file.name)


def _cut_short(report: Report) -> dict[str, str]:
    """Types that the missing rest of a file may have held: by its name, else by what was in it, else any."""
    reasons: dict[str, str] = {}
    for part in report.parts:
        if part.cut_short:
            types = {named_type(part)} & READ_TYPES or {name for name, _ in part.tally} & READ_TYPES
            reasons |= dict.fromkeys(types or (() if named_type(part) else READ_TYPES), "a file was cut short")
    return reasons


def load_dataset(root: Path, data: Dataset, at: datetime, *, everybody: bool, habits: Habits = _HABITS) -> Loaded:
    """Bring people who were read from a server into the warehouse, as of ``at``.

    Each record is the whole of what it has loaded: what the warehouse holds of that person and table, and the record does not, is
    gone. ``everybody``: whoever is not among the records is gone too, and the tables that are loaded for all count as loaded.
    """
    report = replace(data.report, parts=[], quarantine=Quarantine(), notes=list(data.report.notes))
    missing = data.report.not_loaded

    def fill(stage: Stage, before: Snapshot) -> Intake:
        part = report.part("records")
        for record in data.records:
            stage.add_record(record, part)
        people = [record.person.id for record in data.records]
        gaps = [(r.person.id, name) for r in data.records for name in sorted(r.not_loaded & TABLES.keys() - missing.keys())]
        if not everybody:
            gaps = [(record.person.id, name) for record in data.records for name in sorted(record.not_loaded & TABLES.keys())]
            scope = [(name, r.person.id) for r in data.records for name in _types_of(TABLES.keys() - r.not_loaded)]
            return Intake(before.types, scope, read_people=people, gaps=gaps, everybody=before.everybody, taken=before.taken)
        whole = ["Patient", *_types_of(TABLES.keys() - missing.keys())]
        reasons = {first: missing[table] for first, table in FIRST_TYPES.items() if table in missing}
        types = failed(delivered(before.types, whole, micros(at), None), reasons)
        return Intake(types, [(name, None) for name in whole], read_people=people, gaps=gaps)

    return _load(root, habits, report, micros(at), fill)


def _types_of(tables: Iterable[str]) -> list[str]:
    return [name for table in sorted(tables) for name in TABLES[table].resource_types]


def micros(at: datetime) -> int:
    """Microseconds since 1970 UTC."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def _load(root: Path, habits: Habits, report: Report, at: int, fill: Callable[[Stage, Snapshot], Intake], *, anew: bool = False) -> Loaded:
    for folder in (root / SNAPSHOTS, root / "data"):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with WriterLock(root) as lock:
        remove_leftovers(root)
        with (
            current(root) as found,
            TemporaryDirectory(prefix=f"work-{lock.token}-", dir=root) as work,
            connect_on_disk(Path(work), habits.memory) as connection,
        ):
            needed, before = _begun(found, habits.needed, anew=anew)
            create_views(connection, root, before)
            stage = Stage(connection, report, Path(work), _salt(habits.household_key), habits.household_key, needed)
            intake = _spared(fill(stage, before), needed)
            if before is not found:
                _check_whole(root, found, intake)
            stage.done()
            take_kept(stage, intake.whole)
            stage.join()
            loaded = Writer(root, habits, connection, before, intake, at, f"{before.number + 1}-{lock.token}", needed).write(stage)
        lock.check()
        publish(root, loaded.snapshot)
        vacuum(root, habits.keep)
    return loaded


def _begun(found: Snapshot, asked: Needed | None, *, anew: bool) -> tuple[Needed | None, Snapshot]:
    """What is kept, and what to go on from: nothing if more is asked for than is kept there, for the rest of it was never written."""
    if not found.number or (anew and found.needed != asked):
        return asked, Snapshot(found.number)
    if covers(found.needed, asked):
        return found.needed, found
    return together(found.needed, asked), Snapshot(found.number)


def _spared(intake: Intake, needed: Needed | None) -> Intake:
    """With those types not loaded of which nothing is needed."""
    if needed is None:
        return intake
    return replace(intake, types=failed(intake.types, dict.fromkeys(needed.spared & intake.types.keys(), NOT_ASKED_FOR)))


def _check_whole(root: Path, found: Snapshot, intake: Intake) -> None:
    """For a load that does not go on from what was ``found``. Raises `WarehouseNarrow` if not all of that came again."""
    known = {name for name, state in found.types.items() if state.watermark is not None}
    if lost := known - intake.whole:
        raise WarehouseNarrow(
            f"{root}: lacks what is asked for now, and this is not the whole of {', '.join(sorted(lost))}: "
            "load everything again that it was filled from, or load into another folder; nothing was changed"
        )


def _salt(household_key: bytes) -> bytes:
    """Another key makes other households, and another version of the mapping other events: the same resource is then no longer *same*."""
    adapters = Path(__file__).parent.parent
    patterns = ("*.py", "mapping/*.py", *(f"warehouse/{name}.py" for name in ("columns", "needed", "staging", "ingest/*")))
    meaning = (Path(str(module.__file__)) for module in (facts, units))
    found = hashlib.blake2b(household_key, digest_size=32)
    for module in (*sorted(path for pattern in patterns for path in adapters.glob(pattern)), *meaning):
        found.update(module.read_bytes())
    return found.digest()
