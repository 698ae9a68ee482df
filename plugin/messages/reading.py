"""Looking at messages: those of a person, and all that are under way, without names."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select

from plugin.access import Right, Scope
from plugin.messages.sending import FAILED, GOING, HANDED, HELD, UNKNOWN, WAITS
from plugin.store.tables.messages import MESSAGES

STATES: Final = {
    WAITS: "waits to be sent",
    GOING: "is being sent",
    HANDED: "handed over",
    HELD: "held back",
    FAILED: "not delivered",
    UNKNOWN: "not known whether it was sent",
}
"""Each state that somebody may want to look at, in words."""


def of_person(connection: Connection, scope: Scope, patient: str) -> dict[str, Row[Any]]:
    """Attempt → the message that it was. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    return {row.id: row for row in connection.execute(select(MESSAGES).where(MESSAGES.c.patient == patient))}


def listed(connection: Connection, scope: Scope, states: Sequence[str], most: int) -> Sequence[Row[Any]]:
    """Messages in one of ``states``, the oldest first: no words, no names, no addresses. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    names = ("id", "channel", "gateway", "state", "reason", "tries", "created", "due")
    query = select(*(MESSAGES.c[name] for name in names)).where(MESSAGES.c.state.in_(states))
    return connection.execute(query.order_by(MESSAGES.c.created, MESSAGES.c.id).limit(most)).all()


def counted(connection: Connection, scope: Scope) -> Counter[str]:
    """State → how many. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    rows = connection.execute(select(MESSAGES.c.state, func.count()).group_by(MESSAGES.c.state))
    return Counter(dict(tuple(row) for row in rows))
