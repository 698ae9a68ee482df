"""Inbound referrals in the store: who sent them sees their own, staff see all that they may."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from fhir_adapters.referral_states import FINAL, OPEN, Status
from plugin.access import Entry, Right, Role, Scope, record
from plugin.inbound.asking import Asked
from plugin.outreach.acting import NotNow
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE
from plugin.store.inserting import insert_one
from plugin.store.tables.inbound import HISTORY, INBOUND
from plugin.store.walking import Place, Stretch, stretch

PAGE: Final = 50
VIEWS: Final = ("new", "open", "closed", "all")
"""Each view of the list."""
SELF: Final = Scope("self-referral", Role.SYSTEM)
"""In whose name it is recorded that somebody asked for help themselves."""
_PURGE: Final = Scope("purge", Role.SYSTEM)


class NoSuchInbound(Exception):
    """There is none of that id that whoever asked may see."""


class SentBefore(NotNow):
    """A form was sent again with something else in it: what was kept stays, and it may be sent as another one."""


@dataclass(frozen=True, slots=True)
class Grip:
    """An inbound referral as somebody saw it, when they decided to do something with it."""

    inbound: str
    version: int


def receive(connection: Connection, scope: Scope, asked: Asked, agency_name: str, at: datetime) -> str:
    """Keep what somebody asks for, as *requested*; its id. Nothing is told of whether the person is known. Sent twice, it is one.

    Raises:
        NotAsked: something is missing, first of all that they agreed.
        SentBefore: the same form was sent before, with something else in it.
        NotNow: another one has this id.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.ANSWER_REFERRALS)
    asked.check(at.date())
    own = {"agency": scope.agency, "agency_name": agency_name[:300], "user": scope.user}
    none = dict.fromkeys(("reason_code", "reason", "outcome", "patient", "episode"))
    row = asked.row() | own | none | {"restricted": asked.need in BY_ITS_NATURE_UNSAFE, "state": str(Status.REQUESTED)}
    if not insert_one(connection, INBOUND, row | {"version": 1, "created": at, "changed": at}):
        known = connection.execute(select(INBOUND).where(INBOUND.c.id == asked.id)).one()
        if (known.agency, known.user) != (scope.agency, scope.user):
            raise NotNow("the form is older than it may be; load the page again")
        if any(getattr(known, name) != value for name, value in asked.row().items()):
            raise SentBefore("it was sent before, and something else in it; look at it again")
        return asked.id
    keep_step(connection, scope, asked.id, 1, None, Status.REQUESTED, at)
    detail = {"need": asked.need, "purpose": asked.purpose, "given by": asked.given_by}
    record(connection, scope, Entry("inbound.receive", f"inbound/{asked.id}", detail=detail), at)
    return asked.id


def keep_step(connection: Connection, scope: Scope, id: str, version: int, before: str | None, after: Status, at: datetime) -> None:
    """A line of its history."""
    row = {"inbound": id, "version": version, "at": at, "user": scope.user, "before": before, "after": str(after)}
    connection.execute(insert(HISTORY), row)


def listed(connection: Connection, scope: Scope, view: str = "all", page: int = 1) -> tuple[Sequence[Row[Any]], int]:
    """A page of them, the last one first, and how many there are.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    table, query = INBOUND.c, _in_view(scope, view)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    return connection.execute(query.order_by(table.changed.desc(), table.id).limit(PAGE).offset((page - 1) * PAGE)).all(), total


def walked(connection: Connection, scope: Scope, view: str, after: Place | None) -> Stretch:
    """A step of somebody who reads them all; see `plugin.store.walking`. Raises as `listed`."""
    return stretch(connection, _in_view(scope, view), INBOUND.c.created, after, PAGE)


def _in_view(scope: Scope, view: str) -> Select[Any]:
    table = INBOUND.c
    wanted = {
        "new": (table.state == Status.REQUESTED,),
        "open": (table.state.in_(OPEN - {Status.REQUESTED}),),
        "closed": (table.state.in_(FINAL),),
        "all": (),
    }[view]
    return _may_see(select(INBOUND).where(*wanted), scope)


def one(connection: Connection, scope: Scope, id: str, at: datetime) -> tuple[Row[Any], Sequence[Row[Any]]]:
    """One with its history, the first step first; that it was looked at is recorded.

    Raises:
        NoSuchInbound: or none that may be seen.
        Forbidden: see `plugin.access.scope`.
    """
    row = found(connection, scope, id)
    history = connection.execute(select(HISTORY).where(HISTORY.c.inbound == id).order_by(HISTORY.c.version)).all()
    patient = row.patient if scope.role is not Role.AGENCY else None
    record(connection, scope, Entry("inbound.see", f"inbound/{id}", patient), at)
    return row, history


def found(connection: Connection, scope: Scope, id: str, *, locked: bool = False) -> Row[Any]:
    """The row; ``locked``: nobody changes it until the transaction is over. Raises as `one`."""
    query = _may_see(select(INBOUND).where(INBOUND.c.id == id), scope)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise NoSuchInbound(id)
    return row


def forget(connection: Connection, before: datetime, at: datetime) -> int:
    """Delete those that were closed before a moment; how many."""
    over = (INBOUND.c.state.in_(FINAL), INBOUND.c.changed < before)
    number = connection.execute(delete(INBOUND).where(*over)).rowcount
    if number:
        record(connection, _PURGE, Entry("inbound.forget", "inbound", detail={"inbound": number, "before": before.isoformat()}), at)
    return number


def _may_see(query: Select[Any], scope: Scope) -> Select[Any]:
    if scope.role is Role.AGENCY:
        scope.require(Right.ANSWER_REFERRALS)
        return query.where(INBOUND.c.agency == scope.agency)
    scope.require(Right.REFER)
    return query if scope.may(Right.SEE_RESTRICTED) else query.where(INBOUND.c.restricted.is_(False))
