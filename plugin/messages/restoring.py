"""After a copy was put back: of what waited when it was made, nobody knows what went since."""

from datetime import datetime
from typing import Final

from sqlalchemy import Connection, select

from plugin.messages.carrying import CARRIER, locked
from plugin.messages.sending import GOING, UNKNOWN, WAITS, settle
from plugin.store.tables.messages import MESSAGES

_CANNOT_TELL: Final = ("smtp", "files")
"""Gateways that would send again what they sent before; the outbox of a chart knows each message by its key."""
RESTORED: Final = "restored"


def settle_restored(connection: Connection, at: datetime) -> int:
    """Settle as not known whatever was to be sent: somebody could get it twice. How many there were."""
    table = MESSAGES.c
    waiting = select(table.id).where(table.state.in_((WAITS, GOING)), table.gateway.in_(_CANNOT_TELL)).order_by(table.created, table.id)
    ids = connection.scalars(waiting).all()
    for id in ids:
        locked(connection, id)
        settle(connection, CARRIER, id, UNKNOWN, RESTORED, at)
    return len(ids)
