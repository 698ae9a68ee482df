"""Who is signed in: a row for each, so that it can be ended here. The cookie holds a secret of which only the hash is kept."""

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, delete, insert, or_, select, update

from plugin.access.accounts import Account, account_of
from plugin.access.audit import Entry, record
from plugin.access.scope import Scope
from plugin.store.tables.access import ACCOUNTS, SESSIONS

TOUCHED_EVERY: Final = timedelta(minutes=1)
"""A step within this time of the one that was noted is not noted: reading pages need not write."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long somebody stays signed in."""

    idle: timedelta
    longest: timedelta


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in."""

    secret: str
    """What the cookie holds."""
    account: Account
    started: datetime
    seen: datetime
    glass: str | None
    glass_until: datetime | None

    def scope(self, now: datetime) -> Scope:
        """What they may do at this moment."""
        broken = self.glass is not None and self.glass_until is not None and now < self.glass_until
        return Scope(self.account.id, self.account.role, self.account.agency, self.glass if broken else None)

    @property
    def token(self) -> str:
        """What forms of theirs send along, so that no other site can send them (CSRF)."""
        return hmac.new(self.secret.encode(), b"form", sha256).hexdigest()

    def is_due(self, now: datetime) -> bool:
        """Whether the step is to be noted."""
        return now - self.seen >= TOUCHED_EVERY


def start(connection: Connection, account: Account, at: datetime) -> str:
    """Sign somebody in; the new secret for their cookie."""
    secret = secrets.token_urlsafe(32)
    row = {"id": key_of(secret), "account": account.id, "started": at, "seen": at, "glass": None, "glass_until": None}
    connection.execute(insert(SESSIONS), row)
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(signed_in=at, failed=0))
    record(connection, account.scope, Entry("session.start", f"account/{account.id}"), at)
    return secret


def find(connection: Connection, secret: str, lasting: Lasting, now: datetime) -> Session | None:
    """The session of a cookie, if it has not run out and its account may sign in."""
    mine = SESSIONS.c
    columns = (mine.started, mine.seen, mine.glass, mine.glass_until, *ACCOUNTS.c)
    query = select(*columns).join_from(SESSIONS, ACCOUNTS).where(mine.id == key_of(secret), ACCOUNTS.c.disabled.is_(None))
    row = connection.execute(query.where(mine.seen > now - lasting.idle, mine.started > now - lasting.longest)).one_or_none()
    return None if row is None else Session(secret, account_of(row), row.started, row.seen, row.glass, row.glass_until)


def touch(connection: Connection, session: Session, now: datetime) -> None:
    """Note that they did something."""
    connection.execute(update(SESSIONS).where(SESSIONS.c.id == key_of(session.secret)).values(seen=now))


def end(connection: Connection, session: Session, at: datetime, *, everywhere: bool = False) -> None:
    """Sign them out, here or wherever they are signed in."""
    mine = SESSIONS.c.account == session.account.id if everywhere else SESSIONS.c.id == key_of(session.secret)
    connection.execute(delete(SESSIONS).where(mine))
    entry = Entry("session.end", f"account/{session.account.id}", detail={"everywhere": True} if everywhere else None)
    record(connection, session.account.scope, entry, at)


def forget(connection: Connection, lasting: Lasting, now: datetime) -> int:
    """Delete the sessions that ran out; how many."""
    over = or_(SESSIONS.c.seen <= now - lasting.idle, SESSIONS.c.started <= now - lasting.longest)
    return connection.execute(delete(SESSIONS).where(over)).rowcount


def key_of(secret: str) -> str:
    """Under which a session is kept."""
    return sha256(secret.encode()).hexdigest()
