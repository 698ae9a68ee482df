"""After the fact: is everything that was sent on the server, and once?"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback.intent import Suggestion
from fhir_adapters.writeback.ledger import Ledger
from fhir_adapters.writeback.looking import identified
from fhir_adapters.writeback.states import State, Status

_LOG: Final = logging.getLogger(__name__)
EVERYTHING: Final = frozenset({State.SENT, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Reconciled:
    """Counts of rows: everything looked at is in one of them."""

    confirmed: int
    """Found once."""
    duplicated: int
    """Found more than once: the lowest id counts as ours, the others are in the ledger for review."""
    missing: int
    """Not found, and not under its id either: parked."""
    failed: int
    """The server did not answer, or not so that it can be trusted."""


def reconcile(ledger: Ledger, server: FhirServer, tenant: str, states: Collection[State] = EVERYTHING) -> Reconciled:
    """Count, for each row in ``states``, the resources on the server with its identifier. Changes are not counted: they make none."""
    counts = dict.fromkeys(("confirmed", "duplicated", "missing", "failed"), 0)
    for row in ledger.rows(tenant, states):
        if row.kind == Suggestion.__name__:
            counts[_one(ledger, server, row)] += 1
    if counts["duplicated"] or counts["missing"]:
        _LOG.error("%s: %d writes stand there more than once, %d not at all", tenant, counts["duplicated"], counts["missing"])
    return Reconciled(**counts)


def _one(ledger: Ledger, server: FhirServer, row: Status) -> str:
    try:
        places = identified(server, row.type, row.tenant, ledger.value(row.id)) or _by_id(server, row.place)
    except EhrUnavailable:
        return "failed"
    ledger.found(row.id, places)
    return "duplicated" if len(places) > 1 else "confirmed" if places else "missing"


def _by_id(server: FhirServer, place: str | None) -> list[str]:
    """A server's index may lag behind what it holds."""
    if place is None:
        return []
    try:
        server.get(place)
    except EhrUnavailable as error:
        if error.status in (404, 410):
            return []
        raise
    return [place]
