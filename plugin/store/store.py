"""Connections to the store, and the two kinds of transaction."""

import os
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, nullcontext
from enum import Enum, auto
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError

from plugin.errors import StoreError
from plugin.store.direct import Direct, Statements
from plugin.store.turn import Turn

_KIND: Final = "almoner_kind"
_WAITS: Final = "almoner_waits"
"""Among what is known of a connection to SQLite: how far its last writer waited for the disk."""
_SECONDS: Final = 10
"""So long a writer of SQLite waits for another one."""


class _Kind(Enum):
    """What a transaction is for."""

    READ = auto()
    HASTY = auto()
    DURABLE = auto()


_Begin = Callable[[Callable[[str], object], MutableMapping[Any, Any], _Kind], None]
"""Begins a transaction: says to the database what has to be said; what is known of the connection stays with it."""


class Store:
    """A database with our tables. One per process; its connections may be used by any thread, each by one at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        file = engine.url.database if engine.dialect.name == "sqlite" else None
        self._turn = Turn(Path(f"{file}-turn")) if file and file != ":memory:" else nullcontext()
        self._statements = Statements(engine.dialect)
        self._begin = _begin_embedded if self.is_sqlite else _begin_on_server

    @property
    def is_sqlite(self) -> bool:
        """Whether it is the embedded database, which has one writer at a time."""
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """A transaction that may change something: all of it, or nothing if the block raises.

        One that is not ``durable`` does not wait for the disk: it survives the end of our processes, but not that of the machine.
        """
        options = {_KIND: _Kind.DURABLE if durable else _Kind.HASTY}
        with self._turn, self.engine.connect().execution_options(**options) as connection, connection.begin():
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only looks; it sees one moment, and keeps no writer waiting."""
        with self.engine.connect().execution_options(**{_KIND: _Kind.READ}) as connection, connection.begin():
            yield connection

    @contextmanager
    def write_direct(self, *, durable: bool = True) -> Iterator[Direct]:
        """The same as `write` for the few statements of which every hook call makes some."""
        with self._turn, self._direct(_Kind.DURABLE if durable else _Kind.HASTY) as found:
            yield found

    @contextmanager
    def read_direct(self) -> Iterator[Direct]:
        """The same as `read` for such statements."""
        with self._direct(_Kind.READ) as found:
            yield found

    @contextmanager
    def _direct(self, kind: _Kind) -> Iterator[Direct]:
        with self._statements.errors():
            connection = self.engine.raw_connection()
            try:
                cursor = connection.cursor()
                self._begin(cursor.execute, connection.info, kind)
                yield Direct(cursor, self._statements)
                cursor.close()
                connection.commit()
            finally:
                connection.close()  # which takes back what is not committed

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """The store at a SQLAlchemy URL: ``sqlite:///state/almoner.db`` or ``postgresql+psycopg://user@host/name``.

    The file of a SQLite store is made if it is missing, for its owner only. The tables are not: see `plugin.store.versions`.

    Raises:
        StoreError: the URL names neither, or the driver is not installed.
    """
    try:
        parsed = make_url(url)
        engine = _sqlite(parsed) if parsed.get_backend_name() == "sqlite" else _postgresql(parsed)
    except ImportError as missing:
        raise StoreError(f"the database's driver is not installed ({missing.name}): pip install 'almoner[postgres]'") from missing
    except (ArgumentError, ValueError):
        raise StoreError("the database's URL cannot be read: write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME") from None
    return Store(engine)


def _sqlite(url: URL) -> Engine:
    if url.database and url.database != ":memory:":
        file = Path(url.database)
        file.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(url, connect_args={"timeout": _SECONDS}, hide_parameters=True)
    event.listen(engine, "connect", _prepared)
    event.listen(engine, "begin", partial(_begun, _begin_embedded))
    return engine


def _prepared(connection: Any, _: Any) -> None:
    """Our own BEGIN instead of the driver's: the driver begins late, and then two readers who write exclude each other."""
    connection.isolation_level = None
    for pragma in ("journal_mode = WAL", "foreign_keys = ON", "secure_delete = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begun(begin: _Begin, connection: Connection) -> None:
    begin(connection.exec_driver_sql, connection.info, connection.get_execution_options().get(_KIND, _Kind.DURABLE))


def _begin_embedded(say: Callable[[str], object], known: MutableMapping[Any, Any], kind: _Kind) -> None:
    if kind is _Kind.READ:
        say("BEGIN")
        return
    wait = "NORMAL" if kind is _Kind.HASTY else "FULL"
    if known.get(_WAITS) != wait:
        say(f"PRAGMA synchronous = {wait}")
        known[_WAITS] = wait
    say("BEGIN IMMEDIATE")


def _postgresql(url: URL) -> Engine:
    if url.get_backend_name() != "postgresql":
        raise StoreError(f"{url.get_backend_name()} is not supported: use sqlite or postgresql")
    engine = create_engine(url.set(drivername="postgresql+psycopg"), pool_pre_ping=True, pool_size=8, max_overflow=8, hide_parameters=True)
    event.listen(engine, "begin", partial(_begun, _begin_on_server))
    return engine


def _begin_on_server(say: Callable[[str], object], _: object, kind: _Kind) -> None:
    if kind is _Kind.READ:
        say("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    elif kind is _Kind.HASTY:
        say("SET LOCAL synchronous_commit = off")
