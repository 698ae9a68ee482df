"""What a pull has done so far, in SQLite: each step is one transaction, so that a process may end between any two."""

import fcntl
import os
import secrets
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any, Final, Literal

from fhir_adapters.bulk.manifest import Listed, Manifest
from fhir_adapters.bulk.request import ExportRequest
from fhir_adapters.bulk.versions import Kind
from fhir_adapters.errors import PullConflict, SourceUnreadable
from fhir_adapters.pulled import PulledFile

Phase = Literal["asked", "running", "loading", "loaded", "ended", "published"]
"""An export: to be asked for; being made; its files are listed; all are here; the server may forget it; its files count."""

SCHEMA: Final = 1
_TABLES: Final = """
CREATE TABLE pull (server TEXT NOT NULL, scope TEXT NOT NULL);
CREATE TABLE job (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, export_id TEXT NOT NULL, request TEXT NOT NULL, phase TEXT NOT NULL DEFAULT 'asked',
    status_url TEXT NOT NULL DEFAULT '', transaction_time TEXT NOT NULL DEFAULT '', requires_token INTEGER NOT NULL DEFAULT 1,
    progress TEXT NOT NULL DEFAULT '', polls INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0, tries INTEGER NOT NULL DEFAULT 0,
    restarts INTEGER NOT NULL DEFAULT 0, started REAL NOT NULL DEFAULT 0
);
CREATE TABLE file (
    job INTEGER NOT NULL REFERENCES job, kind TEXT NOT NULL, number INTEGER NOT NULL, type TEXT NOT NULL, url TEXT NOT NULL,
    count INTEGER, state TEXT NOT NULL DEFAULT 'listed', path TEXT NOT NULL DEFAULT '', validator TEXT NOT NULL DEFAULT '',
    coding TEXT NOT NULL DEFAULT '', bytes INTEGER NOT NULL DEFAULT 0, lines INTEGER NOT NULL DEFAULT 0,
    sha256 TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, next_at REAL NOT NULL DEFAULT 0,
    problem TEXT NOT NULL DEFAULT '', PRIMARY KEY (job, kind, number), UNIQUE (job, url)
);
CREATE TABLE feed (type TEXT PRIMARY KEY, time TEXT NOT NULL, reason TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class Job:
    """One export on the server."""

    seq: int
    export_id: str
    request: ExportRequest
    phase: Phase
    status_url: str
    transaction_time: str
    requires_token: bool
    progress: str
    """What the server last said about how far it is."""
    polls: int
    """How often it was asked about and was not ready."""
    next_at: float
    """Not to be asked before (seconds since 1970)."""
    tries: int
    """Attempts of this step in a row that failed."""
    restarts: int
    started: float


@dataclass(frozen=True, slots=True)
class File:
    """One file of an export. ``path`` is relative to the folder of the pull."""

    job: int
    kind: Kind
    number: int
    type: str
    url: str
    count: int | None
    state: Literal["listed", "done", "failed"]
    path: str
    validator: str
    """What must still hold (ETag or date) for the rest of a file to fit what is here of it; empty: start anew."""
    coding: str
    bytes: int
    lines: int
    sha256: str
    tries: int
    next_at: float
    problem: str
    """Why it failed, or what is odd about it."""

    @property
    def name(self) -> str:
        """Where it goes, but for what it is packed in."""
        return f"{self.job:04d}/{self.kind}/{self.type or 'mixed'}.{self.number:05d}.ndjson"

    @property
    def pulled(self) -> PulledFile:
        """What readers of the folder see of it, once it is done."""
        return PulledFile(self.path, self.kind, self.type, self.job, self.bytes, self.lines, self.sha256)


@dataclass(frozen=True, slots=True)
class Feed:
    """A resource type: up to when it is here, and why it does not count as loaded (empty: it does)."""

    type: str
    time: str
    reason: str


class State:
    """The state of the pulls into one folder, for any number of threads of one process.

    Raises `PullConflict` if another process is at work in the folder, `SourceUnreadable` if the state is not one of ours.
    """

    def __init__(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock_file = os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600)
            self._alone(folder)
            os.close(os.open(folder / "state.sqlite", os.O_CREAT, 0o600))
            self._db = sqlite3.connect(folder / "state.sqlite", isolation_level=None, check_same_thread=False, timeout=30)
            self._db.row_factory = sqlite3.Row
            self._prepare(folder)
        except (OSError, sqlite3.Error) as error:
            raise SourceUnreadable(f"{folder}: the state of the pull cannot be used ({error})") from error
        self._turn = RLock()

    def _alone(self, folder: Path) -> None:
        try:
            fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock_file)
            raise PullConflict(f"another pull is at work in {folder.parent}: wait for its end") from None

    def _prepare(self, folder: Path) -> None:
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        found: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        if found == 0:
            self._db.executescript(f"BEGIN IMMEDIATE; {_TABLES} PRAGMA user_version = {SCHEMA}; COMMIT;")
        elif found != SCHEMA:
            raise SourceUnreadable(f"{folder}: the state was written by another version of Almoner: pull into a new folder")

    def close(self) -> None:
        """Let go of the folder."""
        self._db.close()
        os.close(self._lock_file)

    @contextmanager
    def _change(self) -> Iterator[sqlite3.Connection]:
        with self._turn:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._turn:
            return self._db.execute(query, values).fetchall()

    # ------------------------------------------------------------ what the folder is about

    def pull(self) -> tuple[str, str] | None:
        """The server and the scope of what is in the folder; ``None`` if nothing was pulled yet."""
        rows = self._rows("SELECT server, scope FROM pull")
        return (rows[0]["server"], rows[0]["scope"]) if rows else None

    def feeds(self) -> dict[str, Feed]:
        """What is known of each type."""
        return {row["type"]: Feed(**row) for row in self._rows("SELECT * FROM feed ORDER BY type")}

    def begin(self, server: str, scope: str, requests: Iterable[ExportRequest]) -> None:
        """Write down the exports to be made. Nothing of it has been asked for yet."""
        with self._change() as db:
            about = db.execute("SELECT server, scope FROM pull").fetchone()
            if about is not None and tuple(about) != (server, scope):
                # Another data set: what counts until now is replaced as a whole, once this one is here.
                db.execute("DELETE FROM feed")
                db.execute("DELETE FROM file WHERE job IN (SELECT seq FROM job WHERE phase = 'published')")
                db.execute("DELETE FROM job WHERE phase = 'published'")
            db.execute("DELETE FROM pull")
            db.execute("INSERT INTO pull VALUES (?, ?)", (server, scope))
            for request in requests:
                db.execute("INSERT INTO job (export_id, request) VALUES (?, ?)", (secrets.token_hex(10), request.to_json()))

    # ------------------------------------------------------------ exports

    def jobs(self, *, published: bool = False) -> list[Job]:
        """Exports under way, or those whose files count, in the order in which they were asked for."""
        rows = self._rows(f"SELECT * FROM job WHERE phase {'=' if published else '<>'} 'published' ORDER BY seq")  # noqa: S608 two fixed texts
        return [_job(row) for row in rows]

    def job(self, seq: int) -> Job:
        """One export as it is now."""
        return _job(self._rows("SELECT * FROM job WHERE seq = ?", seq)[0])

    def set_job(self, seq: int, **values: Any) -> None:
        """Change what is known of an export."""
        with self._change() as db:
            _update(db, "job", values, "seq = ?", (seq,))

    def started(self, seq: int, status_url: str, *, now: float, next_at: float) -> None:
        """The server has accepted the export."""
        self.set_job(seq, phase="running", status_url=status_url, started=now, next_at=next_at, tries=0)

    def restart(self, seq: int) -> None:
        """The server has forgotten the export: ask for it anew."""
        with self._change() as db:
            db.execute("DELETE FROM file WHERE job = ?", (seq,))
            db.execute("UPDATE job SET restarts = restarts + 1 WHERE seq = ?", (seq,))
            _update(db, "job", {"phase": "asked", "status_url": "", "transaction_time": "", "polls": 0, "tries": 0}, "seq = ?", (seq,))

    def listed(self, seq: int, manifest: Manifest, *, keep: Sequence[tuple[File, Listed]] | None) -> None:
        """Take over what a manifest says. ``keep``: the files known already, each with its new entry; ``None``: forget them all."""
        with self._change() as db:
            if keep is None:
                db.execute("DELETE FROM file WHERE job = ?", (seq,))
            # First out of each other's way: two files may have changed places.
            db.executemany("UPDATE file SET url = ? WHERE job = ? AND kind = ? AND number = ?", _addresses(seq, keep or (), "moving:"))
            db.executemany("UPDATE file SET url = ? WHERE job = ? AND kind = ? AND number = ?", _addresses(seq, keep or (), ""))
            known = {entry for _, entry in keep or ()}
            for entry in manifest.files:
                if entry not in known:
                    number = db.execute("SELECT count(*) FROM file WHERE job = ? AND kind = ?", (seq, entry.kind)).fetchone()[0] + 1
                    row = (seq, entry.kind, number, entry.type, entry.url, entry.count)
                    db.execute("INSERT INTO file (job, kind, number, type, url, count) VALUES (?, ?, ?, ?, ?, ?)", row)
            values = {"transaction_time": manifest.transaction_time, "requires_token": manifest.requires_token}
            _update(db, "job", values, "seq = ?", (seq,))

    def drop_jobs(self, seqs: Collection[int]) -> None:
        """Forget exports with their files."""
        with self._change() as db:
            for seq in seqs:
                db.execute("DELETE FROM file WHERE job = ?", (seq,))
                db.execute("DELETE FROM job WHERE seq = ?", (seq,))

    # ------------------------------------------------------------ files

    def files(self, seq: int) -> list[File]:
        """The files of one export, in the order in which they were listed."""
        return [File(**row) for row in self._rows("SELECT * FROM file WHERE job = ? ORDER BY kind, number", seq)]

    def file(self, file: File) -> File:
        """A file as it is now."""
        keys = (file.job, file.kind, file.number)
        return File(**self._rows("SELECT * FROM file WHERE job = ? AND kind = ? AND number = ?", *keys)[0])

    def set_file(self, file: File, **values: Any) -> None:
        """Change what is known of a file."""
        with self._change() as db:
            _update(db, "file", values, "job = ? AND kind = ? AND number = ?", (file.job, file.kind, file.number))

    # ------------------------------------------------------------ publication

    def publish(self, feeds: Iterable[Feed], dropped: Iterable[File]) -> None:
        """From now on the files of all exports count, but for those ``dropped``."""
        with self._change() as db:
            db.executemany("DELETE FROM file WHERE job = ? AND kind = ? AND number = ?", [(f.job, f.kind, f.number) for f in dropped])
            db.executemany("REPLACE INTO feed VALUES (?, ?, ?)", [(feed.type, feed.time, feed.reason) for feed in feeds])
            db.execute("UPDATE job SET phase = 'published'")
            db.execute("DELETE FROM job WHERE seq NOT IN (SELECT job FROM file)")


def _addresses(seq: int, keep: Iterable[tuple[File, Listed]], before: str) -> list[tuple[str, int, str, int]]:
    return [(before + entry.url, seq, file.kind, file.number) for file, entry in keep]


def _job(row: sqlite3.Row) -> Job:
    values = dict(row)
    return Job(**values | {"request": ExportRequest.from_json(values["request"]), "requires_token": bool(values["requires_token"])})


def _update(db: sqlite3.Connection, table: str, values: dict[str, Any], where: str, keys: tuple[Any, ...]) -> None:
    """The names of columns are ours."""
    columns = ", ".join(f"{name} = ?" for name in values)
    db.execute(f"UPDATE {table} SET {columns} WHERE {where}", (*values.values(), *keys))  # noqa: S608
