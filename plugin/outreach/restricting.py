"""What people do not want, and whom nobody is to reach: kept with who said so, until when, and honoured by every rule."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from plugin.access import Entry, Right, Scope, record
from plugin.outreach.deciding import NOBODY, Held
from plugin.outreach.words import Restriction
from plugin.store.tables.outreach import RESTRICTIONS


def _holds(today: date) -> tuple[ColumnElement[bool], ...]:
    table = RESTRICTIONS.c
    return table.lifted.is_(None), or_(table.until.is_(None), table.until >= today.isoformat())


def in_force(connection: Connection, patients: Collection[str], today: date) -> dict[str, list[Held]]:
    """Patient → the restrictions that hold on ``today``; those without any are left out."""
    table = RESTRICTIONS.c
    query = select(table.patient, table.kind, table.scope).where(table.patient.in_(patients), *_holds(today))
    found: dict[str, list[Held]] = defaultdict(list)
    for patient, kind, scope in connection.execute(query.order_by(table.since, table.id)):
        found[patient].append(Held(kind, scope))
    return dict(found)


def is_unsafe(connection: Connection, patient: str, today: date) -> bool:
    """Whether somebody else may listen or read when ``patient`` is reached."""
    return any(each.kind == Restriction.UNSAFE for each in in_force(connection, [patient], today).get(patient, ()))


def on_record(connection: Connection, scope: Scope, patient: str, today: date) -> Sequence[Row[Any]]:
    """The restrictions of ``patient`` that hold on ``today``, the oldest first, each with who told it and when.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    table = RESTRICTIONS.c
    query = select(RESTRICTIONS).where(table.patient == patient, *_holds(today))
    return connection.execute(query.order_by(table.since, table.scope, table.id)).all()


def restrict(
    connection: Connection,
    scope: Scope,
    patient: str,
    kind: Restriction,
    at: datetime,
    *,
    of: str = "all",
    until: date | None = None,
    note: str = "",
) -> str:
    """Keep that somebody is not to be reached; the id of what was kept. ``of``: all, the id of a rule, or a channel.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REACH_OUT)
    id = str(uuid.uuid4())
    row = {
        "id": id,
        "patient": patient,
        "kind": str(kind),
        "scope": of,
        "since": at,
        "until": until.isoformat() if until else None,
        "user": scope.user,
        "note": note,
        "lifted": None,
    }
    connection.execute(insert(RESTRICTIONS), row)
    record(connection, scope, Entry("restriction.set", f"restriction/{id}", patient, {"kind": str(kind), "of": of}), at)
    return id


def lift(connection: Connection, scope: Scope, patient: str, id: str, at: datetime) -> Restriction | None:
    """They changed their mind. What was lifted; ``None``: no such restriction of ``patient`` was in force."""
    scope.require(Right.REACH_OUT)
    table = RESTRICTIONS.c
    kind = connection.scalar(
        update(RESTRICTIONS).where(table.id == id, table.patient == patient, table.lifted.is_(None)).values(lifted=at).returning(table.kind)
    )
    if kind is None:
        return None
    record(connection, scope, Entry("restriction.lift", f"restriction/{id}", patient), at)
    return Restriction(kind)


def forbids(held: Collection[Held], channel: str, shared: Collection[str]) -> str | None:
    """Why somebody with these restrictions is not to be reached over ``channel``; ``None`` if nothing stands against it."""
    for each in held:
        if each.kind in NOBODY and each.scope in ("all", channel):
            return str(each.kind)
        if each.kind == Restriction.UNSAFE and channel in shared:
            return str(each.kind)
    return None
