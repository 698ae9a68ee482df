"""The way in without an account: a link that is sent, and a number that is told in another way. Neither alone opens anything.

Of both only hashes are kept. A link lasts for `LASTS`, and ends at once after `TRIES` wrong numbers.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, insert, select, update
from werkzeug.security import check_password_hash, generate_password_hash

from plugin.access import Entry, Right, Role, Scope, record, sessions
from plugin.access.accounts import Person, recognised
from plugin.store import Store
from plugin.store.tables.agency import LINKS

LASTS: Final = timedelta(days=30)
TRIES: Final = 5
_DIGITS: Final = 6
_DOOR: Final = Scope("agency-link", Role.SYSTEM)


class WrongNumber(Exception):
    """That was not it; `left` more tries."""

    def __init__(self, left: int) -> None:
        super().__init__("wrong number")
        self.left = left


class LinkOver(Exception):
    """There is no such link, or it cannot be used any more."""


@dataclass(frozen=True, slots=True)
class Invitation:
    """A way in. It is shown once, to whoever made it."""

    token: str
    """The end of the link."""
    number: str
    """To be told on the phone, never with the link."""
    until: datetime


def invite(connection: Connection, scope: Scope, agency: str, name: str, at: datetime) -> Invitation:
    """A way in for somebody of ``agency`` (its key in the directory). Raises `Forbidden`; `ValueError` if nobody is named."""
    scope.require(Right.REFER)
    if not agency or not name.strip():
        raise ValueError("say which agency, and who there")
    made = Invitation(secrets.token_urlsafe(32), f"{secrets.randbelow(10**_DIGITS):0{_DIGITS}}", at + LASTS)
    row = {"id": _hash(made.token), "agency": agency, "name": name.strip()[:200], "number": generate_password_hash(made.number)}
    connection.execute(insert(LINKS), row | {"user": scope.user, "created": at, "until": made.until, "tries": 0})
    record(connection, scope, Entry("agency.invite", f"link/{row['id'][:16]}", detail={"agency": agency}), at)
    return made


def withdraw(connection: Connection, scope: Scope, agency: str, at: datetime) -> int:
    """End every link of an agency; how many. Whoever is in already stays until they are signed out. Raises `Forbidden`."""
    scope.require(Right.REFER)
    ended = connection.execute(update(LINKS).where(LINKS.c.agency == agency, LINKS.c.until > at).values(until=at)).rowcount
    if ended:
        record(connection, scope, Entry("agency.withdraw", f"agency/{agency}"[:200], detail={"links": ended}), at)
    return ended


def enter(store: Store, token: str, number: str, at: datetime) -> str:
    """Sign in whoever has both; the secret for their cookie. A try counts before it is looked at, whatever comes of it.

    Raises:
        WrongNumber: with how many tries are left.
        LinkOver: nothing more is looked at.
    """
    link = LINKS.c
    with store.write() as connection:
        counting = update(LINKS).where(link.id == _hash(token), link.until > at, link.tries < TRIES).values(tries=link.tries + 1)
        if not connection.execute(counting).rowcount:
            raise LinkOver
        row = connection.execute(select(LINKS).where(link.id == _hash(token))).one()
    if not check_password_hash(row.number, number.strip()):
        if row.tries >= TRIES:
            raise LinkOver
        raise WrongNumber(TRIES - row.tries)
    with store.write() as connection:
        connection.execute(update(LINKS).where(link.id == row.id).values(tries=0))
        account = recognised(connection, _DOOR, Person(f"link:{row.id}", row.name, Role.AGENCY, row.agency), at)
        if account is None:
            raise LinkOver
        return sessions.start(connection, account, at)


def usable(store: Store, token: str, at: datetime) -> bool:
    """Whether a link can still be tried."""
    link = LINKS.c
    with store.read() as connection:
        return connection.scalar(select(link.id).where(link.id == _hash(token), link.until > at, link.tries < TRIES)) is not None


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()
