"""What agencies said about their services, kept in versions. Only an agency speaks of its own; staff may have the last word."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update

from fhir_adapters.directory import Directory, Entry, Service
from plugin.access import Entry as Record
from plugin.access import Right, Role, Scope, record
from plugin.listings.saying import Details, Room
from plugin.outreach.acting import NotNow
from plugin.store.inserting import insert_one
from plugin.store.tables.agency import STATEMENTS

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
    def number(self) -> int:
        """Of the last statement: whoever says something more says which one they saw."""
        return max((row.number for row in self.rows), default=0)

    @property
    def proposed(self) -> Details | None:
        """What waits for staff to look at it."""
        last = next((row for row in self.rows if row.kind == DETAILS), None)
        return Details.of_json(last.said) if last is not None and last.state == PROPOSED else None

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
    return min(listing.key for listing in entry.listings)


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
    key = grip.listing
    entry = _own(directory, scope, key)
    kind = ROOM if isinstance(what, Room) else DETAILS
    _check(what, at)
    number = connection.scalar(select(func.max(STATEMENTS.c.number)).where(STATEMENTS.c.listing == key)) or 0
    row = {"listing": key, "number": number + 1, "kind": kind, "agency": scope.agency, "said": what.to_json(), "at": at, "user": scope.user}
    waits = review and isinstance(what, Details) and bool(what.changes(laid_over(connection, _only(entry, directory)).entries[0].service))
    row |= {"state": PROPOSED if waits else STATED, "reviewed": None, "reviewer": None}
    if number != grip.number or not insert_one(connection, STATEMENTS, row):
        raise NotNow("somebody changed it meanwhile; look at it again")
    detail = {"number": number + 1, "state": row["state"]} | (what.to_json() if isinstance(what, Room) else {})
    record(connection, scope, Record(f"listing.{kind}", f"listing/{key}"[:200], detail=detail), at)
    return number + 1


def review(connection: Connection, scope: Scope, grip: Grip, accepted: bool, at: datetime) -> None:
    """Staff have looked at what an agency wants to change.

    Raises:
        NotNow: somebody did already, or the agency changed it meanwhile.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    table, key = STATEMENTS.c, grip.listing
    last = select(func.max(table.number)).where(table.listing == key, table.kind == DETAILS).scalar_subquery()
    waiting = (table.listing == key, table.number == grip.number, table.state == PROPOSED, table.number == last)
    state = STATED if accepted else REFUSED
    if not connection.execute(update(STATEMENTS).where(*waiting).values(state=state, reviewed=at, reviewer=scope.user)).rowcount:
        raise NotNow("somebody has looked at it already, or the agency changed it meanwhile")
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
    rows = _rows(connection, None)
    if not rows:
        return directory
    return replace(directory, entries=tuple(_laid(entry, rows) for entry in directory.entries))


def _check(what: Room | Details, at: datetime) -> None:
    if isinstance(what, Room):
        what.check(at.date())
    else:
        what.check()


def _own(directory: Directory, scope: Scope, key: str) -> Entry:
    scope.require(Right.ANSWER_REFERRALS)
    found = next((entry for entry in directory.entries if key_of(entry) == key and _is_of(entry, scope)), None)
    if found is None:
        raise NoSuchService(key)
    return found


def _is_of(entry: Entry, scope: Scope) -> bool:
    return scope.agency in {listing.agency for listing in entry.listings}


def _only(entry: Entry, directory: Directory) -> Directory:
    return replace(directory, entries=(entry,))


def _rows(connection: Connection, keys: Collection[str] | None) -> dict[str, list[Row[Any]]]:
    """Key → its statements, the last first; of all, if no ``keys`` are named."""
    query = select(STATEMENTS).order_by(STATEMENTS.c.listing, STATEMENTS.c.number.desc())
    found: defaultdict[str, list[Row[Any]]] = defaultdict(list)
    for row in connection.execute(query if keys is None else query.where(STATEMENTS.c.listing.in_(keys))):
        found[row.listing].append(row)
    return dict(found)


def _of(entry: Entry, rows: dict[str, list[Row[Any]]]) -> Sequence[Row[Any]]:
    """Also what was said when the service had another listing before it."""
    return sorted(
        (row for listing in entry.listings for row in rows.get(listing.key, ())), key=lambda row: (row.at, row.number), reverse=True
    )


def _laid(entry: Entry, rows: dict[str, list[Row[Any]]]) -> Entry:
    said = _of(entry, rows)
    listings: Iterable[Service] = entry.listings
    for kind, read in ((DETAILS, Details.of_json), (ROOM, Room.of_json)):
        last = next((row for row in said if row.kind == kind and row.state == STATED), None)
        if last is not None:
            what = read(last.said)
            listings = [what.over(each, last.at.date()) for each in listings]
    return Entry(tuple(listings))
