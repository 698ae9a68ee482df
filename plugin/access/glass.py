"""Breaking the glass: seeing for a while what one may otherwise not, for a reason that one gives; each use is recorded and reviewed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from plugin.access.audit import Entry, record
from plugin.access.scope import Forbidden, Right, Scope
from plugin.access.sessions import Session, key_of
from plugin.store.tables.access import ACCOUNTS, AUDIT, SESSIONS
from rules.told import Told

BROKEN: Final = "glass.break"
REVIEWED: Final = "glass.review"
SHORTEST: Final = 10
"""Characters of a reason."""
LONGEST: Final = 200
_SHOWN: Final = 200


class NoReason(Exception):
    """What was given is no reason."""


@dataclass(frozen=True, slots=True)
class Use:
    """Somebody broke the glass."""

    seq: int
    """Of the entry in the record."""
    at: datetime
    name: str
    """Of the account, or its id if it is gone."""
    role: str
    reason: str
    people: int
    """About whom they saw or did something with it."""
    reviewed: bool


def break_it(connection: Connection, session: Session, reason: str, lasts: timedelta, at: datetime) -> datetime:
    """Break it for this session; until when.

    Raises:
        Forbidden: they do not care for people.
        NoReason: say why, in some words.
    """
    reason = " ".join(filter(str.isprintable, reason.split()))[:LONGEST].strip()
    if not session.account.scope.may_break_the_glass:
        raise Forbidden(Told("only who cares for people may break the glass"))
    if len(reason) < SHORTEST:
        raise NoReason
    until = at + lasts
    connection.execute(update(SESSIONS).where(SESSIONS.c.id == key_of(session.secret)).values(glass=reason, glass_until=until))
    broken = Scope(session.account.id, session.account.role, session.account.agency, reason)
    record(connection, broken, Entry(BROKEN, f"account/{session.account.id}", detail={"until": until.isoformat()}), at)
    return until


def mend(connection: Connection, session: Session, at: datetime) -> None:
    """It is not needed any more."""
    scope = session.scope(at)
    if scope.glass is not None:
        connection.execute(update(SESSIONS).where(SESSIONS.c.id == key_of(session.secret)).values(glass=None, glass_until=None))
        record(connection, scope, Entry("glass.end", f"account/{session.account.id}"), at)


def uses(connection: Connection, scope: Scope) -> Sequence[Use]:
    """The last times that somebody broke it, the latest first. Raises `Forbidden`: see `plugin.access.scope`."""
    scope.require(Right.SEE_AUDIT)
    mine = AUDIT.c
    query = select(AUDIT, ACCOUNTS.c.name).outerjoin(ACCOUNTS, ACCOUNTS.c.id == mine.user).where(mine.action == BROKEN)
    rows = connection.execute(query.order_by(mine.seq.desc()).limit(_SHOWN)).all()
    reviewed = set(connection.scalars(select(mine.entity).where(mine.action == REVIEWED)))
    return [
        Use(row.seq, row.at, row.name or row.user, row.role, row.glass, _people(connection, row), f"audit/{row.seq}" in reviewed)
        for row in rows
    ]


def review(connection: Connection, scope: Scope, seq: int, at: datetime) -> bool:
    """Note that somebody looked at a use; whether there is such a one. Raises `Forbidden`: see `plugin.access.scope`."""
    scope.require(Right.SEE_AUDIT)
    if connection.scalar(select(AUDIT.c.seq).where(AUDIT.c.seq == seq, AUDIT.c.action == BROKEN)) is None:
        return False
    record(connection, scope, Entry(REVIEWED, f"audit/{seq}"), at)
    return True


def _people(connection: Connection, used: Row[Any]) -> int:
    """Whoever breaks it twice for one reason had one use that lasted longer."""
    mine = AUDIT.c
    until = datetime.fromisoformat(used.detail["until"])
    same = (mine.user == used.user, mine.glass == used.glass, mine.at >= used.at, mine.at < until)
    return connection.scalar(select(func.count(mine.patient.distinct())).where(*same)) or 0
