"""The store: one version of tables at a time, whole transactions, moments with a zone; the same on both databases."""

import stat
import threading
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from click.testing import CliRunner
from sqlalchemy import Connection, delete, func, insert, inspect, select, text, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from support.messages import desk_at

from plugin.cli.db import command
from plugin.errors import StoreError
from plugin.store import Store, open_store
from plugin.store.tables import METADATA, SEEN_TOKENS
from plugin.store.tables.messages import ADDRESSES
from plugin.store.tables.outreach import PEOPLE
from plugin.store.versions import current, migrate, newest, ready

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_the_migrations_make_the_tables_that_the_program_knows(store: Store) -> None:
    with store.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), METADATA) == []


def test_every_step_can_be_taken_back_and_again(store: Store) -> None:
    migrate(store, "base")
    assert current(store) is None
    migrate(store)
    assert current(store) == newest()
    with store.write() as connection:
        connection.execute(insert(SEEN_TOKENS), {"client": "a", "jti": "1", "expires": NOON})


def test_what_stands_in_the_tables_outlasts_a_step_back_and_again(store: Store, tmp_path: Path) -> None:
    """A step back drops what came with it, and not a row besides."""
    desk = desk_at(store, tmp_path)
    desk.agree("a", "email", "ana@example.org")
    desk.agree("b", "sms", "+1 617 555 0177")
    desk.send("a")
    with store.read() as connection:
        before, numbers = _counted(connection), _numbers(connection)
    assert set(numbers) == {None, "5550101", "5550102", "175550177"}
    assert min(before[table] for table in ("outreach_people", "outreach_episodes", "message_addresses", "messages")) > 0
    version = newest()
    while version > "0011":
        version = f"{int(version) - 1:04}"
        migrate(store, version)
        with store.read() as connection:
            assert {table: rows for table, rows in _counted(connection).items() if rows != before[table]} == {}, version
    migrate(store)
    with store.read() as connection:
        assert _counted(connection) == before
        assert _numbers(connection) == numbers
    migrate(store, "base")
    assert current(store) is None


def _numbers(connection: Connection) -> list[str | None]:
    people = connection.scalars(select(PEOPLE.c.number).order_by(PEOPLE.c.patient)).all()
    return [*people, *connection.scalars(select(ADDRESSES.c.number).order_by(ADDRESSES.c.patient))]


def _counted(connection: Connection) -> dict[str, int]:
    """Table → how many rows."""
    tables = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    return {name: connection.execute(text(f'SELECT count(*) FROM "{name}"')).scalar_one() for name in tables}  # noqa: S608 names of ours


def test_a_transaction_happens_whole_or_not_at_all(store: Store) -> None:
    row = {"client": "a", "jti": "1", "expires": NOON}
    with pytest.raises(IntegrityError), store.write() as connection:
        connection.execute(insert(SEEN_TOKENS), [row, row])
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(SEEN_TOKENS)) == 0


def test_only_a_hasty_transaction_does_not_wait_for_the_disk(store: Store) -> None:
    asked = "PRAGMA synchronous" if store.is_sqlite else "SHOW synchronous_commit"
    hasty, durable = ("1", "2") if store.is_sqlite else ("off", "on")
    for wanted in (True, False, True):
        with store.write(durable=wanted) as connection:
            assert str(connection.exec_driver_sql(asked).scalar()) == (durable if wanted else hasty)


def test_whoever_reads_sees_one_moment(store: Store) -> None:
    row = {"client": "a", "jti": "1", "expires": NOON}
    counted = select(func.count()).select_from(SEEN_TOKENS)
    with store.read() as reading:
        assert reading.scalar(counted) == 0
        with store.write() as writing:
            writing.execute(insert(SEEN_TOKENS), row)
        assert reading.scalar(counted) == 0
    with store.read() as reading:
        assert reading.scalar(counted) == 1


def test_a_moment_comes_back_in_utc_and_sorts_by_time(store: Store) -> None:
    east = NOON.astimezone(timezone(timedelta(hours=9)))
    with store.write() as connection:
        connection.execute(insert(SEEN_TOKENS), [{"client": "a", "jti": "1", "expires": east + timedelta(seconds=1)}])
        connection.execute(insert(SEEN_TOKENS), [{"client": "a", "jti": "2", "expires": NOON}])
        connection.execute(delete(SEEN_TOKENS).where(SEEN_TOKENS.c.expires <= NOON))
    with store.read() as connection:
        assert [tuple(row) for row in connection.execute(select(SEEN_TOKENS))] == [("a", "1", NOON + timedelta(seconds=1))]


def test_a_moment_without_a_zone_is_refused(store: Store) -> None:
    with pytest.raises(Exception, match="time zone"), store.write() as connection:
        connection.execute(insert(SEEN_TOKENS), {"client": "a", "jti": "1", "expires": NOON.replace(tzinfo=None)})


def test_writers_at_one_time_wait_for_each_other(store: Store) -> None:
    with store.write() as connection:
        connection.execute(insert(SEEN_TOKENS), {"client": "a", "jti": "0", "expires": NOON})

    def count_up() -> None:
        for _ in range(20):
            with store.write() as connection:
                row = connection.execute(select(SEEN_TOKENS).with_for_update()).one()
                connection.execute(update(SEEN_TOKENS).values(jti=str(int(row.jti) + 1)))

    writers = [threading.Thread(target=count_up) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store.read() as connection:
        assert connection.scalar(select(SEEN_TOKENS.c.jti)) == "80"


def test_an_embedded_database_is_brought_up_to_date_and_a_server_is_not(database_url: str) -> None:
    store = open_store(database_url)
    if store.is_sqlite:
        assert current(ready(store)) == newest()
    else:
        with pytest.raises(StoreError, match="almoner db upgrade"):
            ready(store)
        migrate(store)
        assert ready(store) is store
    store.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    open_store(f"sqlite:///{tmp_path}/new/almoner.db").close()
    assert stat.S_IMODE((tmp_path / "new" / "almoner.db").stat().st_mode) == 0o600


@pytest.mark.parametrize("url", ["mysql://somewhere/db", "not a url", "sqlit:///x.db"])
def test_another_database_is_refused_without_repeating_the_url(url: str) -> None:
    with pytest.raises(StoreError) as refused:
        open_store(url)
    assert "sqlite" in str(refused.value)
    assert url not in str(refused.value)


def test_the_operator_upgrades_looks_and_goes_back(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALMONER_CONFIG", raising=False)
    monkeypatch.setenv("ALMONER_DATABASE", database_url)
    said = [
        CliRunner().invoke(command, words, catch_exceptions=False).output for words in (["current"], ["upgrade"], ["downgrade", "base"])
    ]
    assert said == [
        f"the database is at version none; this program needs {newest()}\n",
        f"the database is at version {newest()}; this program needs {newest()}\n",
        f"the database is at version none; this program needs {newest()}\n",
    ]


def test_an_error_of_the_database_names_nobody(store: Store) -> None:
    mark = "ZZ" + "CANARY"
    with pytest.raises(SQLAlchemyError) as found, store.write() as connection:
        connection.execute(text("SELECT nothing FROM nowhere WHERE name = :name"), {"name": mark})
    assert "parameters hidden" in str(found.value)
    assert mark not in str(found.value)
