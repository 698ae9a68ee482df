"""Until a referral is on the server it can be kept back: what was taken back, or has lost its consent by then, does not go out.

Looked up when it goes to the outbox and, as it may lie there while a server is down, once more right before it is written.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, or_, select, update

from fhir_adapters.referral_states import OPEN, Status
from fhir_adapters.writeback import Claim, Suggestion
from plugin.access import Role, Scope
from plugin.referrals.consenting import standing
from plugin.referrals.moving import Step, taken, tell
from plugin.referrals.resources import ORDER, REFER, key
from plugin.referrals.words import EPISODE, RELAY, Attention
from plugin.store import Store
from plugin.store.tables.referrals import CONSENTS, REFERRALS, WRITES

_TAKEN_BACK: Final = frozenset({Status.CANCELLED, Status.ENTERED_IN_ERROR})
_CARRIER: Final = Scope("outbox", Role.SYSTEM)
_TYPES: Final = frozenset({"ServiceRequest", "Task"})


@dataclass(frozen=True, slots=True)
class Withholding:
    """A gate (`fhir_adapters.writeback.gate.Gate`) of the outbox of a server."""

    opened: Callable[[], Store]
    """The store; asked for only if an order or a Task is to be made."""
    tenant: str
    clock: Callable[[], datetime]
    only_looks: bool = False
    """Nothing is noted: somebody wants to know what would be sent."""

    def __call__(self, claim: Claim) -> str | None:
        """Why a referral must not be written after all, as a code; it is kept back. ``None`` if it may, or is none that waits here."""
        if claim.kind != Suggestion.__name__ or claim.type not in _TYPES:
            return None
        with self.opened().write() as connection:
            row = self._referral(connection, claim)
            at = self.clock()
            why_not = hindrance(connection, row, at.date()) if row is not None else None
            if row is not None and why_not is not None and not self.only_looks:
                order = next((place for place in claim.needs.values() if place is not None), None)
                keep_back(connection, row, at, order or row.request_place)
            return why_not

    def _referral(self, connection: Connection, claim: Claim) -> Row[Any] | None:
        """The referral of a claim, locked. ``None``: there is none, such as of a card: that is taken over once it is there."""
        table = REFERRALS.c
        theirs = (table.tenant == self.tenant, table.patient == claim.patient, table.origin.in_((EPISODE, RELAY)), table.task.is_not(None))
        rows = connection.execute(select(REFERRALS).where(*theirs)).all()
        id = next((row.id for row in rows if key(row, claim.type).id == claim.id), None)
        return connection.execute(select(REFERRALS).where(table.id == id).with_for_update()).one_or_none()


def hindrance(connection: Connection, row: Row[Any], today: date) -> str | None:
    """Why a referral that is locked must not go out any more, as a code; ``None`` if nothing stands against it.

    What was asked when it was sent is asked again, unless it is relayed: that is about somebody of another server.
    """
    consent = connection.execute(select(CONSENTS).where(CONSENTS.c.id == row.consent).with_for_update()).one_or_none()
    if row.state in _TAKEN_BACK:
        return "taken-back"
    if consent is not None and consent.withdrawn is not None:
        return "consent-withdrawn"
    if consent is not None and consent.until is not None and consent.until < today.isoformat():
        return "consent-over"
    if row.origin == EPISODE and (found := _objection(connection, row, today)) is not None:
        return found
    before = select(WRITES.c.number).where(WRITES.c.referral == row.id, WRITES.c.kind == REFER, WRITES.c.withdrawn.is_not(None))
    return "kept-back" if connection.scalar(before) is not None else None


def _objection(connection: Connection, row: Row[Any], today: date) -> str | None:
    """What came up since it was sent: a refusal, a death …, or a danger of which the order does not tell."""
    stands = standing(connection, row.patient, row.need, row.rule, today)
    if stands.objection is not None:
        return "objection"
    return "unsafe-since" if stands.unsafe and not row.unsafe else None


def keep_back(connection: Connection, row: Row[Any], at: datetime, order: str | None) -> int:
    """The agency does not hear of it, nor of what was to follow: how many writes; an open one is for a person to look at.

    ``order``: where its order came to stand before its Task could; it ends there.
    """
    table = WRITES.c
    waiting = [table.referral == row.id, table.withdrawn.is_(None), or_(table.put.is_(None), table.kind == REFER)]
    if order is not None:
        waiting.append(table.kind != ORDER)
        connection.execute(update(REFERRALS).where(REFERRALS.c.id == row.id).values(request_place=order))
    kept = connection.execute(update(WRITES).where(*waiting).values(withdrawn=at)).rowcount
    if kept and row.state in OPEN:
        unsent = {"requested": None, "nudged": None} if row.state == Status.REQUESTED else {}  # nobody is reminded of what they never got
        step = Step(Status(row.state), "kept back")
        version = taken(connection, _CARRIER, row, step, at, attention=Attention.NOT_SENT, **unsent)
        if order is not None and row.request_place is None:
            tell(connection, _CARRIER, row.id, version, ORDER, Step(Status.CANCELLED, only_from=()), at)
    return kept


def end_order(connection: Connection, id: str, order: str, at: datetime) -> None:
    """Note where the order of a referral came to stand after all, and end it there, if its Task was kept back."""
    table = WRITES.c
    row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == id).with_for_update()).one()
    kept_back = select(table.number).where(table.referral == id, table.kind == REFER, table.withdrawn.is_not(None))
    if row.request_place is not None or connection.scalar(kept_back) is None:
        return
    connection.execute(update(REFERRALS).where(REFERRALS.c.id == id).values(request_place=order))
    if not connection.execute(update(WRITES).where(table.referral == id, table.kind == ORDER).values(withdrawn=None)).rowcount:
        tell(connection, _CARRIER, id, row.version, ORDER, Step(Status.CANCELLED, only_from=()), at)
