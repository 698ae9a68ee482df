"""What goes to the driver as it is does the same as what goes through SQLAlchemy, on both databases."""

from datetime import UTC, datetime
from typing import Any, Final

import pytest
from sqlalchemy import bindparam, exists, insert, select
from sqlalchemy.exc import DatabaseError, IntegrityError

from plugin.store import Store
from plugin.store.tables import SEEN_TOKENS
from plugin.store.tables.cds import CALLS

NOON: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
TAKE: Final = insert(SEEN_TOKENS)
CALL: Final = insert(CALLS)
KNOWN: Final = select(exists().where(SEEN_TOKENS.c.jti == bindparam("jti"), SEEN_TOKENS.c.expires >= bindparam("since")))
CLIENT: Final = select(SEEN_TOKENS.c.client).where(SEEN_TOKENS.c.jti == bindparam("jti"))


def token(jti: str) -> dict[str, Any]:
    return {"client": "a", "jti": jti, "expires": NOON}


def write(store: Store, *batches: list[dict[str, Any]]) -> None:
    with store.write_direct() as transaction:
        for rows in batches:
            transaction.insert(TAKE, rows)


def call(id: str) -> dict[str, Any]:
    hashes = {"user_hash": None, "role": "Practitioner", "encounter_hash": "é%s"}
    told = {"durations": {"gather": 1.5}, "not_loaded": ["goals"], "error_id": None}
    return {"id": id, "client": "a", "hook": "patient-view", "at": NOON, "patient": "p"} | hashes | told


@pytest.mark.parametrize("number", [0, 1, 3])
def test_every_kind_of_value_comes_back_as_it_was(store: Store, number: int) -> None:
    rows = [call(str(i)) for i in range(number)]
    with store.write_direct() as transaction:
        transaction.insert(CALL, rows)
    with store.read() as connection:
        assert [dict(row._mapping) for row in connection.execute(select(CALLS).order_by(CALLS.c.id))] == rows


def test_a_question_is_answered_by_its_first_column(store: Store) -> None:
    write(store, [token("1"), token("2")])
    with store.read_direct() as transaction:
        assert [bool(transaction.first(KNOWN, {"jti": jti, "since": NOON})) for jti in ("1", "2", "3")] == [True, True, False]
        assert transaction.first(CLIENT, {"jti": "1"}) == "a"
        assert transaction.first(CLIENT, {"jti": "3"}) is None


def test_it_happens_whole_or_not_at_all_and_the_error_is_sqlalchemys(store: Store) -> None:
    with pytest.raises(IntegrityError) as wrong:
        write(store, [token("1")], [token("secret"), token("secret")])
    assert wrong.value.params is None
    with store.read_direct() as transaction:
        assert not transaction.first(KNOWN, {"jti": "1", "since": NOON})
    write(store, [token("1")])


def test_what_is_wrong_with_a_value_takes_it_back(store: Store) -> None:
    with pytest.raises(ValueError, match="time zone"):
        write(store, [token("1")], [token("2") | {"expires": NOON.replace(tzinfo=None)}])
    with store.read_direct() as transaction:
        assert not transaction.first(KNOWN, {"jti": "1", "since": NOON})


def test_only_a_hasty_transaction_does_not_wait_for_the_disk(store: Store) -> None:
    asked = "PRAGMA synchronous" if store.is_sqlite else "SHOW synchronous_commit"
    hasty, durable = ("1", "2") if store.is_sqlite else ("off", "on")
    for wanted in (True, False, True):
        with store.write_direct(durable=wanted) as transaction:
            transaction._cursor.execute(asked)
            assert str(transaction._cursor.fetchone()[0]) == (durable if wanted else hasty)


def test_whoever_reads_sees_one_moment_and_changes_nothing(store: Store) -> None:
    with store.read_direct() as reading:
        assert not reading.first(KNOWN, {"jti": "1", "since": NOON})
        write(store, [token("1")])
        assert not reading.first(KNOWN, {"jti": "1", "since": NOON})
    if not store.is_sqlite:
        with pytest.raises(DatabaseError), store.read_direct() as reading:
            reading.insert(TAKE, [token("2")])
