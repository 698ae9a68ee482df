"""The CDS Hooks service put together from the settings."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from uuid import uuid4

from fhir_adapters.directory import Directory
from plugin.cds.clients.client import Client, clients
from plugin.cds.dispatch import Partners, domains_of, read_partners
from plugin.cds.feedback import Message
from plugin.cds.ledger import Ledger, Taken
from plugin.cds.ledger.handover import Handover
from plugin.cds.ledger.opening import handover, open_ledger
from plugin.cds.policy.lifecycle import note
from plugin.cds.service import Advisor
from plugin.cds.services import Service, services
from plugin.cds.trouble import logged
from plugin.cds.trust import Trust, check, listens_on_loopback
from plugin.cds.turns import Turns
from plugin.listings.keeping import laid_over
from plugin.runtime import Runtime
from plugin.store import Store

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Cds:
    """What requests need. One per process; any thread may use it."""

    clients: tuple[Client, ...]
    services: tuple[Service, ...]
    trust: Trust
    ledger: Ledger
    advisor: Advisor
    handover: Handover
    turns: Turns

    def take(self, message: Message, client: Client) -> Taken:
        """Take note of feedback, and carry referrals that were accepted on. Trouble with the latter is for later: they wait."""
        taken = self.ledger.take(message, client.name, datetime.now(UTC))
        try:
            carried: Counter[str] = self.handover.carry_out()
        except Exception as error:
            logged("handover_failed", error)
        else:
            if carried:
                LOG.info("referrals_carried_on %s", " ".join(f"{state}={count}" for state, count in sorted(carried.items())))
        return taken


def open_cds(runtime: Runtime, store: Store, new_id: Callable[[], str] = lambda: str(uuid4()), turns: Turns | None = None) -> Cds:
    """The service, with its memory in ``store``; ``turns`` is the line of those who call it, if there is one already.

    Raises:
        SettingsUnreadable: the settings would let in whom nobody meant to let in.
        StoreError, KeyUnusable, SourceUnreadable, UnknownServer: what the settings name cannot be used.
    """
    settings = runtime.settings
    known = clients(settings)
    check(settings, known)
    ledger = open_ledger(settings, store)
    note(store, runtime.packs, datetime.now(UTC))
    directory = read_partners(settings.cds.directory, runtime.today())
    partners = None if directory is None else Partners(directory, domains_of(runtime.packs), partial(_today, store))
    turns = turns or Turns(settings.cds.calls_at_once)
    trust = Trust(known, store, settings.public_url, loopback=listens_on_loopback(settings), anonymous=settings.cds.anonymous)
    return Cds(
        known,
        services(runtime.packs, directory=partners is not None),
        trust,
        ledger,
        Advisor(runtime, ledger, partners, new_id=new_id, turns=turns),
        handover(settings, store),
        turns,
    )


def _today(store: Store, directory: Directory) -> Directory:
    """With what agencies said about their services meanwhile."""
    with store.read() as connection:
        return laid_over(connection, directory)
