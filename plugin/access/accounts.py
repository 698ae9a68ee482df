"""Who may sign in here. Passwords are kept as scrypt hashes, and no message says whether there is an account of some name."""

import unicodedata
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final

from sqlalchemy import Connection, Row, delete, insert, select, update
from werkzeug.security import check_password_hash, generate_password_hash

from plugin.access.audit import Entry, record
from plugin.access.scope import Role, Scope
from plugin.store.tables.access import ACCOUNTS, SESSIONS, TOKENS

SHORTEST: Final = 12
"""Characters of a password."""
_LONGEST: Final = 256
_LONGEST_LOGIN: Final = 128


class AccountRefused(Exception):
    """An account that there cannot be; the message says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in."""

    id: str
    login: str
    name: str
    role: Role
    agency: str | None
    disabled: datetime | None
    signed_in: datetime | None
    failed: int
    has_password: bool = False
    """They sign in here with one; others come in by a link, or from their organisation."""

    @property
    def scope(self) -> Scope:
        """What they may do, with the glass whole."""
        return Scope(self.id, self.role, self.agency)


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom the identity provider recognised, as it describes them now."""

    subject: str
    """The provider's address and its name for them."""
    name: str
    role: Role
    agency: str | None


def folded(login: str) -> str:
    """A login as it is compared: without capitals, outer spaces, what cannot be seen, and two ways to write one letter."""
    return "".join(filter(str.isprintable, unicodedata.normalize("NFKC", login))).strip().casefold()


def add(connection: Connection, by: Scope, login: str, name: str, role: Role, agency: str | None, password: str, at: datetime) -> Account:
    """A new account with a password.

    Raises:
        AccountRefused: the login is taken or empty, the password too short, or the agency is missing or too much.
    """
    login = folded(login)
    if not 0 < len(login) <= _LONGEST_LOGIN:
        raise AccountRefused(f"a login has 1 to {_LONGEST_LOGIN} characters")
    if (role is Role.AGENCY) != bool(agency):
        raise AccountRefused("say the agency of an agency's user, and of nobody else")
    if role is Role.SYSTEM:
        raise AccountRefused("nobody signs in as Almoner itself")
    if find(connection, login) is not None:
        raise AccountRefused(f"there is an account {login} already")
    id = str(uuid.uuid4())
    row = {"id": id, "login": login, "name": name.strip() or login, "role": str(role), "agency": agency, "created": at, "failed": 0}
    connection.execute(insert(ACCOUNTS), row | {"password": hashed(password), "subject": None})
    record(connection, by, Entry("account.add", f"account/{id}", detail={"role": str(role)}), at)
    return _one(connection, id)


def recognised(connection: Connection, by: Scope, person: Person, at: datetime) -> Account | None:
    """The account of somebody whom the identity provider recognised; ``None`` if it is disabled."""
    row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.subject == person.subject)).one_or_none()
    described = {"name": person.name, "role": str(person.role), "agency": person.agency}
    if row is None:
        id = str(uuid.uuid4())
        new = {"id": id, "login": f"oidc:{id}", "subject": person.subject, "created": at, "failed": 0}
        connection.execute(insert(ACCOUNTS), described | new)
        record(connection, by, Entry("account.add", f"account/{id}", detail={"role": str(person.role)}), at)
        return _one(connection, id)
    if row.disabled is not None:
        return None
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == row.id).values(described))
    if (row.role, row.agency) != (str(person.role), person.agency):
        _signed_out(connection, account_of(row))
        record(connection, by, Entry("account.role", f"account/{row.id}", detail={"role": str(person.role)}), at)
    return _one(connection, row.id)


def find(connection: Connection, login: str) -> Account | None:
    """The account of this login, disabled or not."""
    row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.login == folded(login))).one_or_none()
    return None if row is None else account_of(row)


def names(connection: Connection, ids: Iterable[str | None]) -> dict[str, str]:
    """Id → name, of those that are accounts."""
    query = select(ACCOUNTS.c.id, ACCOUNTS.c.name).where(ACCOUNTS.c.id.in_({id for id in ids if id}))
    return {id: name for id, name in connection.execute(query)}


def listed(connection: Connection) -> list[Account]:
    """Every account, by login."""
    return [account_of(row) for row in connection.execute(select(ACCOUNTS).order_by(ACCOUNTS.c.login))]


def matches(connection: Connection, login: str, password: str) -> Account | None:
    """The account whose password this is. It takes as long if there is no such account."""
    row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.login == folded(login))).one_or_none()
    kept = row.password if row is not None and row.password else _nobodys()
    right = check_password_hash(kept, password[:_LONGEST])
    return account_of(row) if row is not None and right and row.password and row.disabled is None else None


def disable(connection: Connection, by: Scope, account: Account, at: datetime) -> None:
    """They cannot sign in any more, are signed out everywhere, and their tokens end."""
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(disabled=at))
    connection.execute(update(TOKENS).where(TOKENS.c.account == account.id, TOKENS.c.until > at).values(until=at))
    _signed_out(connection, account)
    record(connection, by, Entry("account.disable", f"account/{account.id}"), at)


def enable(connection: Connection, by: Scope, account: Account, at: datetime) -> None:
    """They can sign in again."""
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(disabled=None, failed=0))
    record(connection, by, Entry("account.enable", f"account/{account.id}"), at)


def set_password(connection: Connection, by: Scope, account: Account, password: str, at: datetime) -> None:
    """A new password; they are signed out everywhere.

    Raises:
        AccountRefused: it is too short.
    """
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.id == account.id).values(password=hashed(password), failed=0))
    _signed_out(connection, account)
    record(connection, by, Entry("account.password", f"account/{account.id}"), at)


def hashed(password: str) -> str:
    """As it is kept.

    Raises:
        AccountRefused: it is too short, or longer than anybody types.
    """
    if not SHORTEST <= len(password) <= _LONGEST:
        raise AccountRefused(f"a password has {SHORTEST} to {_LONGEST} characters")
    return generate_password_hash(password)


def account_of(row: Row[tuple[object, ...]]) -> Account:
    """An account from a row that has its columns."""
    return Account(row.id, row.login, row.name, Role(row.role), row.agency, row.disabled, row.signed_in, row.failed, bool(row.password))


def _one(connection: Connection, id: str) -> Account:
    return account_of(connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.id == id)).one())


def _signed_out(connection: Connection, account: Account) -> None:
    connection.execute(delete(SESSIONS).where(SESSIONS.c.account == account.id))


@cache
def _nobodys() -> str:
    """A hash to compare with where there is none, made as all others are."""
    return generate_password_hash(uuid.uuid4().hex)
