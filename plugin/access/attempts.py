"""How often somebody may try to sign in. It is counted before a password is looked at, so that many tries at one time do not slip by."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, case, delete, update

from plugin.store.inserting import upsert
from plugin.store.tables.access import ATTEMPTS

WITHIN: Final = timedelta(minutes=15)
BY_BOTH: Final = 5
"""For one login from one address."""
BY_LOGIN: Final = 50
"""For one login from anywhere: so many that a stranger has trouble to lock somebody out, too few to guess a password."""
BY_ADDRESS: Final = 30
"""From one address, behind which a whole clinic may sit."""


class TooMany(Exception):
    """Too many attempts; `until` says how long nothing more is looked at."""

    def __init__(self, until: datetime) -> None:
        super().__init__("too many attempts")
        self.until = until


def count(connection: Connection, login: str, address: str | None, at: datetime) -> None:
    """Count an attempt, in a transaction of its own: it counts whatever comes of it. ``address``: ``None`` if it is not known.

    Raises:
        TooMany: do not look at the password.
    """
    found = [(limit, *_counted(connection, key, at)) for key, limit in _keys(login, address)]
    if over := [since for limit, since, number in found if number > limit]:
        raise TooMany(max(over) + WITHIN)


def limit(connection: Connection, what: str, address: str | None, each: int, all_: int, at: datetime) -> None:
    """Count something else that strangers may do: at most ``each`` times from one address, and ``all_`` times from anywhere.

    Raises:
        TooMany: do not do it.
    """
    keys = ((_hash(what), all_), *(((_hash(what, address), each),) if address is not None else ()))
    found = [(most, *_counted(connection, key, at)) for key, most in keys]
    if over := [since for most, since, number in found if number > most]:
        raise TooMany(max(over) + WITHIN)


def clear(connection: Connection, login: str, address: str | None) -> None:
    """The password was right: forget what was counted for this login, and take this attempt back from the address's count."""
    for key, limit in _keys(login, address):
        mine = ATTEMPTS.c.key == key
        if limit == BY_ADDRESS:
            connection.execute(update(ATTEMPTS).where(mine).values(count=ATTEMPTS.c.count - 1))
        else:
            connection.execute(delete(ATTEMPTS).where(mine))


def forget(connection: Connection, now: datetime) -> int:
    """Delete what does not count any more; how many rows."""
    return connection.execute(delete(ATTEMPTS).where(ATTEMPTS.c.since <= now - WITHIN)).rowcount


def _keys(login: str, address: str | None) -> Iterator[tuple[str, int]]:
    """What is counted, hashed (people type passwords where the login belongs), in an order that is always the same."""
    yield _hash("login", login), BY_LOGIN
    yield _hash("both", login, address or ""), BY_BOTH
    if address is not None:
        yield _hash("address", address), BY_ADDRESS


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()


def _counted(connection: Connection, key: str, at: datetime) -> tuple[datetime, int]:
    old = ATTEMPTS.c.since <= at - WITHIN
    begun = upsert(connection, ATTEMPTS).values(key=key, since=at, count=1)
    again = {"since": case((old, begun.excluded.since), else_=ATTEMPTS.c.since), "count": case((old, 1), else_=ATTEMPTS.c.count + 1)}
    counting = begun.on_conflict_do_update(index_elements=[ATTEMPTS.c.key], set_=again)
    since, number = connection.execute(counting.returning(ATTEMPTS.c.since, ATTEMPTS.c.count)).one()
    return since, number
