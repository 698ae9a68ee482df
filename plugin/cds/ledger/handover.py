"""An accepted referral goes on: into the outbox, from where it is written to the EHR once, or it waits for whoever takes it over."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from sqlalchemy import Row, select, update

from fhir_adapters.errors import NotWritable
from fhir_adapters.writeback import Author, Intent, Key, Outbox, State, suggestion
from plugin import __version__
from plugin.cds.ledger.waiting import GIVEN_UP, IN_OUTBOX, ORDERED, REFUSED, THEIRS, WAITING
from plugin.cds.referral import order_identifier
from plugin.store import Store
from plugin.store.inserting import insert_new
from plugin.store.tables.cds import HANDOVERS, STEPS

_AUTHOR: Final = Author(f"Almoner {__version__}")
_FULFILL: Final = {"system": "http://hl7.org/fhir/CodeSystem/task-code", "code": "fulfill", "display": "Fulfill the focal request"}

Json = dict[str, Any]


class Handover:
    """Takes accepted referrals on. Any number of threads and processes may: each referral is written once."""

    def __init__(
        self,
        store: Store,
        outbox: Callable[[], Outbox],
        tenants: Mapping[str, str],
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """``outbox`` opens it when it is needed; ``tenants``: client → tenant of the server to which its referrals are written."""
        self._store, self._outbox, self._tenants, self._clock = store, outbox, dict(tenants), clock

    def carry_out(self) -> Counter[str]:
        """Put every waiting referral whose client has a server into the outbox, and note which of them stand on their server since.

        Gives how many came to which state. A referral is marked after it is in the outbox: whoever is killed in between puts it there
        again, which changes nothing.
        """
        done = Counter(self._carry(row) for row in self._rows(WAITING))
        arrived = sorted(self.arrived())
        if arrived:
            self.stand(arrived)
        return done + Counter({ORDERED: len(arrived)})

    def stand(self, suggestions: Sequence[str]) -> None:
        """Note that the Tasks of these stand on their server."""
        now = self._clock()
        with self._store.write() as connection:
            insert_new(connection, STEPS, [{"suggestion": id, "step": ORDERED, "at": now} for id in suggestions])
            connection.execute(update(HANDOVERS).where(HANDOVERS.c.suggestion.in_(suggestions)).values(state=ORDERED))

    def give_up(self, suggestion: str) -> None:
        """What its client was to make is not looked for any more."""
        mine = (HANDOVERS.c.suggestion == suggestion, HANDOVERS.c.state == THEIRS)
        with self._store.write() as connection:
            connection.execute(update(HANDOVERS).where(*mine).values(state=GIVEN_UP))

    def arrived(self) -> frozenset[str]:
        """The suggestions whose Task stands on a server since `carry_out` last looked."""
        ids = {self.key(row, "Task").id: str(row.suggestion) for row in self._rows(IN_OUTBOX)}
        if not ids:
            return frozenset()
        return frozenset(ids[each.id] for each in self._outbox().ledger.rows(states=(State.SENT, State.CONFIRMED)) if each.id in ids)

    def ordered(self) -> Iterator[tuple[Row[Any], Key]]:
        """Every referral that stands on its server, with the name of its Task."""
        for row in self._rows(ORDERED):
            yield row, self.key(row, "Task")

    def theirs(self) -> Iterator[tuple[Row[Any], Key]]:
        """Every referral that its client makes whole by itself and that is not known to stand there, with the name of its Task."""
        for row in self._rows(THEIRS):
            yield row, self.key(row, "Task")

    def _rows(self, state: str) -> Sequence[Row[Any]]:
        query = select(HANDOVERS).where(HANDOVERS.c.state == state, HANDOVERS.c.client.in_(sorted(self._tenants)))
        if not self._tenants:
            return ()
        with self._store.read() as connection:
            return connection.execute(query.order_by(HANDOVERS.c.accepted)).all()

    def _carry(self, row: Row[Any]) -> str:
        state: str = IN_OUTBOX
        reason: str | None = None
        try:
            self._put(list(self._intents(row)))
        except NotWritable as wrong:
            state, reason = REFUSED, str(wrong)[:200]
        with self._store.write() as connection:
            mine = (HANDOVERS.c.suggestion == row.suggestion, HANDOVERS.c.state == WAITING)
            connection.execute(update(HANDOVERS).where(*mine).values(state=state, reason=reason))
        return state

    def _put(self, intents: Iterable[Intent]) -> None:
        outbox = self._outbox()
        with outbox.transaction() as together:
            for intent in intents:
                outbox.add(intent, together)

    def _intents(self, row: Row[Any]) -> Iterator[Intent]:
        """The Task, and before it the ServiceRequest unless the client makes that itself."""
        order = row.meaning.get("order")
        if not isinstance(order, dict):
            raise NotWritable("the suggestion has no order")
        run = f"cds-{row.accepted:%Y-%m-%d}"
        if "ServiceRequest" in row.meaning.get("creates", ()):
            focus: Json = {"type": "ServiceRequest", "identifier": order_identifier(row.suggestion)}
        else:
            key = self.key(row, "ServiceRequest")
            own = [*order.get("identifier", []), order_identifier(row.suggestion)]
            request = {name: value for name, value in order.items() if name != "id"} | {"status": "active", "identifier": own}
            yield suggestion(key, request, run=run, author=_AUTHOR, recorded=row.accepted)
            focus = {"reference": f"urn:uuid:{key.id}"}
        yield suggestion(self.key(row, "Task"), _task(row, order, focus), run=run, author=_AUTHOR, recorded=row.accepted)

    def key(self, row: Row[Any], type: str) -> Key:
        """The card and the suggestion name the episode: told however often, it is the same write."""
        return Key(self._tenants[row.client], row.rule, row.version, row.patient, f"{row.card} {row.suggestion}", type)


def _task(row: Row[Any], order: Json, focus: Json) -> Json:
    task: Json = {
        "resourceType": "Task",
        "status": "requested",
        "intent": "order",
        "code": {"coding": [_FULFILL]},
        "focus": focus,
        "for": {"reference": f"Patient/{row.patient}"},
        "authoredOn": row.accepted.isoformat(timespec="seconds"),
    }
    performers = order.get("performer")
    return task | ({"owner": performers[0]} if performers else {}) | ({"priority": order["priority"]} if "priority" in order else {})
