"""The record of who saw and did what: a chain in which each entry holds the hash of the one before.

An entry is written in the transaction of what it tells about, so neither is there without the other. Whoever changes or removes an entry
breaks the chain; whoever cuts off its end has another `head` than the one that was noted elsewhere.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select, update

from plugin.access.scope import Scope
from plugin.store.inserting import upsert
from plugin.store.tables.access import AUDIT, AUDIT_HEAD

FORGOTTEN: Final = "audit.forget"
"""The action of the entry that stands for those before it."""
_ONLY: Final = 1
_AT_ONCE: Final = 1_000
_BEGINNING: Final = "0" * 64
_HASHED: Final = ("seq", "at", "user", "role", "agency", "action", "entity", "patient", "glass", "detail", "before")


@dataclass(frozen=True, slots=True)
class Entry:
    """What happened. ``detail`` holds codes and ids, no texts about people."""

    action: str
    """What was done, in the words of the part that did it: ``episode.assign``."""
    entity: str
    """With what: ``episode/<id>``."""
    patient: str | None = None
    detail: Mapping[str, Any] | None = None


class Broken(Exception):
    """The chain is not whole. The message says at which entry."""


def record(connection: Connection, scope: Scope, entry: Entry, at: datetime) -> None:
    """Append to the chain, as part of the transaction of ``connection``."""
    seq, before = _locked_head(connection)
    row: dict[str, Any] = {
        "seq": seq + 1,
        "at": at,
        "user": scope.user,
        "role": str(scope.role),
        "agency": scope.agency,
        "action": entry.action,
        "entity": entry.entity,
        "patient": entry.patient,
        "glass": scope.glass,
        "detail": dict(entry.detail or {}),
        "before": before,
    }
    row["hash"] = _digest(row)
    connection.execute(insert(AUDIT), row)
    connection.execute(update(AUDIT_HEAD).where(AUDIT_HEAD.c.one == _ONLY).values(seq=row["seq"], hash=row["hash"]))


def head(connection: Connection) -> tuple[int, str]:
    """How many entries there are, and the hash of the last one: to be noted where nobody who can write here can."""
    found = connection.execute(select(AUDIT_HEAD)).one_or_none()
    return (found.seq, found.hash) if found else (0, _BEGINNING)


def verify(connection: Connection, noted: tuple[int, str] | None = None) -> int:
    """Go through the whole chain; how many entries were made, with those that were forgotten since.

    ``noted``: a `head` that was noted earlier, which must still be part of the chain.

    Raises:
        Broken: an entry was changed, removed or put in, or the noted end is not there.
    """
    beginning: tuple[int, str] | None = None
    seq, before = 0, _BEGINNING
    vouched = {(0, _BEGINNING)}
    found_noted = noted is None or noted == (0, _BEGINNING)
    for row in _rows(connection):
        if beginning is None:
            beginning = seq, before = row.seq - 1, row.before
        if row.seq != seq + 1 or row.before != before or row.hash != _digest(row._asdict()):
            raise Broken(f"the record of who did what is not whole at entry {seq + 1}")
        if row.action == FORGOTTEN:
            vouched.add((row.detail["through"], row.detail["hash"]))
        seq, before = row.seq, row.hash
        found_noted = found_noted or noted == (seq, before)
    if head(connection) != (seq, before):
        raise Broken(f"the record of who did what was cut off after entry {seq}")
    if beginning is not None and beginning not in vouched:
        raise Broken(f"the record of who did what has lost its first {beginning[0]} entries, and no entry says that they were forgotten")
    if not found_noted and noted not in vouched:
        raise Broken(_lost(noted, beginning))
    return seq


def _lost(noted: tuple[int, str] | None, beginning: tuple[int, str] | None) -> str:
    if noted and beginning and noted[0] < beginning[0]:
        return f"the end that was noted was forgotten since, with everything up to entry {beginning[0]}: compare with a later one"
    return "the record of who did what is another one than that whose end was noted"


def forget(connection: Connection, scope: Scope, before: datetime, at: datetime) -> int:
    """Delete the entries from before a moment; how many. A last entry says up to where, with the hash on which the rest stands."""
    _locked_head(connection)
    last = connection.execute(
        select(AUDIT.c.seq, AUDIT.c.hash).where(AUDIT.c.at < before).order_by(AUDIT.c.seq.desc()).limit(1)
    ).one_or_none()
    if last is None:
        return 0
    record(connection, scope, Entry(FORGOTTEN, "audit", detail={"through": last.seq, "hash": last.hash}), at)
    return connection.execute(delete(AUDIT).where(AUDIT.c.seq <= last.seq)).rowcount


def entries(connection: Connection, since: datetime | None = None) -> Iterator[Row[Any]]:
    """Every entry from a moment on, in order."""
    return (row for row in _rows(connection) if since is None or row.at >= since)


def _rows(connection: Connection) -> Iterator[Row[Any]]:
    """In order, some at a time: the chain may be longer than the memory."""
    last = -1
    while rows := connection.execute(select(AUDIT).where(AUDIT.c.seq > last).order_by(AUDIT.c.seq).limit(_AT_ONCE)).all():
        yield from rows
        last = rows[-1].seq


def _locked_head(connection: Connection) -> tuple[int, str]:
    """The end of the chain, which nobody else can move until this transaction is over."""
    first = {"one": _ONLY, "seq": 0, "hash": _BEGINNING}
    connection.execute(upsert(connection, AUDIT_HEAD).on_conflict_do_nothing(), first)
    row = connection.execute(select(AUDIT_HEAD).with_for_update()).one()
    return row.seq, row.hash


def _digest(row: Mapping[str, Any]) -> str:
    told = {name: row[name] for name in _HASHED} | {"at": row["at"].astimezone(UTC).isoformat(timespec="microseconds")}
    return sha256(json.dumps(told, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
