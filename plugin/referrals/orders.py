"""Orders that a client's EHR made by itself when a card was accepted: found on its server by the name that we gave them.

There they say more than was offered: whom the clinician chose to do it. Where the client made the Task too, that is followed as well.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Row, select, update

from fhir_adapters.directory import Directory
from fhir_adapters.references import Identifier, identifiers, literal, patient_id
from fhir_adapters.referral_states import OPEN, Status
from fhir_adapters.search import Query, find
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox, change, put
from plugin.access import Entry, record
from plugin.cds.ledger.handover import Handover
from plugin.cds.referral import order_identifier
from plugin.referrals.cards import CARDS, TAKEN_OVER, keep, performer_of, referral_of
from plugin.referrals.resources import AUTHOR, key
from plugin.referrals.words import CARD
from plugin.store import Store
from plugin.store.tables.referrals import REFERRALS

FOUND: Final = "order found"
_NOT_SIGNED: Final = frozenset({"draft", "entered-in-error"})

Json = Mapping[str, Any]


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

        Raises `EhrUnavailable`.
        """
        done = Counter(filter(None, [self._complete(row, outbox, at) for row in self._without_place()]))
        whole = [(row, name) for row, name in handover.theirs() if name.tenant == self.tenant]
        for row, name in whole:
            order = self._order(row.suggestion, row.patient)
            task = self._task(order, row.patient) if order else None
            if order is None or task is None:
                continue
            referral = referral_of(row, name, f"Task/{task['id']}", f"ServiceRequest/{order['id']}", at)
            what = keep(self.store, referral | performer_of(order, self.tenant, self.directory), at)
            done[what] += 1
            if what == TAKEN_OVER:
                handover.stand([row.suggestion])
        return done

    def _without_place(self) -> list[Row[Any]]:
        """Referrals of ours whose order the client made."""
        table = REFERRALS.c
        mine = (table.tenant == self.tenant, table.origin == CARD, table.request_place.is_(None), table.state.in_(OPEN))
        with self.store.read() as connection:
            return list(connection.execute(select(REFERRALS).where(*mine).order_by(table.id)))

    def _complete(self, row: Row[Any], outbox: Outbox, at: datetime) -> str | None:
        """Where the order stands and whom it names; the Task is told whose it is."""
        order = self._order(row.origin_id, row.patient)
        if order is None:
            return None
        named = performer_of(order, self.tenant, self.directory) if row.agency is None else {}
        with self.store.write() as connection:
            values = named | {"request_place": f"ServiceRequest/{order['id']}"}
            connection.execute(update(REFERRALS).where(REFERRALS.c.id == row.id).values(values))
            record(connection, CARDS, Entry("referral.order-found", f"referral/{row.id}", row.patient), at)
            if named.get("agency") and row.state == Status.REQUESTED:
                edits = [put("owner", order["performer"][0])]
                intent = change(
                    key(row, "Task", "owner"), row.task_place, edits, run=f"referrals-{at:%Y-%m-%d}", author=AUTHOR, recorded=at
                )
                outbox.add(intent)
        return FOUND

    def _order(self, suggestion: str, patient: str) -> Json | None:
        """The one of that suggestion about that person, signed; ``None``: it is not there yet, or nobody can say which it is."""
        name = order_identifier(suggestion)
        wanted = Identifier(name["system"], name["value"])
        query = Query("ServiceRequest", (("identifier", f"{name['system']}|{name['value']}"),))
        found = find(self.server, query, lambda each: wanted in identifiers(each.get("identifier")))
        return _only(found, "subject", patient)

    def _task(self, order: Json, patient: str) -> Json | None:
        """The one that has it fulfilled."""
        place = f"ServiceRequest/{order['id']}"
        found = find(self.server, Query("Task", (("focus", place),)), lambda each: str(literal(each.get("focus"))) == place)
        return _only(found, "for", patient)


def _only(found: list[dict[str, Any]], subject: str, patient: str) -> Json | None:
    signed = [each for each in found if each.get("status") not in _NOT_SIGNED and patient_id(each.get(subject)) == patient]
    return signed[0] if len(signed) == 1 else None
