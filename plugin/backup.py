"""Copies of everything that cannot be made anew: the database, what waits to be written to EHRs, keys, and the sweep that is published.

The database is copied first, what waits for EHRs after it: whatever the database believes to wait there is then in the copy, and what was
put there since is put again, under the same key, and written once (`fhir_adapters.writeback`).
"""

import json
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sqlalchemy import inspect, make_url
from sqlalchemy.engine import URL

from plugin.access import Broken, head, verify
from plugin.errors import StoreError
from plugin.messages.restoring import settle_restored
from plugin.store.store import Store, open_store
from plugin.store.tables.messages import MESSAGES
from plugin.store.versions import current, migrate

LIST: Final = "backup.json"
_DATABASE, _DUMP = "almoner.db", "almoner.pgdump"
_KEPT: Final = ("*.key", "keys/**/*", "servers/*.json", "runs/**/*", "CURRENT")
"""Besides databases and the sweep that is published. Pulls and warehouses are made anew; the settings are yours."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a copy holds."""

    made: datetime
    version: str
    """Of the tables."""
    end: tuple[int, str]
    """Of the record of who did what, when the copy was begun: the copy holds it."""
    files: int


def back_up(database: str, state: Path, to: Path, at: datetime) -> Backup:
    """Copy what is at the URL ``database`` and in the folder ``state`` into the new folder ``to``, while everything goes on.

    Raises:
        StoreError: ``to`` is there already, the database is empty, or it could not be copied.
    """
    version, end = _begun(database)
    new = to.with_name(to.name + ".new")
    for each in (to, new):
        if each.exists():
            raise StoreError(f"{each} is there already: name a new folder, or remove it")
    new.mkdir(mode=0o700, parents=True)
    _copy_database(make_url(database), new)
    for file in sorted(state.glob("*.sqlite")):
        _copy_sqlite(file, new / file.name)
    for file in _kept(state):
        (new / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(state / file, new / file)
    _list(new, Backup(at, version, end, 0))
    new.rename(to)
    return read(to)


def restore(source: Path, database: str, state: Path, at: datetime) -> Backup:
    """Put a copy into an empty database and an empty folder, and look whether it is whole.

    Messages that waited in it to be sent do not go any more: nobody knows which of them went since.

    Raises:
        StoreError: something is there already, a file of the copy is not what was written, or the record of who did what is not whole.
    """
    found = read(source)
    if state.exists() and any(state.iterdir()):
        raise StoreError(f"{state} is not empty: restore into a new folder")
    url = make_url(database)
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    _restore_database(url, source)
    for file in _files(source):
        if file.name not in (LIST, _DATABASE, _DUMP):
            (state / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source / file, state / file)
    with closing(open_store(database)) as store:
        _verify(store, found)
        if inspect(store.engine).has_table(MESSAGES.name):  # a copy from before there were any needs nothing
            migrate(store)
            with store.write() as connection:
                settle_restored(connection, at)
    return found


def _verify(store: Store, backup: Backup) -> None:
    with store.read() as connection:
        try:
            verify(connection, backup.end)
        except Broken as reason:
            raise StoreError(f"the copy was put back, and is not whole: {reason}") from reason


def read(source: Path) -> Backup:
    """What the copy in ``source`` holds. Raises `StoreError` if it is not whole."""
    try:
        listed = json.loads((source / LIST).read_text(encoding="utf-8"))
    except (OSError, ValueError) as wrong:
        raise StoreError(f"{source} is no copy that was finished: it has no {LIST} that can be read") from wrong
    hashes: Mapping[str, str] = listed["files"]
    if wrong_files := [name for name, hash in hashes.items() if not (source / name).is_file() or _hash(source / name) != hash]:
        raise StoreError(f"{source / min(wrong_files)} is missing, or its content is not what was written: take another copy")
    seq, hash = listed["end"]
    return Backup(datetime.fromisoformat(listed["made"]), listed["version"], (seq, hash), len(hashes))


def _begun(database: str) -> tuple[str, tuple[int, str]]:
    with closing(open_store(database)) as store:
        version = current(store)
        if version is None:
            raise StoreError("there is nothing to copy: the database has no tables")
        with store.read() as connection:
            return version, head(connection)


def _copy_database(url: URL, to: Path) -> None:
    if url.get_backend_name() == "sqlite":
        _copy_sqlite(Path(str(url.database)), to / _DATABASE)
    else:
        _run("pg_dump", url, "--format=custom", f"--file={to / _DUMP}")
        (to / _DUMP).chmod(0o600)


def _restore_database(url: URL, source: Path) -> None:
    sqlite = url.get_backend_name() == "sqlite"
    if not (source / (_DATABASE if sqlite else _DUMP)).is_file():
        raise StoreError("the copy is of the other kind of database: SQLite goes into SQLite, PostgreSQL into PostgreSQL")
    if sqlite:
        file = Path(str(url.database))
        if file.exists():
            raise StoreError(f"{file} is there already: restore into a new database")
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source / _DATABASE, file)
        return
    with closing(open_store(url.render_as_string(hide_password=False))) as store:
        if inspect(store.engine).get_table_names():
            raise StoreError("the database is not empty: restore into a new one")
    _run("pg_restore", url, "--no-owner", "--single-transaction", "--exit-on-error", str(source / _DUMP))


def _copy_sqlite(file: Path, to: Path) -> None:
    """One moment of a database that others write to meanwhile."""
    with closing(sqlite3.connect(file.absolute().as_uri() + "?mode=ro", uri=True)) as source, closing(sqlite3.connect(to)) as copy:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    to.chmod(0o600)


def _run(program: str, url: URL, *arguments: str) -> None:
    found = shutil.which(program)
    if found is None:
        raise StoreError(f"{program} is not on the path: install the client programs of PostgreSQL, of the server's version or newer")
    place = url.set(drivername="postgresql", password=None).render_as_string()
    secret = {"PGPASSWORD": str(url.password)} if url.password else {}  # never among the arguments: every user of the machine sees those
    ran = subprocess.run(  # noqa: S603 a program of the operator's path, with a URL of the operator's settings
        [found, f"--dbname={place}", *arguments], env=os.environ | secret, capture_output=True, text=True, check=False
    )
    if ran.returncode:
        raise StoreError(f"{program} failed: {(ran.stderr.strip().splitlines() or ['without a word'])[0]}")


def _kept(state: Path) -> list[Path]:
    files = {file.relative_to(state) for pattern in _KEPT for file in state.glob(pattern) if file.is_file()}
    pointer = state / "CURRENT"
    if pointer.is_file():
        sweep = state / "sweeps" / pointer.read_text(encoding="ascii").strip()
        files |= {file.relative_to(state) for file in sweep.rglob("*") if file.is_file()}
    return sorted(files)


def _files(folder: Path) -> list[Path]:
    return sorted(file.relative_to(folder) for file in folder.rglob("*") if file.is_file())


def _list(folder: Path, backup: Backup) -> None:
    hashes = {file.as_posix(): _hash(folder / file) for file in _files(folder)}
    text = {"made": backup.made.isoformat(), "version": backup.version, "end": backup.end, "files": hashes}
    (folder / LIST).write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")


def _hash(file: Path) -> str:
    with file.open("rb") as content:
        digest = sha256()
        while piece := content.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
