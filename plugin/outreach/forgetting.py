"""Forgetting episodes that were closed long ago. What people do not want is never forgotten with them."""

from datetime import datetime

from sqlalchemy import Connection, delete, exists, select

from plugin.access import Entry, Role, Scope, record
from plugin.store.tables.outreach import EPISODES, PEOPLE

_PURGE = Scope("purge", Role.SYSTEM)


def forget(connection: Connection, before: datetime, at: datetime) -> int:
    """Delete the episodes that were closed before a moment, with their reasons and attempts, and people who have none left; how many."""
    over = (EPISODES.c.state == "closed", EPISODES.c.closed < before)
    number = connection.execute(delete(EPISODES).where(*over)).rowcount
    if number:
        connection.execute(delete(PEOPLE).where(~exists(select(EPISODES.c.id).where(EPISODES.c.patient == PEOPLE.c.patient))))
        record(connection, _PURGE, Entry("episode.forget", "episode", detail={"episodes": number, "before": before.isoformat()}), at)
    return number
