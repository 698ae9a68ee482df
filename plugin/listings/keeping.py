"""What agencies said about their services, kept in versions. Only an agency speaks of its own; staff may have the last word."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, Select, delete, exists, func, or_, select, update

from fhir_adapters.directory import Directory, Entry, Service
from plugin.access import Entry as Record
from plugin.access import Right, Role, Scope, record
from plugin.listings.saying import Details, Room
from plugin.outreach.acting import NotNow
from plugin.store.inserting import insert_one
from plugin.store.tables.agency import STATEMENTS
from plugin.translations import marked

_PURGE: Final = Scope("purge", Role.SYSTEM)
ROOM, DETAILS = "room", "details"
STATED, PROPOSED, REFUSED = "stated", "proposed", "refused"


class NoSuchService(Exception):
    """There is none of that key that whoever asked may speak of."""


@dataclass(frozen=True, slots=True)
class Said:
    """Everything that was said about one service, the last first."""

    entry: Entry
    """With what is in force."""
    before: Entry
    """As the sources have it."""
    rows: tuple[Row[Any], ...]

    @property
    def key(self) -> str:
        """Under which its statements are kept."""
        return key_of(self.before)

    @property
    def keys(self) -> frozenset[str]:
        """Under which its statements may be kept: sources may have come and gone since."""
        return _keys(self.before)

    @property
    def number(self) -> int:
        """Of the last statement: whoever says something more says which one they saw."""
        return max((row.number for row in self.rows), default=0)

    @property
    def waiting(self) -> Row[Any] | None:
        """The statement that waits for staff to look at it."""
        last = next((row for row in self.rows if row.kind == DETAILS), None)
        return last if last is not None and last.state == PROPOSED else None

    @property
    def proposed(self) -> Details | None:
        """What it says."""
        return Details.of_json(self.waiting.said) if self.waiting is not None else None

    @property
    def now(self) -> Details:
        """What is in force."""
        return Details.of(self.entry.service)

    @property
    def room(self) -> Row[Any] | None:
        """The last word about places."""
        return next((row for row in self.rows if row.kind == ROOM), None)


@dataclass(frozen=True, slots=True)
class Grip:
    """A service as somebody saw it, when they decided to say something about it."""

    listing: str
    number: int


def key_of(entry: Entry) -> str:
    """One name for a service of several listings, whichever was confirmed last."""
    return min(_keys(entry))


def _keys(entry: Entry) -> frozenset[str]:
    return frozenset(listing.key for listing in entry.listings)


def say(
    connection: Connection, scope: Scope, directory: Directory, grip: Grip, what: Room | Details, at: datetime, *, review: bool = False
) -> int:
    """Keep what an agency says about one of its services; its number. ``review``: details hold only when staff have looked at them.

    Raises:
        NoSuchService: it is not theirs.
        NotNow: somebody else of theirs said something meanwhile.
        NotSaid: it cannot be kept.
        Forbidden: see `plugin.access.scope`.
    """
    entry = _own(directory, scope, grip.listing)
    key, kind = key_of(entry), ROOM if isinstance(what, Room) else DETAILS
    now = _laid(entry, _rows(connection, _keys(entry))).service
    _check(what, now, at)
    number = connection.scalar(select(func.max(STATEMENTS.c.number)).where(STATEMENTS.c.listing.in_(_keys(entry)))) or 0
    row = {"listing": key, "number": number + 1, "kind": kind, "agency": scope.agency, "said": what.to_json(), "at": at, "user": scope.user}
    waits = review and isinstance(what, Details) and bool(what.changes(now))
    row |= {"state": PROPOSED if waits else STATED, "reviewed": None, "reviewer": None}
    if number != grip.number or not insert_one(connection, STATEMENTS, row):
        raise NotNow(marked("somebody changed it meanwhile; look at it again"))
    detail = {"number": number + 1, "state": row["state"]} | (what.to_json() if isinstance(what, Room) else {})
    record(connection, scope, Record(f"listing.{kind}", f"listing/{key}"[:200], detail=detail), at)
    return number + 1


def review(connection: Connection, scope: Scope, directory: Directory | None, grip: Grip, accepted: bool, at: datetime) -> None:
    """Staff have looked at what an agency wants to change. ``grip``: the statement, by the key and the number under which it is kept.

    Raises:
        NotNow: somebody did already, or the agency changed it meanwhile.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    table, key = STATEMENTS.c, grip.listing
    entry = next((each for each in (directory.entries if directory else ()) if key in _keys(each)), None)
    said = _of(entry, _rows(connection, _keys(entry))) if entry is not None else ()
    last = next((row for row in said if row.kind == DETAILS), None)
    if last is None or (last.listing, last.number) != (key, grip.number):
        raise NotNow(marked("the agency changed it meanwhile, or it is not there any more"))
    waiting = (table.listing == key, table.number == last.number, table.state == PROPOSED)
    state = STATED if accepted else REFUSED
    if not connection.execute(update(STATEMENTS).where(*waiting).values(state=state, reviewed=at, reviewer=scope.user)).rowcount:
        raise NotNow(marked("somebody has looked at it already"))
    record(connection, scope, Record("listing.review", f"listing/{key}"[:200], detail={"number": grip.number, "state": state}), at)


def services(connection: Connection, scope: Scope, directory: Directory | None) -> list[Said]:
    """Every service that whoever asks may see: an agency its own; staff all, since nobody is named in them.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    if scope.role is Role.AGENCY:
        scope.require(Right.ANSWER_REFERRALS)
    else:
        scope.require(Right.REFER)
    mine = [each for each in (directory.entries if directory else ()) if scope.role is not Role.AGENCY or _is_of(each, scope)]
    rows = _rows(connection, [listing.key for entry in mine for listing in entry.listings])
    return [Said(_laid(entry, rows), entry, tuple(_of(entry, rows))) for entry in mine]


def laid_over(connection: Connection, directory: Directory) -> Directory:
    """The directory with what agencies said about their services. Their word goes before that of any source."""
    rows = _in_force(connection)
    if not rows:
        return directory
    return replace(directory, entries=tuple(_laid(entry, rows) for entry in directory.entries))


def forget(connection: Connection, before: datetime, at: datetime) -> int:
    """Delete what a later word of the same kind took the place of, if it did so before a moment; how many. The last word stays."""
    old, new = STATEMENTS.c, STATEMENTS.alias("new")
    same = (new.c.listing == old.listing, new.c.kind == old.kind, new.c.number > old.number)
    over = (func.coalesce(new.c.reviewed, new.c.at) < before, or_(old.state != STATED, new.c.state == STATED))
    number = connection.execute(delete(STATEMENTS).where(exists().where(*same, *over))).rowcount
    if number:
        record(connection, _PURGE, Record("listing.forget", "listing", detail={"statements": number, "before": before.isoformat()}), at)
    return number


def _check(what: Room | Details, now: Service, at: datetime) -> None:
    if isinstance(what, Room):
        what.check(at.date())
    else:
        what.check(now)


def _own(directory: Directory, scope: Scope, key: str) -> Entry:
    scope.require(Right.ANSWER_REFERRALS)
    found = next((entry for entry in directory.entries if key in _keys(entry) and _is_of(entry, scope)), None)
    if found is None:
        raise NoSuchService(key)
    return found


def _is_of(entry: Entry, scope: Scope) -> bool:
    return scope.agency in {listing.agency for listing in entry.listings}


def _rows(connection: Connection, keys: Collection[str]) -> dict[str, list[Row[Any]]]:
    """Key → its statements, the last first."""
    return _by_key(connection, select(STATEMENTS).where(STATEMENTS.c.listing.in_(keys)))


def _in_force(connection: Connection) -> dict[str, list[Row[Any]]]:
    """Key → the last statement of each kind that holds."""
    table = STATEMENTS.c
    its = select(table.listing, func.max(table.number).label("number")).where(table.state == STATED)
    last = its.group_by(table.listing, table.kind).subquery()
    return _by_key(connection, select(STATEMENTS).join(last, (table.listing == last.c.listing) & (table.number == last.c.number)))


def _by_key(connection: Connection, query: Select[Any]) -> dict[str, list[Row[Any]]]:
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query.order_by(STATEMENTS.c.listing, STATEMENTS.c.number.desc())):
        found[row.listing].append(row)
    return dict(found)


def _of(entry: Entry, rows: dict[str, list[Row[Any]]]) -> Sequence[Row[Any]]:
    """Also what was said when the service had another listing before it."""
    return sorted(
        (row for listing in entry.listings for row in rows.get(listing.key, ())), key=lambda row: (row.at, row.number), reverse=True
    )


def _laid(entry: Entry, rows: dict[str, list[Row[Any]]]) -> Entry:
    said = _of(entry, rows)
    if not said:
        return entry
    listings: Iterable[Service] = entry.listings
    for kind, read in ((DETAILS, Details.of_json), (ROOM, Room.of_json)):
        last = next((row for row in said if row.kind == kind and row.state == STATED), None)
        if last is not None:
            what = read(last.said)
            listings = [what.over(each, last.at.date()) for each in listings]
    return Entry(tuple(listings))
