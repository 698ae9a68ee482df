"""Asking an EHR's server what became of Tasks: no more often than the guide allows, no less often than it demands."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

from sqlalchemy import ColumnElement, Row, select

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.referral_states import OPEN
from fhir_adapters.search import Query, find
from fhir_adapters.transport import FhirServer
from plugin.referrals.apart import FAILED, apart
from plugin.referrals.taking import NOT_OURS, is_ours, take_in, updated
from plugin.store import Store
from plugin.store.inserting import upsert
from plugin.store.tables.referrals import POLLS, REFERRALS

NOT_MORE_OFTEN: Final = timedelta(minutes=15)
"""Systems SHOULD NOT query more often (task-12)."""
HOURLY: Final = timedelta(hours=1)
"""They SHOULD query at least hourly in working hours (task-11)."""
_MARGIN: Final = timedelta(minutes=5)
"""So much later than it was made a version may come to be seen."""
_GONE: Final = frozenset({404, 410})
_FRIDAY: Final = 4


@dataclass(slots=True)
class Polled:
    """What came of it."""

    asked: bool
    """Not if it was asked less than a quarter of an hour ago."""
    tasks: Counter[str] = field(default_factory=Counter)
    """What came of taking them in → how many."""
    gone: list[str] = field(default_factory=list)
    """Places of Tasks that are no longer there."""


def poll(store: Store, server: FhirServer, tenant: str, at: datetime, *, whole: bool = False) -> Polled:
    """Take in what changed since the last time; ``whole``, or where the server cannot search by that: every Task of an open referral.

    Whoever is stopped in the midst of it asks for the same again the next time, and so does whoever meets a Task that cannot be taken in
    (`FAILED`). Raises `EhrUnavailable`.
    """
    last = _last(store, tenant)
    if last is not None and at - last.at < NOT_MORE_OFTEN:
        return Polled(asked=False)
    found = Polled(asked=True)
    since = last.since if last is not None else None
    seen: list[datetime | None] = []
    failed: list[datetime | None] = []
    for task in _changed(store, server, tenant, None if whole else since, found):
        what = _take(store, tenant, task, at)
        found.tasks[what] += 1
        (failed if what == FAILED else seen).append(updated(task))
    _note(store, tenant, at, _until(since, seen, failed, at))
    return found


def _take(store: Store, tenant: str, task: Json, at: datetime) -> str:
    """What came of one Task."""
    return apart(tenant, lambda: _taken(store, tenant, task, at))


def _taken(store: Store, tenant: str, task: Json, at: datetime) -> str:
    """Of those of others, which may be most of them, nothing is written."""
    with store.read() as connection:
        if not is_ours(connection, tenant, task):
            return NOT_OURS
    with store.write() as connection:
        return take_in(connection, tenant, task, at)


def _until(since: datetime | None, seen: Iterable[datetime | None], failed: Iterable[datetime | None], at: datetime) -> datetime | None:
    """Up to when nothing need be asked for again: not beyond what failed, nor beyond now, whatever a server says about the future."""
    latest = max(filter(None, (since, *seen)), default=None)
    again = [moment or since for moment in failed]
    if latest is None or None in again:
        return None
    return min(latest, at + _MARGIN, *filter(None, again))


def heard(store: Store, server: FhirServer, tenant: str, place: str, at: datetime) -> str | None:
    """A subscription told of a Task: take in what it says now; ``None``: it is gone. Raises `EhrUnavailable`.

    One that cannot be taken in (`FAILED`) keeps no other waiting: the next poll asks for it again.
    """
    task = _read(server, place)
    return None if task is None else _take(store, tenant, task, at)


def overdue(store: Store, tenant: str, at: datetime) -> bool:
    """Whether the server was not asked for longer than a business day, which the guide does not allow (task-11)."""
    last = _last(store, tenant)
    return last is not None and at > _next_business_day(last.at)


def _next_business_day(moment: datetime) -> datetime:
    """The same time of the next day from Monday to Friday."""
    day = moment + timedelta(days=1)
    while day.weekday() > _FRIDAY:
        day += timedelta(days=1)
    return day


def _changed(store: Store, server: FhirServer, tenant: str, since: datetime | None, found: Polled) -> Iterator[Json]:
    """Since a moment of the server's own clock by one search; without one, or if it cannot be trusted, each Task by itself.

    After the search, those that were never seen: a card's may have been taken over when its Task had long been there.
    """
    if since is not None:
        moment = (since - _MARGIN).astimezone(UTC)
        query = Query("Task", (("_lastUpdated", f"gt{moment:%Y-%m-%dT%H:%M:%SZ}"),))
        try:
            yield from find(server, query, lambda task: isinstance(task.get("id"), str))
        except EhrUnavailable as error:
            if error.status not in (None, 400, 403, 404, 405, 501):
                raise
        else:
            yield from _each(server, tenant, _places(store, tenant, REFERRALS.c.seen.is_(None), REFERRALS.c.state.in_(OPEN)), found)
            return
    table = REFERRALS.c
    wanted = table.state.in_(OPEN) | table.there.is_(None) | (table.there != table.state)
    yield from _each(server, tenant, _places(store, tenant, wanted), found)


def _each(server: FhirServer, tenant: str, places: Iterable[str], found: Polled) -> Iterator[Json]:
    for place in places:
        task = apart(tenant, partial(_read, server, place))
        if task is None:
            found.gone.append(place)
        elif isinstance(task, str):
            found.tasks[task] += 1
        else:
            yield task


def _read(server: FhirServer, place: str) -> Json | None:
    try:
        return server.get(place)
    except EhrUnavailable as error:
        if error.status in _GONE:
            return None
        raise


def _places(store: Store, tenant: str, *conditions: ColumnElement[bool]) -> list[str]:
    """Where Tasks of ours stand."""
    table = REFERRALS.c
    query = select(table.task_place).where(table.tenant == tenant, table.task_place.is_not(None), *conditions)
    with store.read() as connection:
        return list(connection.scalars(query.order_by(table.id)))


def _last(store: Store, tenant: str) -> Row[tuple[object, ...]] | None:
    with store.read() as connection:
        return connection.execute(select(POLLS).where(POLLS.c.tenant == tenant)).one_or_none()


def _note(store: Store, tenant: str, at: datetime, since: datetime | None) -> None:
    with store.write() as connection:
        told = {"at": at, "since": since}
        statement = upsert(connection, POLLS).values({"tenant": tenant} | told)
        connection.execute(statement.on_conflict_do_update(index_elements=["tenant"], set_=told))
