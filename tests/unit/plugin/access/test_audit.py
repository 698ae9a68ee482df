"""The record of who did what: nobody can change it unseen."""

import threading
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from plugin.access import Broken, Entry, Role, Scope, head, record, verify
from plugin.access.audit import forget
from plugin.store import Store
from plugin.store.tables.access import AUDIT, AUDIT_HEAD

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
SYSTEM = Scope("purge", Role.SYSTEM)
CARE = Scope("manager-1", Role.CARE_MANAGER)


def told(store: Store, number: int) -> None:
    for each in range(number):
        with store.write() as connection:
            record(connection, CARE, Entry("episode.assign", f"episode/{each}", f"p{each}", {"owner": "manager-1"}), NOON)


def test_a_chain_that_nobody_touched_is_whole(store: Store) -> None:
    with store.read() as connection:
        assert verify(connection) == 0
    told(store, 3)
    with store.read() as connection:
        assert verify(connection) == 3
        first = connection.execute(select(AUDIT).where(AUDIT.c.seq == 1)).one()
    assert (first.user, first.role, first.entity, first.patient) == ("manager-1", "care-manager", "episode/0", "p0")
    assert first.detail == {"owner": "manager-1"}


CHANGES = {
    "another name": update(AUDIT).where(AUDIT.c.seq == 2).values(user="somebody-else"),
    "another time": update(AUDIT).where(AUDIT.c.seq == 2).values(at=datetime(2026, 7, 1, tzinfo=UTC)),
    "another detail": update(AUDIT).where(AUDIT.c.seq == 2).values(detail={"owner": "x"}),
    "another patient": update(AUDIT).where(AUDIT.c.seq == 2).values(patient="p9"),
    "a broken glass hidden": update(AUDIT).where(AUDIT.c.seq == 2).values(glass="no"),
    "one taken out": delete(AUDIT).where(AUDIT.c.seq == 2),
    "the first taken out": delete(AUDIT).where(AUDIT.c.seq == 1),
    "the last taken out": delete(AUDIT).where(AUDIT.c.seq == 3),
    "another end": update(AUDIT_HEAD).values(hash="f" * 64),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_is_found(store: Store, change: Table) -> None:
    told(store, 3)
    with store.write() as connection:
        connection.execute(change)  # type: ignore[call-overload]
    with store.read() as connection, pytest.raises(Broken):
        verify(connection)


def test_a_moment_told_in_another_time_zone_is_the_same_moment(store: Store) -> None:
    east = timezone(timedelta(hours=5, minutes=30))
    with store.write() as connection:
        record(connection, CARE, Entry("episode.see", "episode/1"), NOON.astimezone(east))
    with store.read() as connection:
        assert verify(connection) == 1


def cut(connection: Connection) -> None:
    """As somebody would who knows how the chain is made: the end is made right too."""
    kept = connection.execute(select(AUDIT).where(AUDIT.c.seq == 2)).one()
    connection.execute(delete(AUDIT).where(AUDIT.c.seq == 3))
    connection.execute(update(AUDIT_HEAD).values(seq=kept.seq, hash=kept.hash))


def test_an_end_that_was_cut_off_is_found_by_whoever_noted_it(store: Store) -> None:
    told(store, 3)
    with store.read() as connection:
        noted = head(connection)
    with store.write() as connection:
        cut(connection)
    with store.read() as connection:
        assert verify(connection) == 2
        with pytest.raises(Broken, match="whose end was noted"):
            verify(connection, noted)


def test_what_was_noted_stays_part_of_the_chain_as_it_grows(store: Store) -> None:
    told(store, 2)
    with store.read() as connection:
        noted = head(connection)
    told(store, 2)
    with store.read() as connection:
        assert verify(connection, noted) == 4


def recorded_and_failed(connection: Connection) -> None:
    record(connection, CARE, Entry("episode.close", "episode/1"), NOON)
    connection.execute(insert(AUDIT_HEAD), {"one": 1, "seq": 0, "hash": ""})


def test_an_entry_is_there_only_if_what_it_tells_about_is(store: Store) -> None:
    with pytest.raises(IntegrityError), store.write() as connection:
        recorded_and_failed(connection)
    with store.read() as connection:
        assert verify(connection) == 0


def test_many_at_one_time_make_one_chain(store: Store) -> None:
    writers = [threading.Thread(target=told, args=(store, 10)) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    with store.read() as connection:
        assert verify(connection) == 40


def test_an_entry_that_is_put_in_is_found(store: Store) -> None:
    told(store, 1)
    with store.write() as connection:
        row = connection.execute(select(AUDIT)).mappings().one()
        connection.execute(insert(AUDIT), {**row, "seq": 2, "before": row["hash"]})
    with store.read() as connection, pytest.raises(Broken, match="entry 2"):
        verify(connection)


def test_what_is_forgotten_is_vouched_for(store: Store) -> None:
    for day in range(1, 5):
        with store.write() as connection:
            record(connection, CARE, Entry("episode.see", f"episode/{day}", f"p{day}"), NOON.replace(day=day))
    with store.write() as connection:
        early, late = head_at(connection, 1), head_at(connection, 3)
        assert forget(connection, SYSTEM, NOON.replace(day=3), NOON) == 2
        assert forget(connection, SYSTEM, NOON.replace(day=3), NOON) == 0
    with store.read() as connection:
        assert verify(connection) == 5
        assert verify(connection, late) == 5
        assert connection.scalars(select(AUDIT.c.seq).order_by(AUDIT.c.seq)).all() == [3, 4, 5]
        with pytest.raises(Broken, match="forgotten since"):
            verify(connection, early)
    with store.write() as connection:
        connection.execute(delete(AUDIT).where(AUDIT.c.seq == 3))
    with store.read() as connection, pytest.raises(Broken, match="no entry says"):
        verify(connection)


def test_everything_can_be_forgotten_but_that_it_was(store: Store) -> None:
    told(store, 3)
    with store.write() as connection:
        last = head(connection)
        assert forget(connection, SYSTEM, NOON.replace(year=2027), NOON.replace(year=2028)) == 3
        assert forget(connection, SYSTEM, NOON.replace(year=2029), NOON.replace(year=2029)) == 1
    with store.read() as connection:
        assert verify(connection) == 5
    told(store, 1)
    with store.read() as connection:
        assert verify(connection) == 6
        with pytest.raises(Broken):
            verify(connection, last)


def head_at(connection: Connection, seq: int) -> tuple[int, str]:
    row = connection.execute(select(AUDIT.c.seq, AUDIT.c.hash).where(AUDIT.c.seq == seq)).one()
    return row.seq, row.hash
