"""From the settings to the ledger, and to what carries accepted referrals on."""

from typing import Final

from fhir_adapters.writeback import Outbox
from plugin.cds.ledger.handover import Handover
from plugin.cds.ledger.ledger import Ledger
from plugin.cds.ledger.pseudonyms import key_at
from plugin.servers.opening import connection
from plugin.settings import Settings
from plugin.store import Store, open_store
from plugin.store.versions import ready

OUTBOX_FILE: Final = "outbox.sqlite"


def open_ledger(settings: Settings, store: Store | None = None) -> Ledger:
    """The ledger in the database of the settings, or in a ``store`` that is open already.

    Clients that name the same server speak of the same patients.

    Raises:
        StoreError, KeyUnusable: the database or the key cannot be used.
    """
    realms = {name: f"server:{client.server}" for name, client in settings.cds.clients.items() if client.server}
    return Ledger(store or ready(open_store(settings.database_url)), key_at(settings.cds_key), realms)


def handover(settings: Settings, store: Store) -> Handover:
    """What carries accepted referrals on to the servers of their clients. Raises `UnknownServer`."""
    clients = settings.cds.clients.items()
    tenants = {name: connection(settings, client.server).tenant for name, client in clients if client.server}
    return Handover(store, lambda: Outbox.at(settings.state / OUTBOX_FILE), tenants)
