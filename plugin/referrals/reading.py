"""Looking at referrals. An agency sees its own, once they were sent; to it the others are not there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from fhir_adapters.referral_states import OPEN, Status
from plugin.access import Entry, Right, Role, Scope, record
from plugin.referrals.words import RELAY
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import HISTORY, OUTPUTS, REFERRALS
from plugin.store.walking import Place, Stretch, stretch

PAGE: Final = 50
VIEWS: Final = ("open", "attention", "closed", "all")
"""Each view of the list."""


class NoSuchReferral(Exception):
    """There is none of that id that whoever asked may see."""


@dataclass(frozen=True, slots=True)
class Whole:
    """A referral with how it came there and what came of it."""

    row: Row[Any]
    history: tuple[Row[Any], ...]
    """The first step first."""
    outputs: tuple[Row[Any], ...]


def one(connection: Connection, scope: Scope, id: str, at: datetime) -> Whole:
    """One referral; that it was looked at is recorded.

    Raises:
        NoSuchReferral: or none that may be seen.
        Forbidden: see `plugin.access.scope`.
    """
    row = found(connection, scope, id)
    history = connection.execute(select(HISTORY).where(HISTORY.c.referral == id).order_by(HISTORY.c.version)).all()
    record(connection, scope, Entry("referral.see", f"referral/{id}", subject(row)), at)
    return Whole(row, tuple(history), tuple(outputs(connection, id)))


def found(connection: Connection, scope: Scope, id: str, *, locked: bool = False) -> Row[Any]:
    """The row; ``locked``: nobody changes it until the transaction is over. Raises as `one`."""
    query = _may_see(select(REFERRALS).where(REFERRALS.c.id == id), scope)
    row = connection.execute(query.with_for_update() if locked else query).one_or_none()
    if row is None:
        raise NoSuchReferral(id)
    return row


def listed(connection: Connection, scope: Scope, view: str = "open", page: int = 1) -> tuple[Sequence[Row[Any]], int]:
    """A page of referrals, those that changed last first, and how many there are. Raises as `one`."""
    table, query = REFERRALS.c, _in_view(scope, view)
    total = connection.execute(select(func.count()).select_from(query.subquery())).scalar_one()
    rows = connection.execute(query.order_by(table.changed.desc(), table.id).limit(PAGE).offset((page - 1) * PAGE)).all()
    return rows, total


def walked(connection: Connection, scope: Scope, view: str, after: Place | None) -> Stretch:
    """A step of somebody who reads them all; see `plugin.store.walking`. Raises as `one`."""
    return stretch(connection, _in_view(scope, view), REFERRALS.c.created, after, PAGE)


def _in_view(scope: Scope, view: str) -> Select[Any]:
    table = REFERRALS.c
    wanted = {
        "open": (table.state.in_(OPEN),),
        "attention": (table.attention.is_not(None),),
        "closed": (table.state.not_in(OPEN),),
        "all": (),
    }[view]
    return _may_see(select(REFERRALS).where(*wanted), scope)


def names(connection: Connection, scope: Scope, rows: Iterable[Row[Any]]) -> dict[str, str]:
    """Referral → name of whom it refers, as far as we know them.

    Raises `Forbidden`: to an agency the least is told by `plugin.agency.seeing`.
    """
    scope.require(Right.SEE_PEOPLE)
    ours = {row.id: row.patient for row in rows if is_ours(row)}
    query = select(PEOPLE.c.patient, PEOPLE.c.name).where(PEOPLE.c.patient.in_(set(ours.values())))
    known = {patient: name for patient, name in connection.execute(query)}
    return {id: known[patient] for id, patient in ours.items() if patient in known}


def is_ours(row: Row[Any]) -> bool:
    """Whether it refers somebody of ours. Whom a relayed one refers only the two servers know: an id there says nothing here."""
    return bool(row.origin != RELAY)


def subject(row: Row[Any]) -> str:
    """Whom it refers, for the record and for programs; whom only an agency's server knows by its tenant, too: ``bank#7``."""
    return str(row.patient) if is_ours(row) else f"{row.tenant}#{row.patient}"


def outputs(connection: Connection, id: str) -> Sequence[Row[Any]]:
    """What it came to, in the order in which that was told."""
    return connection.execute(select(OUTPUTS).where(OUTPUTS.c.referral == id).order_by(OUTPUTS.c.at, OUTPUTS.c.digest)).all()


def _may_see(query: Select[Any], scope: Scope) -> Select[Any]:
    if scope.role is Role.AGENCY:
        scope.require(Right.ANSWER_REFERRALS)
        return query.where(REFERRALS.c.agency == scope.agency, REFERRALS.c.state != Status.DRAFT, REFERRALS.c.requested.is_not(None))
    scope.require(Right.SEE_PEOPLE)
    return query if scope.may(Right.SEE_RESTRICTED) else query.where(REFERRALS.c.restricted.is_(False))
