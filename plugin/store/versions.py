"""Which version of the tables a store has, and the way to another one (Alembic)."""

from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from plugin.errors import StoreError
from plugin.store.store import Store

HEAD: Final = "head"
_LOCK: Final = 0x616C6D6F


def newest() -> str:
    """The version that this program needs."""
    found = ScriptDirectory.from_config(_config()).get_current_head()
    if found is None:
        raise StoreError("this program has no migrations: it is not whole")
    return found


def current(store: Store) -> str | None:
    """The version of the store; ``None`` if it has no tables yet."""
    with store.read() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def migrate(store: Store, version: str = HEAD) -> None:
    """Bring the store to ``version`` (``base``: no tables), in one transaction, one process at a time.

    Raises:
        StoreError: there is no such version, or the database refused.
    """
    try:
        with store.write() as connection:
            if not store.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            if _is_back(MigrationContext.configure(connection).get_current_revision(), version):
                command.downgrade(config, version)
            else:
                command.upgrade(config, version)
    except (CommandError, SQLAlchemyError) as wrong:
        raise StoreError(f"the database could not be brought to version {version}: {type(wrong).__name__}") from wrong


def ready(store: Store) -> Store:
    """``store`` if a program may use it: an embedded one is brought up to date, a server's is only looked at.

    Raises:
        StoreError: the server's tables are of another version; several machines may be using them, so nothing is done unasked.
    """
    if (found := current(store)) == newest():
        return store
    if not store.is_sqlite:
        raise StoreError(f"the database is at version {found or 'none'}, this program needs {newest()}: run almoner db upgrade")
    migrate(store)
    return store


def _is_back(found: str | None, wanted: str) -> bool:
    if wanted in (HEAD, found) or found is None:
        return False
    script = ScriptDirectory.from_config(_config())
    return wanted == "base" or wanted in {each.revision for each in script.iterate_revisions(found, "base")}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "plugin:migrations")
    return config
