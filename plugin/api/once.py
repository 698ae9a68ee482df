"""The same request sent again does nothing twice: what was answered is kept for a day under the key that the program gave with it.

A key is claimed before anything is done, and its answer is kept in the transaction of what is done. A request that was refused, or whose
process died, gives its key back: nothing was done. Answers hold ids and versions, nothing about people.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, delete, select, update

from plugin.access import Scope
from plugin.store.inserting import insert_one
from plugin.store.tables.api import REQUESTS

KEPT: Final = timedelta(hours=24)
AT_WORK: Final = timedelta(seconds=30)
"""A claim that is older and has no answer is that of a process that died."""
LONGEST: Final = 255
"""Characters of a key."""

Json = dict[str, Any]


class AnotherRequest(Exception):
    """The key belongs to a request that was another one."""


class InFlight(Exception):
    """The same request is being worked on."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A request that is to be answered once."""

    key: str
    at: datetime


def claim(connection: Connection, scope: Scope, key: str, asked: str, at: datetime) -> Claim | Json:
    """The claim, or what was answered before. ``asked``: everything that makes it the same request.

    Raises:
        AnotherRequest, InFlight: neither.
    """
    mine, hashed = _hash(scope.user, key), _hash(asked)
    new = {"key": mine, "account": scope.user, "asked": hashed, "at": at, "answer": None}
    if insert_one(connection, REQUESTS, new):
        return Claim(mine, at)
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.key == mine).with_for_update()).one_or_none()
    if row is None:
        raise InFlight  # it was being worked on, and gave its key back at this moment
    if row.at <= at - (KEPT if row.answer is not None else AT_WORK):
        connection.execute(update(REQUESTS).where(REQUESTS.c.key == mine).values(new))
        return Claim(mine, at)
    if row.asked != hashed:
        raise AnotherRequest
    if row.answer is None:
        raise InFlight
    answer: Json = row.answer
    return answer


def keep(connection: Connection, claimed: Claim, answer: Json) -> None:
    """Keep the answer, as part of the transaction of what was done.

    Raises:
        InFlight: it took so long that somebody else does it now: do not do it.
    """
    if not connection.execute(update(REQUESTS).where(*_is(claimed)).values(answer=answer)).rowcount:
        raise InFlight


def give_back(connection: Connection, claimed: Claim) -> None:
    """Nothing was done; the key can be used again."""
    connection.execute(delete(REQUESTS).where(*_is(claimed)))


def forget(connection: Connection, now: datetime) -> int:
    """Delete what is not kept any more; how many."""
    return connection.execute(delete(REQUESTS).where(REQUESTS.c.at <= now - KEPT)).rowcount


def _is(claimed: Claim) -> tuple[Any, ...]:
    return REQUESTS.c.key == claimed.key, REQUESTS.c.at == claimed.at, REQUESTS.c.answer.is_(None)


def _hash(*parts: str) -> str:
    return sha256("\0".join(parts).encode()).hexdigest()
