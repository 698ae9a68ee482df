"""Tokens with which programs call the API: each is an account's, and allows what the account's role does. Only hashes are kept."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, insert, select, update

from plugin.access import attempts
from plugin.access.accounts import Account, AccountRefused, account_of
from plugin.access.audit import Entry, record
from plugin.access.scope import Role, Scope
from plugin.store import Store
from plugin.store.tables.access import ACCOUNTS, TOKENS

LONGEST: Final = timedelta(days=366)
SHOWN: Final = 12
"""Characters of a token's id by which people call it."""
ANYWHERE: Final = 1_000
"""So many wrong tokens from all addresses together are looked into within `attempts.WITHIN`; those over it are told to wait."""
_LONGEST_NAME: Final = 100
_PREFIX: Final = "almoner_"
"""So that whoever finds one in a file knows what it is."""
_SCHEME: Final = "bearer "
_DOOR: Final = Scope("sign-in", Role.SYSTEM)


class WrongToken(Exception):
    """There is no such token, or it ran out, or was withdrawn, or its account may not sign in."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token that holds. The secret is not in it: that is shown once, to whoever made it."""

    id: str
    """The hash of the secret."""
    account: Account
    name: str
    """What it is for."""
    created: datetime
    until: datetime
    used: str | None
    """The last day on which somebody called with it, in UTC."""


def make(connection: Connection, by: Scope, account: Account, name: str, lasts: timedelta, at: datetime) -> str:
    """A new token of ``account``: the secret, which nobody can look up later.

    Raises:
        AccountRefused: it would last too long, its name is too long, or the account is disabled.
    """
    if account.disabled is not None:
        raise AccountRefused(f"{account.login} may not sign in")
    if not timedelta() < lasts <= LONGEST:
        raise AccountRefused(f"a token lasts 1 to {LONGEST.days} days")
    if len(name) > _LONGEST_NAME:
        raise AccountRefused(f"the name of a token has at most {_LONGEST_NAME} characters")
    secret = _PREFIX + secrets.token_urlsafe(32)
    id, until = _id(secret), at + lasts
    row = {"id": id, "account": account.id, "name": name.strip(), "created": at, "until": until, "used": None}
    connection.execute(insert(TOKENS), row)
    detail = {"token": id[:SHOWN], "until": until.isoformat()}
    record(connection, by, Entry("token.make", f"account/{account.id}", detail=detail), at)
    return secret


def listed(connection: Connection, at: datetime) -> list[Token]:
    """Those that hold, by login and by when they were made."""
    rows = connection.execute(_holding(at).order_by(ACCOUNTS.c.login, TOKENS.c.created, TOKENS.c.id))
    return [_token(row) for row in rows]


def revoke(connection: Connection, by: Scope, shown: str, at: datetime) -> Token:
    """End one, called by the beginning of its id.

    Raises:
        AccountRefused: no token that holds is called so, or more than one.
    """
    found = [each for each in listed(connection, at) if shown and each.id.startswith(shown)]
    if len(found) != 1:
        raise AccountRefused(f"{'more than one token is' if found else 'no token is'} called {shown}; almoner account tokens shows all")
    connection.execute(update(TOKENS).where(TOKENS.c.id == found[0].id).values(until=at))
    record(connection, by, Entry("token.revoke", f"account/{found[0].account.id}", detail={"token": found[0].id[:SHOWN]}), at)
    return found[0]


def recognise(store: Store, authorization: str, address: str | None, at: datetime) -> Scope:
    """Who calls, by the header Authorization. ``address``: that of the caller, ``None`` if it is not known.

    A token that is right always passes, whatever others try from the same address: it cannot be guessed.

    Raises:
        WrongToken: it was counted and recorded.
        TooMany: of wrong ones; this one was wrong, too.
    """
    secret = authorization[len(_SCHEME) :].strip() if authorization.lower().startswith(_SCHEME) else ""
    with store.read() as connection:
        row = connection.execute(_holding(at).where(TOKENS.c.id == _id(secret))).one_or_none() if secret else None
    if row is None:
        _refuse(store, address, at)
        raise WrongToken
    today = at.date().isoformat()
    if row.used != today:
        with store.write(durable=False) as connection:
            connection.execute(update(TOKENS).where(TOKENS.c.id == row.id_of_token).values(used=today))
    return account_of(row).scope


def forget(connection: Connection, at: datetime) -> int:
    """Delete those that ran out or were withdrawn; how many."""
    return connection.execute(delete(TOKENS).where(TOKENS.c.until <= at)).rowcount


def _refuse(store: Store, address: str | None, at: datetime) -> None:
    with store.write() as connection:
        attempts.limit(connection, "token", address, attempts.BY_ADDRESS, ANYWHERE, at)
        record(connection, _DOOR, Entry("token.refuse", "account/unknown"), at)


def _holding(at: datetime) -> Select[Any]:
    own = TOKENS.c
    columns = (own.id.label("id_of_token"), own.name.label("name_of_token"), own.created.label("made"), own.until, own.used, *ACCOUNTS.c)
    return select(*columns).join_from(TOKENS, ACCOUNTS).where(own.until > at, ACCOUNTS.c.disabled.is_(None))


def _token(row: Row[tuple[object, ...]]) -> Token:
    return Token(row.id_of_token, account_of(row), row.name_of_token, row.made, row.until, row.used)


def _id(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()
