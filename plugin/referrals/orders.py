"""Orders that a client's EHR made by itself when a card was accepted: found on its server by the name that we gave them.

There they say more than was offered: whom the clinician chose to do it. Where the client made the Task too, that is followed as well.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from sqlalchemy import Row, exists, select

from fhir_adapters.directory import Directory
from fhir_adapters.references import Identifier, identifiers, literal, patient_id
from fhir_adapters.referral_states import OPEN, Status
from fhir_adapters.search import Query, find
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Change, Key, Outbox, change, put
from plugin.cds.ledger.handover import Handover
from plugin.cds.referral import order_identifier
from plugin.referrals.apart import apart, fitting
from plugin.referrals.cards import CARDS, TAKEN_OVER, keep, performer_of, referral_of
from plugin.referrals.moving import Step, taken
from plugin.referrals.resources import AUTHOR, key
from plugin.referrals.words import CARD, Attention
from plugin.store import Store
from plugin.store.tables.referrals import HISTORY, REFERRALS

FOUND: Final = "order found"
NEVER_SIGNED: Final = "never signed"
SIGNED_WITHIN: Final = timedelta(days=90)
"""So long an order is looked for. Whoever has not signed a draft in a quarter of a year does not mean it any more, and every poll would ask
for it for ever."""
_NOT_SIGNED: Final = frozenset({"draft", "entered-in-error"})

Json = Mapping[str, Any]


class Unclear(LookupError):
    """Something signed is there, but not surely the one order with its one Task: a person must look, and nothing is given up."""


@dataclass(frozen=True, slots=True)
class Orders:
    """Where they are looked for: the server of one tenant."""

    store: Store
    server: FhirServer
    tenant: str
    directory: Directory | None = None
    """By which the agency that an order names is known."""

    def follow(self, handover: Handover, outbox: Outbox, at: datetime) -> Counter[str]:
        """Look for every order that is missing; what came of it → how many. What is not signed yet is looked for the next time.

        One that is not as it should be keeps no other waiting: see `plugin.referrals.apart`. Raises `EhrUnavailable`.
        """
        steps = [partial(self._complete, row, outbox, at) for row in self._without_place()]
        whole = [partial(self._take_over, row, name, handover, at) for row, name in handover.theirs() if name.tenant == self.tenant]
        return Counter(filter(None, (apart(self.tenant, step) for step in (*steps, *whole))))

    def _take_over(self, row: Row[Any], name: Key, handover: Handover, at: datetime) -> str | None:
        """What the client made whole. Raises `Unclear`."""
        order = self._order(row.suggestion, row.patient)
        task = self._task(order, row.patient) if order else None
        if order is not None and task is not None:
            referral = referral_of(row, name, f"Task/{task['id']}", f"ServiceRequest/{order['id']}", at)
            what = keep(self.store, fitting(REFERRALS, referral | performer_of(order, self.tenant, self.directory)), at)
            if what == TAKEN_OVER:
                handover.stand([row.suggestion])
            return what
        if row.accepted > at - SIGNED_WITHIN:
            return None
        if order is not None:
            raise Unclear("signed, but nobody is asked")
        handover.give_up(row.suggestion)
        return NEVER_SIGNED

    def _without_place(self) -> list[Row[Any]]:
        """Referrals of ours whose order the client made, and for which it was not given up."""
        table = REFERRALS.c
        given_up = exists().where(HISTORY.c.referral == table.id, HISTORY.c.step == NEVER_SIGNED)
        mine = (table.tenant == self.tenant, table.origin == CARD, table.request_place.is_(None), table.state.in_(OPEN), ~given_up)
        with self.store.read() as connection:
            return list(connection.execute(select(REFERRALS).where(*mine).order_by(table.id)))

    def _complete(self, known: Row[Any], outbox: Outbox, at: datetime) -> str | None:
        """Where the order stands and whom it names; the Task is told whose it is. Unless the referral is over or placed by then.

        Raises `Unclear`.
        """
        order = self._order(known.origin_id, known.patient)
        if order is None and known.created > at - SIGNED_WITHIN:
            return None
        table = REFERRALS.c
        missing = (table.id == known.id, table.request_place.is_(None), table.state.in_(OPEN))
        with self.store.write() as connection:
            row = connection.execute(select(REFERRALS).where(*missing).with_for_update()).one_or_none()
            if row is None:
                return None
            if order is None:
                step = Step(Status(row.state), NEVER_SIGNED)
                taken(connection, CARDS, row, step, at, attention=row.attention or Attention.NO_ORDER)
                return NEVER_SIGNED
            named = performer_of(order, self.tenant, self.directory) if row.agency is None else {}
            values = fitting(REFERRALS, named | {"request_place": f"ServiceRequest/{order['id']}"})
            if named.get("agency") and row.state == Status.REQUESTED:
                outbox.add(_owner(row, order, at))
            taken(connection, CARDS, row, Step(Status(row.state), FOUND), at, **values)
        return FOUND

    def _order(self, suggestion: str, patient: str) -> Json | None:
        """The one of that suggestion about that person, signed; ``None``: it is not there yet. Raises `Unclear`."""
        name = order_identifier(suggestion)
        wanted = Identifier(name["system"], name["value"])
        query = Query("ServiceRequest", (("identifier", f"{name['system']}|{name['value']}"),))
        found = find(self.server, query, lambda each: wanted in identifiers(each.get("identifier")))
        return _only(found, "subject", patient)

    def _task(self, order: Json, patient: str) -> Json | None:
        """The one that has it fulfilled; ``None``: it is not there yet. Raises `Unclear`."""
        place = f"ServiceRequest/{order['id']}"
        found = find(self.server, Query("Task", (("focus", place),)), lambda each: str(literal(each.get("focus"))) == place)
        return _only(found, "for", patient)


def _owner(row: Row[Any], order: Json, at: datetime) -> Change:
    """Its Task says whose it is, as long as nobody has answered."""
    edits, only_if = [put("owner", order["performer"][0])], {"status": [str(Status.REQUESTED)]}
    run = f"referrals-{at:%Y-%m-%d}"
    return change(key(row, "Task", "owner"), row.task_place, edits, run=run, author=AUTHOR, recorded=at, only_if=only_if)


def _only(found: list[dict[str, Any]], subject: str, patient: str) -> Json | None:
    signed = [each for each in found if each.get("status") not in _NOT_SIGNED]
    theirs = [each for each in signed if patient_id(each.get(subject)) == patient]
    if signed and len(theirs) != 1:
        raise Unclear("nobody can say which it is")
    return theirs[0] if theirs else None
