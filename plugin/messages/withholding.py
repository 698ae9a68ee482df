"""Right before a portal message is written into the chart: whatever came up since it was put into the outbox holds it back."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from fhir_adapters.writeback.states import Claim
from plugin.messages.carrying import CARRIER, hindrance, locked
from plugin.messages.gateways.chart import TYPE, key_of
from plugin.messages.sending import GOING, HANDED, HELD, WAITS, settle
from plugin.store import Store
from plugin.store.tables.messages import MESSAGES

_UNDER_WAY: Final = (WAITS, GOING, HANDED)


@dataclass(frozen=True, slots=True)
class Withholding:
    """A gate (`fhir_adapters.writeback.gate.Gate`) of the outbox of a server."""

    opened: Callable[[], Store]
    """The store; asked for only if a message is to be written."""
    tenant: str
    clock: Callable[[], datetime]
    """With the zone in which people live."""
    only_looks: bool = False
    """Nothing is noted: somebody wants to know what would be sent."""

    def __call__(self, claim: Claim) -> str | None:
        """Why a message must not be written after all, as a code; it is settled as held back. ``None`` if it may, or is no message."""
        if claim.type != TYPE:
            return None
        with self.opened().write() as connection:
            row = self._message(connection, claim)
            if row is None or row.state not in _UNDER_WAY:
                return "not-under-way"  # it was held back before, or nobody here knows of it
            why_not = hindrance(connection, row, now := self.clock())
            if why_not and not self.only_looks:
                settle(connection, CARRIER, row.id, HELD, why_not, now)
            return why_not.replace(" ", "-") or None

    def _message(self, connection: Connection, claim: Claim) -> Row[Any] | None:
        """The message of a claim, locked; ``None``: there is none."""
        theirs = select(MESSAGES.c.id).where(MESSAGES.c.patient == claim.patient, MESSAGES.c.channel == "portal")
        found = (id for id in connection.scalars(theirs).all() if key_of(self.tenant, claim.patient, id).id == claim.id)
        id = next(found, None)
        return locked(connection, id) if id is not None else None
