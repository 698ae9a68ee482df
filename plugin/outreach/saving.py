"""Views of the list under a name: whoever saved one sees it, and everybody of the role that they share it with."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, delete, func, or_, select

from plugin.access import Entry, Right, Role, Scope, record
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import Wish
from plugin.store.inserting import upsert
from plugin.store.tables.views import SAVED_VIEWS
from plugin.translations import marked
from rules.told import Told

SHARED_WITH: Final = {Role.CARE_MANAGER: marked("all care managers"), Role.CLINICIAN: marked("all clinicians")}
"""With whom a view can be shared: the roles that work the list."""
_KEPT: Final = ("view", "rule", "language", "owner", "sort")
_LONGEST: Final = 64
_MOST: Final = 50
"""Views of one user."""


@dataclass(frozen=True, slots=True)
class Saved:
    """A view with its name."""

    id: str
    name: str
    wish: Mapping[str, str]
    """The arguments of its address."""
    own: bool
    """Whoever looks saved it themselves."""
    shared: bool


def saved(connection: Connection, scope: Scope) -> list[Saved]:
    """Those of whoever asks, and those shared with their role, by name. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    table = SAVED_VIEWS.c
    query = select(SAVED_VIEWS).where(or_(table.user == scope.user, table.role == str(scope.role)))
    rows = connection.execute(query.order_by(func.lower(table.name), table.id))
    return [Saved(row.id, row.name, row.wish, row.user == scope.user, row.role is not None) for row in rows]


def save(connection: Connection, scope: Scope, name: str, wish: Wish, role: str | None, at: datetime) -> str:
    """Keep the filters of ``wish`` under a name; its id. An own view of that name is replaced. ``role``: share it with all who have that.

    Raises:
        NotNow: it has no name, there are too many, or it cannot be shared so.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    name = " ".join(name.split())
    if not 0 < len(name) <= _LONGEST:
        raise NotNow(Told("a view has a name of at most %(most)s characters", most=_LONGEST))
    if role is not None and role not in SHARED_WITH:
        raise NotNow(Told("a view is shared with a role that works the list"))
    table = SAVED_VIEWS.c
    others = select(func.count()).where(table.user == scope.user, table.name != name)
    if (connection.scalar(others) or 0) >= _MOST:
        raise NotNow(Told("there are %(most)s views already: forget one first", most=_MOST))
    filters = {each: getattr(wish, each) for each in _KEPT if getattr(wish, each) != getattr(Wish(), each)}
    kept = {"wish": filters, "role": role, "saved": at}
    statement = upsert(connection, SAVED_VIEWS).values({"id": str(uuid.uuid4()), "user": scope.user, "name": name, **kept})
    id = connection.scalars(statement.on_conflict_do_update(index_elements=["user", "name"], set_=kept).returning(table.id)).one()
    record(connection, scope, Entry("view.save", "view", detail={"role": role, **filters}), at)
    return str(id)


def forget(connection: Connection, scope: Scope, id: str, at: datetime) -> bool:
    """Whether there was such a view of whoever asks. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    gone = connection.execute(delete(SAVED_VIEWS).where(SAVED_VIEWS.c.id == id, SAVED_VIEWS.c.user == scope.user)).rowcount
    if gone:
        record(connection, scope, Entry("view.forget", f"view/{id}"), at)
    return bool(gone)
