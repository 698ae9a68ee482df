"""Looking at episodes: a page of the list, and one of them whole. Whoever asks says who they are."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, func, select

from plugin.access import Entry, Right, Scope, record
from plugin.findings.index import folded
from plugin.outreach.deciding import Held
from plugin.outreach.restricting import forbids, in_force
from plugin.outreach.words import CHANNELS, SHARED
from plugin.store.tables.outreach import ATTEMPTS, EPISODES, PEOPLE, REASONS
from plugin.store.walking import Place, Stretch, stretch
from plugin.translations import marked

PAGE: Final = 50
MOST: Final = 10_000
"""So many are counted and shown; whoever has more narrows the list."""
VIEWS: Final = {
    "ready": marked("To do"),
    "mine": marked("Mine"),
    "free": marked("Nobody's"),
    "overdue": marked("Overdue"),
    "later": marked("Later"),
    "closed": marked("Closed"),
}
"""Each view of the list, and its name. Later: put off, or tried not long ago."""
_AT_ONCE: Final = 500
SORTS: Final = {"priority": marked("Priority"), "due": marked("Due"), "name": marked("Name")}
NOT_NAMED: Final = marked("not named on a shared list")


class NoSuchEpisode(Exception):
    """There is none of that id that whoever asked may see."""


@dataclass(frozen=True, slots=True)
class Wish:
    """Which episodes. What is empty lets everybody pass."""

    view: str = "ready"
    rule: str = ""
    language: str = ""
    owner: str = ""
    text: str = ""
    """Words of a name or an id."""
    sort: str = "priority"
    page: int = 1


@dataclass(frozen=True, slots=True)
class Why:
    """A reason as it may be shown to whoever asked."""

    rule: str
    title: str
    level: str
    priority: int
    status: str
    since: datetime
    evidence: Sequence[Mapping[str, Any]]
    ended: datetime | None
    ending: str | None


@dataclass(frozen=True, slots=True)
class Episode:
    """An episode and its person."""

    row: Row[Any]
    """Every column of the episode, and of its person."""
    why: tuple[Why, ...]
    """The most urgent first; those that ended last."""
    held: tuple[Held, ...] = ()
    """What stands against reaching them, on the day that was asked for."""

    @property
    def barred(self) -> tuple[str, ...]:
        """The channels that are not to be used."""
        return tuple(channel for channel in CHANNELS if forbids(self.held, channel, SHARED))

    @property
    def id(self) -> str:
        """Of the episode."""
        return str(self.row.id)


@dataclass(frozen=True, slots=True)
class Whole:
    """An episode with everything that was tried."""

    episode: Episode
    attempts: tuple[Row[Any], ...]
    """The last one first."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the list."""

    episodes: tuple[Episode, ...]
    total: int
    number: int

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.total // PAGE))

    @property
    def more(self) -> bool:
        """Whether there are more than were counted."""
        return self.total == MOST


_COLUMNS: Final = (*EPISODES.c, *(column for column in PEOPLE.c if column.name not in ("patient", "sweep", "language")))


def listed(connection: Connection, scope: Scope, wish: Wish, today: date) -> Page:
    """A page of the episodes that ``wish`` names; the last one if it asks for a later one.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    found = _wanted(select(EPISODES.c.id), scope, wish, today)
    total = connection.execute(select(func.count()).select_from(found.limit(MOST).subquery())).scalar_one()
    number = min(wish.page, max(1, -(-total // PAGE)))
    if total == MOST:
        found = _wanted(select(EPISODES.c.id), scope, wish, today, in_order=True)
    ids = connection.scalars(found.order_by(*_order(wish)).limit(PAGE).offset((number - 1) * PAGE)).all()
    return Page(tuple(_loaded(connection, scope, ids, today)), total, number)


def walked(connection: Connection, scope: Scope, wish: Wish, today: date, after: Place | None) -> tuple[tuple[Episode, ...], Stretch]:
    """A step of somebody who reads all that ``wish`` names; see `plugin.store.walking`. Raises as `listed`."""
    scope.require(Right.SEE_PEOPLE)
    found = _wanted(select(EPISODES.c.id, EPISODES.c.opened), scope, wish, today)
    step = stretch(connection, found, EPISODES.c.opened, after, PAGE, counted=MOST)
    return tuple(_loaded(connection, scope, [row.id for row in step.rows], today)), step


def everybody(connection: Connection, scope: Scope, wish: Wish, today: date) -> Iterator[Episode]:
    """All that ``wish`` names, in its order. Raises as `listed`."""
    scope.require(Right.SEE_PEOPLE)
    found = _wanted(select(EPISODES.c.id), scope, wish, today)
    ids = connection.scalars(found.order_by(*_order(wish))).all()
    for start in range(0, len(ids), _AT_ONCE):
        yield from _loaded(connection, scope, ids[start : start + _AT_ONCE], today)


def whole(connection: Connection, scope: Scope, id: str, at: datetime) -> Whole:
    """One episode; that it was looked at is recorded.

    Raises:
        NoSuchEpisode: or none that may be seen.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    row = connection.execute(select(*_COLUMNS).join_from(EPISODES, PEOPLE).where(EPISODES.c.id == id)).one_or_none()
    if row is None:
        raise NoSuchEpisode(id)
    attempts = connection.execute(select(ATTEMPTS).where(ATTEMPTS.c.patient == row.patient).order_by(ATTEMPTS.c.at.desc(), ATTEMPTS.c.id))
    held = in_force(connection, [row.patient], at.date()).get(row.patient, [])
    record(connection, scope, Entry("episode.see", f"episode/{id}", row.patient), at)
    return Whole(Episode(row, tuple(_why(connection, scope, [id])[id]), tuple(held)), tuple(attempts))


def _loaded(connection: Connection, scope: Scope, ids: Sequence[str], today: date) -> Iterator[Episode]:
    """The episodes of these ids, in their order."""
    rows = {row.id: row for row in connection.execute(select(*_COLUMNS).join_from(EPISODES, PEOPLE).where(EPISODES.c.id.in_(ids)))}
    why = _why(connection, scope, ids)
    held = in_force(connection, [row.patient for row in rows.values()], today)
    for id in ids:
        yield Episode(rows[id], tuple(why[id]), tuple(held.get(rows[id].patient, ())))


def _wanted(query: Select[Any], scope: Scope, wish: Wish, today: date, *, in_order: bool = False) -> Select[Any]:
    """``in_order``: so many are meant that the first ones are sooner found in their order than by sorting all that are ready."""
    episode, day = EPISODES.c, today.isoformat()
    ready_on = func.coalesce(episode.ready_on, "") if in_order else episode.ready_on  # not by its index
    views: dict[str, tuple[Any, ...]] = {
        "ready": (ready_on <= day,),
        "mine": (episode.owner == scope.user,),
        "free": (ready_on <= day, episode.owner.is_(None)),
        "overdue": (episode.due < day,),
        "later": (episode.ready_on > day,),
        "closed": (),
    }
    query = query.where(episode.state == ("closed" if wish.view == "closed" else "open"), *views[wish.view])
    if wish.rule:
        query = query.where(episode.rules.contains(f" {wish.rule} ", autoescape=True))
    if wish.language:
        query = query.where(episode.language == wish.language)
    if wish.owner:
        query = query.where(episode.owner == wish.owner)
    for word in folded(wish.text).split():
        query = query.where(episode.folded.contains(word, autoescape=True))
    return query


def _order(wish: Wish) -> tuple[Any, ...]:
    episode = EPISODES.c
    if wish.view == "closed":
        return (episode.closed.desc(), episode.id)
    orders: dict[str, tuple[Any, ...]] = {
        "priority": (episode.rank,),
        "due": (episode.due, episode.rank),
        "name": (episode.folded, episode.id),
    }
    return orders[wish.sort]


def _why(connection: Connection, scope: Scope, episodes: Sequence[str]) -> dict[str, list[Why]]:
    names = ("rule", "title", "level", "priority", "status", "since", "evidence", "ended", "ending")
    table = REASONS.c
    query = select(table.episode, table.restricted, *(table[name] for name in names)).where(table.episode.in_(episodes))
    found: dict[str, list[Why]] = defaultdict(list)
    for episode, restricted, *values in connection.execute(query.order_by(table.ended.is_not(None), table.priority.desc(), table.rule)):
        why = Why(**dict(zip(names, values, strict=True)))
        if restricted and not scope.may(Right.SEE_RESTRICTED):
            why = Why("", NOT_NAMED, "", 0, why.status, why.since, (), why.ended, why.ending)
        found[episode].append(why)
    return found
