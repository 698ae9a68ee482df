"""Which version of the tables a store has, and the way to another one (Alembic, which is imported only if there is a way to go)."""

from importlib.resources import files
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import SQLAlchemyError

from plugin.errors import StoreError
from plugin.store.store import Store

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "head"
_LOCK: Final = 0x616C6D6F
_TABLE: Final = "alembic_version"


def newest() -> str:
    """The version that this program needs: steps are numbered, and their files begin with the number."""
    steps = [step.name for step in files("plugin.migrations").joinpath("versions").iterdir() if step.name.endswith(".py")]
    if not steps:
        raise StoreError("this program has no migrations: it is not whole")
    return max(steps).split("_", 1)[0]


def current(store: Store) -> str | None:
    """The version of the store; ``None`` if it has no tables yet."""
    with store.read() as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    found = connection.scalar(text(f"SELECT version_num FROM {_TABLE}")) if inspect(connection).has_table(_TABLE) else None  # noqa: S608
    return None if found is None else str(found)


def migrate(store: Store, version: str = HEAD) -> None:
    """Bring the store to ``version`` (``base``: no tables), in one transaction, one process at a time.

    Raises:
        StoreError: there is no such version, or the database refused.
    """
    from alembic import command
    from alembic.util import CommandError

    try:
        with store.write() as connection:
            if not store.is_sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
            config = _config()
            config.attributes["connection"] = connection
            if _is_back(_version(connection), version):
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
    from alembic.script import ScriptDirectory

    script = ScriptDirectory.from_config(_config())
    return wanted == "base" or wanted in {each.revision for each in script.iterate_revisions(found, "base")}


def _config() -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "plugin:migrations")
    return config
