"""Lists that programs read to their end in steps, while others change what is in them.

They stand in an order that never changes: when a row was made, the newest first, then its id. Each step begins after the row with which the
one before it ended; so no row that stays in the list is left out or told twice, whatever else happens to it meanwhile.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Row, Select, and_, func, or_, select


@dataclass(frozen=True, slots=True)
class Place:
    """A row with which a step ended: when it was made, and its id."""

    at: datetime
    id: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A step."""

    rows: Sequence[Row[Any]]
    total: int
    """How many rows the whole list has now."""
    last: Place | None
    """With which it ended; ``None``: nothing comes after it."""


def stretch(
    connection: Connection, query: Select[Any], made: Column[datetime], after: Place | None, most: int, *, counted: int | None = None
) -> Stretch:
    """At most ``most`` rows of ``query``, which has the columns ``made`` and ``id`` of one table; no more than ``counted`` are counted."""
    id = made.table.c.id
    total = connection.execute(select(func.count()).select_from(query.limit(counted).subquery())).scalar_one()
    if after is not None:
        query = query.where(or_(made < after.at, and_(made == after.at, id > after.id)))
    rows = connection.execute(query.order_by(made.desc(), id).limit(most + 1)).all()
    told = rows[:most]
    last = Place(getattr(told[-1], made.name), told[-1].id) if len(rows) > most else None
    return Stretch(told, total, last)
