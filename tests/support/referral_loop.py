"""The store, the outbox and a server, between which referrals go to and fro."""

from collections import Counter
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

from sqlalchemy import select
from support.referral_ehr import Crash, MemoryEhr, policy
from support.referrals import CARE, NOON, TENANT, agency, bank, directory, grip, sent, stored

from fhir_adapters.referral_states import Status
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox, Report, State
from plugin.referrals.acting import Answer, Grip, answer, cancel
from plugin.referrals.carrying import carry_out
from plugin.referrals.polling import Polled, poll
from plugin.referrals.timers import run
from plugin.referrals.withholding import Withholding
from plugin.store import Store
from plugin.store.tables.referrals import QUARANTINE


class Loop:
    """The store, the outbox and the server; time goes on by itself."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.ehr, self.at = store, MemoryEhr(), NOON
        self.outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: self.at.timestamp())

    @property
    def server(self) -> FhirServer:
        return cast(FhirServer, self.ehr)

    def deliver(self) -> None:
        """Two rounds: what waited for the first goes with the second."""
        for _ in range(2):
            carry_out(self.store, self.outbox, self.at)
            self.settled()
        carry_out(self.store, self.outbox, self.at)

    def settled(self) -> Counter[tuple[State, str | None]]:
        """What came of what is in the outbox; nothing that is known by then if the process died."""
        self.at += timedelta(seconds=2)
        gate = Withholding(lambda: self.store, TENANT, lambda: self.at)
        with suppress(Crash):
            found = self.outbox.deliver(self.server, policy(TENANT), gate=gate, commit=True)
            assert isinstance(found, Report)
            return found.settled
        return Counter()

    def poll(self, after: timedelta = timedelta(hours=1)) -> Polled:
        self.at += after
        return poll(self.store, self.server, TENANT, self.at)

    def sent(self, patient: str = "ann", **fields: Any) -> str:
        """A referral that stands on the server, and is known to."""
        id = sent(self.store, patient, self.at, **fields)
        self.deliver()
        self.poll()
        return id

    def grip(self, id: str) -> Grip:
        return grip(self.store, id)

    def place(self, id: str) -> str:
        return str(stored(self.store, id).task_place)

    def task(self, id: str) -> dict[str, Any]:
        return self.ehr.held[self.place(id)]

    def order(self, id: str) -> dict[str, Any]:
        return self.ehr.held[str(stored(self.store, id).request_place)]

    def answered(self, id: str, to: Status, **said: Any) -> None:
        with self.store.write() as connection:
            answer(connection, agency(1), grip(self.store, id), Answer(to, **said), self.at)

    def cancelled(self, id: str) -> None:
        with self.store.write() as connection:
            cancel(connection, CARE, grip(self.store, id), "no-longer-wanted", self.at)

    def aside(self) -> list[tuple[str, str, str]]:
        with self.store.read() as connection:
            return [(row.reason, row.before, row.after) for row in connection.execute(select(QUARANTINE).order_by(QUARANTINE.c.at))]

    def days(self, number: int) -> Counter[str]:
        self.at += timedelta(days=number)
        return run(self.store, directory(bank(1), bank(2)), self.at)
