"""Looking at episodes: a page of the list, and one of them whole. Whoever asks says who they are."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, and_, exists, func, or_, select

from plugin.access import Entry, Right, Scope, record
from plugin.outreach.deciding import Held
from plugin.outreach.restricting import in_force
from plugin.store.tables.outreach import ATTEMPTS, EPISODES, PEOPLE, REASONS
from plugin.worklist.index import folded

PAGE: Final = 50
VIEWS: Final = {
    "ready": "To do",
    "mine": "Mine",
    "free": "Nobody's",
    "overdue": "Overdue",
    "later": "Later",
    "closed": "Closed",
}
"""Each view of the list, and its name. Later: put off, or tried not long ago."""
SORTS: Final = {"priority": "Priority", "due": "Due", "name": "Name"}
NOT_NAMED: Final = "not named on a shared list"


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

    @property
    def id(self) -> str:
        """Of the episode."""
        return str(self.row.id)


@dataclass(frozen=True, slots=True)
class Whole:
    """An episode with everything that was tried, and everything that stands against trying more."""

    episode: Episode
    attempts: tuple[Row[Any], ...]
    """The last one first."""
    held: tuple[Held, ...]


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


_COLUMNS: Final = (*EPISODES.c, *(column for column in PEOPLE.c if column.name not in ("patient", "sweep")))


def listed(connection: Connection, scope: Scope, wish: Wish, today: date) -> Page:
    """A page of the episodes that ``wish`` names; the last one if it asks for a later one.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    found = _wanted(select(EPISODES.c.id).join(PEOPLE, PEOPLE.c.patient == EPISODES.c.patient), scope, wish, today)
    total = connection.execute(select(func.count()).select_from(found.subquery())).scalar_one()
    number = min(wish.page, max(1, -(-total // PAGE)))
    query = _wanted(select(*_COLUMNS).join_from(EPISODES, PEOPLE), scope, wish, today)
    rows = connection.execute(query.order_by(*_order(wish)).limit(PAGE).offset((number - 1) * PAGE)).all()
    why = _why(connection, scope, [row.id for row in rows])
    return Page(tuple(Episode(row, tuple(why[row.id])) for row in rows), total, number)


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
    return Whole(Episode(row, tuple(_why(connection, scope, [id])[id])), tuple(attempts), tuple(held))


def _wanted(query: Select[Any], scope: Scope, wish: Wish, today: date) -> Select[Any]:
    episode = EPISODES.c
    waits = or_(episode.snoozed_until > today.isoformat(), episode.not_before > today.isoformat())
    ready = and_(or_(episode.snoozed_until.is_(None), episode.snoozed_until <= today.isoformat()), _may_now(today))
    views = {
        "ready": (ready,),
        "mine": (episode.owner == scope.user,),
        "free": (ready, episode.owner.is_(None)),
        "overdue": (episode.due < today.isoformat(),),
        "later": (waits,),
        "closed": (),
    }
    query = query.where(episode.state == ("closed" if wish.view == "closed" else "open"), *views[wish.view])
    if wish.rule:
        query = query.where(exists().where(REASONS.c.episode == episode.id, REASONS.c.rule == wish.rule, *_may_see(scope)))
    if wish.language:
        query = query.where(PEOPLE.c.language == wish.language)
    if wish.owner:
        query = query.where(episode.owner == wish.owner)
    for word in folded(wish.text).split():
        query = query.where(PEOPLE.c.folded.contains(word, autoescape=True))
    return query


def _may_now(today: date) -> Any:
    return or_(EPISODES.c.not_before.is_(None), EPISODES.c.not_before <= today.isoformat())


def _may_see(scope: Scope) -> tuple[Any, ...]:
    return () if scope.may(Right.SEE_RESTRICTED) else (REASONS.c.restricted.is_(False),)


def _order(wish: Wish) -> tuple[Any, ...]:
    episode = EPISODES.c
    if wish.view == "closed":
        return (episode.closed.desc(), episode.id)
    orders: dict[str, tuple[Any, ...]] = {
        "priority": (episode.priority.desc(), episode.id),
        "due": (episode.due, episode.priority.desc(), episode.id),
        "name": (PEOPLE.c.folded, episode.id),
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
