"""Files of a pull, staged while others are still on their way: what another process made of them is kept until the load takes it.

::

    .staged/<key>/account            what became of the lines, with the digest of each file beside it
                  events.parquet …   the rows, as if the file were the first one of all
                  own.parquet, common.parquet   those of plain lines, in halves
                  others.parquet     the resources among the lines that the mapper took: some have no row
            new-…/                   of a process that works, or was killed

A key says all that the rows depend on, so that what no longer fits is never found: the load reads the file itself.
"""

import errno
import json
import os
import shutil
import signal
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from hashlib import blake2b, sha256
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any, Final

import duckdb
import msgspec
import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from fhir_adapters.files import Gone, named_type
from fhir_adapters.mapping import Outcome
from fhir_adapters.pulled import Deletions, PulledFile, unchanged
from fhir_adapters.quarantine import Entry, Quarantine, Reason
from fhir_adapters.report import Part
from fhir_adapters.warehouse.ingest.files import HERE, PLACES, Job, Reading, Staged, begin, is_long, staged_from, type_of_lines
from fhir_adapters.warehouse.needed import Needed
from fhir_adapters.warehouse.snapshot import digest
from fhir_adapters.warehouse.staging import MOVED, Halves, Rows, from_files, quoted, scans, united

_FOLDER: Final = ".staged"
_FORMAT: Final = 1
"""Of what is kept, and of rows as `fhir_adapters.warehouse.staging` makes them."""
_ACCOUNT: Final = "account"
_OTHERS: Final = "others"
_OWN: Final = "own"
_COMMON: Final = "common"
_NEW: Final = "new-"
_AT_ONCE: Final = 20_000
_POLITE: Final = 5
"""How far others come first, as `os.nice` counts: there is time while a server exports, but at the end the load waits for it."""
_CONTEXT: Final = get_context("spawn")
_TOLD: Final = "a file could not be read ahead ({why}): what is left is read once everything is here"


@dataclass(frozen=True, slots=True)
class Terms:
    """What becomes of a file depends on this, beside the file."""

    salt: bytes
    """See `fhir_adapters.warehouse.staging.Stage`; it differs with the household key and with the mapping."""
    household_key: bytes
    needed: Needed | None
    reading: Reading


@dataclass(slots=True)
class Shelf:
    """What was staged beforehand of the files that were pulled into a folder."""

    pulled: Path
    taken: int = 0
    """Files of which `ahead` gave what was staged."""

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return self.pulled / _FOLDER

    def ahead(self, job: Job, connection: duckdb.DuckDBPyConnection) -> Staged | None:
        """See `fhir_adapters.warehouse.ingest.files.Ahead`: in its place, if it is whole and no deletion is about anything in it."""
        if not job.sha256:
            return None
        folder = self.folder / key(job)
        try:
            said = _account(folder)
        except (OSError, ValueError, KeyError, TypeError):
            return None
        if said is None or _touched(folder, said["files"], job, connection):
            return None
        self.taken += 1
        found = {kind: [_rows(folder, kind, job.part_no)] for kind in {*said["files"]} - {_OTHERS}}
        halves = Halves(found.pop(_OWN, []), found.pop(_COMMON, []))
        tally = Counter({(name, Outcome(outcome)): count for name, outcome, count in said["tally"]})
        part = Part(job.part.name, said["lines"], said["entries"], tally, said["cut_short"])
        return Staged(part, _quarantine(said["refused"]), _quarantine(said["noted"]), frozenset(said["types"]), found, halves)

    def clear(self) -> None:
        """Forget everything: it was taken, or never will be."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(slots=True)
class Beforehand:
    """Stages files that have arrived in processes of its own, one for each processor. Use it as a context: at its end the files that are
    being read are waited for, and those that are not are left to the load. Whatever goes wrong is told once, and harms nobody.
    """

    shelf: Shelf
    terms: Terms
    say: Callable[[str], None] = lambda text: None
    progress: Callable[[int, int], None] = lambda done, begun: None
    """So many files of so many are staged."""
    begun: int = 0
    done: int = 0
    _trouble: bool = False
    _stop: Event | None = None
    """Set when no file is to be begun any more. On a full disk each of them would fill it once more."""
    _lock: Lock = field(default_factory=Lock)
    _pool: ProcessPoolExecutor | None = None
    _work: TemporaryDirectory[str] | None = None

    def __enter__(self) -> "Beforehand":
        for left in self.shelf.folder.glob(f"{_NEW}*"):
            shutil.rmtree(left, ignore_errors=True)
        return self

    def __exit__(self, *_: object) -> None:
        self._begin_no_more()
        if self._pool:
            self._pool.shutdown(cancel_futures=True)
        if self._work:
            self._work.cleanup()
        if self._trouble:
            self.shelf.clear()  # it may be what fills the disk, which the load needs

    def take(self, file: PulledFile) -> None:
        """A file has arrived; for any thread."""
        if self._trouble or file.kind != "output" or not is_long(file.path, file.bytes, self.terms.reading):
            return
        try:
            with self._lock:
                future = self._processes().submit(_stage, self.shelf.pulled, file, self.terms)
                self.begun += 1
                self.progress(self.done, self.begun)
            future.add_done_callback(self._ended)
        except Exception as error:  # the pull goes on, whatever this is
            self._give_up(error)

    def _processes(self) -> ProcessPoolExecutor:
        """Begun when there is work for them: most pulls of a day are small."""
        if not self._pool:
            self.shelf.folder.mkdir(mode=0o700, exist_ok=True)
            self._work = TemporaryDirectory(prefix=_NEW, dir=self.shelf.folder, ignore_cleanup_errors=True)
            reading, self._stop = self.terms.reading, _CONTEXT.Event()
            given = (Path(self._work.name), reading.memory, self._stop)
            self._pool = ProcessPoolExecutor(reading.processes or reading.most, _CONTEXT, _begin, given)
        return self._pool

    def _begin_no_more(self) -> None:
        if self._stop:
            self._stop.set()

    def _ended(self, future: Future[None]) -> None:
        if future.cancelled():
            return
        if error := future.exception():
            self._give_up(error)
            return
        with self._lock:
            self.done += 1
            self.progress(self.done, self.begun)

    def _give_up(self, error: BaseException) -> None:
        """The words of an error may hold what stands in a line."""
        self._begin_no_more()
        with self._lock:
            told, self._trouble = self._trouble, True
        if not told:
            self.say(_TOLD.format(why=type(error).__name__))


# ------------------------------------------------------------ in another process


_STOP: Final[list[Event]] = []
"""See `Beforehand`."""


def _begin(folder: Path, memory: str, stop: Event) -> None:
    _STOP.append(stop)
    os.nice(_POLITE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever asked for this ends it
    begin(folder, memory)


def _stage(pulled: Path, file: PulledFile, terms: Terms) -> None:
    """Keep what becomes of a file, unless that is kept already, the file is none for the fast road, or another one has its name by now."""
    path, folder = pulled / file.path, pulled / _FOLDER
    name = type_of_lines(path, terms.reading)
    nothing = Gone(Deletions())
    depends = (terms.salt, terms.household_key, terms.needed, terms.reading)
    job = Job(path, name, Part(file.path), 0, nothing, 0, folder, *depends, file.sha256)
    target = folder / key(job)
    if not name or target.exists() or _STOP[0].is_set():
        return
    mark = _mark(path)
    if not unchanged(pulled, file):
        return
    with TemporaryDirectory(prefix=_NEW, dir=folder) as new:
        whole = Path(new) / "whole"
        whole.mkdir(mode=0o700)
        with _Others(_file(whole, _OTHERS)) as others:
            staged = staged_from(replace(job, gone=Gone(others), folder=Path(new) / "part"), HERE[0])
        for kind, rows in (staged.rows | {_OWN: staged.halves.own, _COMMON: staged.halves.common}).items():
            if rows:
                _keep(HERE[0], rows, _file(whole, kind))
        _write_account(staged, whole)
        if _mark(path) == mark:
            _publish(whole, target)


def _publish(whole: Path, target: Path) -> None:
    """Unless another file of the same content was faster."""
    try:
        whole.rename(target)
    except OSError as error:
        if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
            raise


def _mark(path: Path) -> tuple[int, int, int]:
    """Of a file, that no other one has."""
    found = path.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size


def _keep(connection: duckdb.DuckDBPyConnection, rows: Iterable[Rows], path: Path) -> None:
    """In one file, whatever parts the rows were made in."""
    connection.execute(f"COPY {united(scans(rows))} TO '{quoted(path)}' (FORMAT parquet, COMPRESSION lz4_raw)")


class _Others(Deletions):
    """Knows of no deletion, and notes which resources it is asked about: later one may be about them. Use it as a context."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._writer = pq.ParquetWriter(path, pa.schema({"source": pa.string()}))
        self._held: list[str] = []

    def __enter__(self) -> "_Others":
        return self

    def __exit__(self, *_: object) -> None:
        self._write()
        self._writer.close()

    def cover(self, resource: Any, export: int) -> bool:
        """Never."""
        if isinstance(resource, dict):
            self._held.append(f"{resource.get('resourceType')}/{resource.get('id')}")
            if len(self._held) == _AT_ONCE:
                self._write()
        return False

    def _write(self) -> None:
        self._writer.write_table(pa.table({"source": pa.array(self._held, pa.string())}))
        self._held.clear()


# ------------------------------------------------------------ what is kept


def key(job: Job) -> str:
    """Says what the rows of a file depend on, but for their place and for what was deleted since."""
    limits, needed = asdict(job.reading.limits), job.needed.as_json() if job.needed else None
    made_by = [duckdb.__version__, msgspec.__version__, orjson.__version__, pa.__version__]
    said = [_FORMAT, made_by, job.sha256, named_type(job.part), limits, needed]
    return blake2b(json.dumps(said).encode(), digest_size=20, key=job.salt).hexdigest()


def _write_account(staged: Staged, folder: Path) -> None:
    """What became of the lines, and what the files beside it are, behind a digest of all that."""
    part = staged.part
    said = {
        "lines": part.lines,
        "entries": part.entries,
        "tally": [(name, outcome.value, count) for (name, outcome), count in part.tally.items()],
        "cut_short": part.cut_short,
        "refused": _plain(staged.refused),
        "noted": _plain(staged.noted),
        "types": sorted(staged.types),
        "files": {path.stem: digest(path) for path in sorted(folder.iterdir())},
    }
    content = orjson.dumps(said)
    (folder / _ACCOUNT).write_bytes(sha256(content).hexdigest().encode() + b"\n" + content)


def _account(folder: Path) -> dict[str, Any] | None:
    """What is kept there, if it is what was written; raises what reading it may."""
    known, _, content = (folder / _ACCOUNT).read_bytes().partition(b"\n")
    if sha256(content).hexdigest().encode() != known:
        return None
    said: dict[str, Any] = orjson.loads(content)
    return said if all(digest(_file(folder, name)) == was for name, was in said["files"].items()) else None


def _plain(found: Quarantine) -> dict[str, Any]:
    entries = [(entry.resource_type, entry.id, entry.path, entry.reason.value) for entry in found.entries]
    return {"entries": entries, "counts": [(name, reason.value, count) for (name, reason), count in found.counts.items()]}


def _quarantine(said: dict[str, Any]) -> Quarantine:
    entries = [Entry(name, id, path, Reason(reason)) for name, id, path, reason in said["entries"]]
    return Quarantine(entries, Counter({(name, Reason(reason)): count for name, reason, count in said["counts"]}))


def _file(folder: Path, kind: str) -> Path:
    return folder / f"{kind}.parquet"


def _rows(folder: Path, kind: str, part_no: int) -> Rows:
    """In their place."""
    place = "" if kind == _COMMON else f", ordinal + $part_no::BIGINT * {PLACES} AS ordinal"
    return Rows((_file(folder, kind),), f"* REPLACE ({MOVED}{place})", (part_no,))


def _touched(folder: Path, kinds: Iterable[str], job: Job, connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether something in the file was deleted since; of a type that is not needed nobody has noted what is in it."""
    names = [name for name, export in job.gone.deletions.last.items() if export >= job.gone.export]
    if not names:
        return False
    if job.needed and job.name in job.needed.spared and any(name.startswith(f"{job.name}/") for name in names):
        return True
    said = {_OWN: f"'{job.name}/' || id AS source"}
    sources = " UNION ALL ".join(
        f"SELECT {said.get(kind, 'source')} FROM {from_files([_file(folder, kind)])}" for kind in kinds if kind != _COMMON
    )
    query = f"SELECT 1 FROM ({sources}) WHERE source IN (SELECT unnest($1::VARCHAR[])) LIMIT 1"
    return bool(connection.execute(query, [names]).fetchall())
