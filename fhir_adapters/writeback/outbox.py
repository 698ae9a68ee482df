"""The outbox: whoever has decided something puts it here, and it is written once."""

import sqlite3
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from fhir_adapters.transport import FhirServer
from fhir_adapters.vendors import GENERIC, Vendor
from fhir_adapters.writeback.delivery import Report, deliver
from fhir_adapters.writeback.gate import Gate, open_gate
from fhir_adapters.writeback.identity import Key
from fhir_adapters.writeback.intent import Intent
from fhir_adapters.writeback.ledger import Ledger
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.preview import Preview, preview
from fhir_adapters.writeback.reconciling import EVERYTHING, Reconciled, reconcile
from fhir_adapters.writeback.states import State, Status


@dataclass(frozen=True, slots=True)
class Outbox:
    """The outbox in the file of ``ledger``. Open it with `Outbox.at`."""

    ledger: Ledger

    @classmethod
    def at(cls, path: Path, *, clock: Callable[[], float] = time.time) -> "Outbox":
        """The outbox in the SQLite file at ``path``, which is made if it is not there."""
        return cls(Ledger(path, clock=clock))

    def transaction(self) -> AbstractContextManager[sqlite3.Connection]:
        """To write a decision and its intents together: ``with outbox.transaction() as t: …; outbox.add(intent, t)``."""
        return self.ledger.transaction()

    def add(self, intent: Intent, within: sqlite3.Connection | None = None) -> bool:
        """Take an intent. ``False``: it is here already, whatever became of it; nothing changes then."""
        return self.ledger.add(intent, within)

    def preview(self, server: FhirServer, policy: Policy, vendor: Vendor = GENERIC, gate: Gate = open_gate) -> Preview:
        """What `deliver` would send. Nothing is sent, no row changes; ``gate`` only looks."""
        return preview(self.ledger, server, policy, vendor, gate)

    def deliver(
        self, server: FhirServer, policy: Policy, *, vendor: Vendor = GENERIC, gate: Gate = open_gate, commit: bool = False
    ) -> Report | Preview:
        """Send what is due, allowed and taken by servers of this ``vendor``; without ``commit`` only `preview` it.

        ``gate`` is asked right before each write; for a preview it only looks.
        """
        return deliver(self.ledger, server, policy, gate, vendor) if commit else preview(self.ledger, server, policy, vendor, gate)

    def reconcile(self, server: FhirServer, tenant: str, states: Collection[State] = EVERYTHING) -> Reconciled:
        """Count on the server what was sent: missing and doubled writes are alarms."""
        return reconcile(self.ledger, server, tenant, states)

    def status(self, key: Key | str) -> Status | None:
        """Where a write stands, by its key or id; ``None`` if it never came here."""
        found = self.ledger.rows(id=key.id if isinstance(key, Key) else key)
        return found[0] if found else None
