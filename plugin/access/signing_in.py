"""From a login and a password to a session. Whatever is wrong is answered alike, and takes as long."""

from datetime import datetime

from sqlalchemy import Connection, select, update

from plugin.access import attempts, sessions
from plugin.access.accounts import Account, Person, folded, hashed, matches, recognised, set_password
from plugin.access.audit import Entry, record
from plugin.access.scope import Role, Scope
from plugin.store import Store
from plugin.store.tables.access import ACCOUNTS

_DOOR = Scope("sign-in", Role.SYSTEM)
"""Who writes about people who are not recognised."""


class WrongPassword(Exception):
    """There is no such login, or it has another password, or is disabled."""


def sign_in(store: Store, login: str, password: str, address: str | None, at: datetime) -> str:
    """The secret of a new session. ``address``: that of the caller, ``None`` if it is not known.

    Raises:
        WrongPassword: it was counted.
        TooMany: nothing was looked at.
    """
    login = folded(login)
    with store.write() as connection:
        attempts.count(connection, login, address, at)
    with store.read() as connection:
        account = matches(connection, login, password)
    with store.write() as connection:
        if account is not None:
            attempts.clear(connection, login, address)
            return sessions.start(connection, account, at)
        _failed(connection, login, at)
    raise WrongPassword


def change_password(store: Store, account: Account, current: str, new: str, address: str | None, at: datetime) -> str:
    """Another password for somebody who knows theirs. They are signed out everywhere; the secret of a new session for where they are.

    Raises:
        AccountRefused: the new one is too short, or too long.
        WrongPassword: the current one is another; it was counted.
        TooMany: nothing was looked at.
    """
    hashed(new)
    with store.write() as connection:
        attempts.count(connection, account.login, address, at)
    with store.read() as connection:
        known = matches(connection, account.login, current)
    with store.write() as connection:
        if known is not None and known.id == account.id:
            attempts.clear(connection, account.login, address)
            set_password(connection, account.scope, account, new, at)
            return sessions.start(connection, account, at)
        _failed(connection, account.login, at)
    raise WrongPassword


def sign_in_elsewhere(store: Store, person: Person, at: datetime) -> str:
    """The secret of a new session of somebody whom the identity provider recognised.

    Raises:
        WrongPassword: their account here is disabled.
    """
    with store.write() as connection:
        account = recognised(connection, _DOOR, person, at)
        if account is not None:
            return sessions.start(connection, account, at)
        refuse(connection, at)
    raise WrongPassword


def refuse(connection: Connection, at: datetime) -> None:
    """Record that somebody was not let in of whom no more is known."""
    record(connection, _DOOR, Entry("session.refuse", "account/unknown"), at)


def _failed(connection: Connection, login: str, at: datetime) -> None:
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.login == login).values(failed=ACCOUNTS.c.failed + 1))
    known = connection.scalar(select(ACCOUNTS.c.id).where(ACCOUNTS.c.login == login))
    record(connection, _DOOR, Entry("session.refuse", f"account/{known or 'unknown'}"), at)
