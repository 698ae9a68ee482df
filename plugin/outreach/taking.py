"""From a published sweep to episodes: one open episode for each person with something to act on. Taken twice, it changes nothing."""

import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar

import orjson
from sqlalchemy import Connection, Row, Table, func, select, update

from plugin.access import Entry, Role, Scope, record
from plugin.findings.index import folded, person_from
from plugin.outreach.acting import end_unreached, tried_since_asked
from plugin.outreach.cadence import Tried, next_step
from plugin.outreach.deciding import Decision, Past, Reason, Seen, Standing, decide
from plugin.outreach.restricting import in_force
from plugin.outreach.telephone import comparable
from plugin.store import Store, open_store
from plugin.store.inserting import upsert
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS, STILL_OPEN
from plugin.store.versions import ready
from plugin.sweep.evaluating import PEOPLE as EVERYBODY
from plugin.sweep.published import MANIFEST, WORKLIST, Published, WorklistPerson

_AT_ONCE: Final = 500
_LOWEST: Final = 100
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:almoner:outreach")
_SWEEP: Final = Scope("sweep", Role.SYSTEM)

Json = dict[str, Any]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Sweep:
    """The published sweep that is taken."""

    id: str
    rules: frozenset[str]
    today: date
    at: datetime


@dataclass(slots=True)
class _Writes:
    """What one transaction changes."""

    people: list[Json] = field(default_factory=list)
    episodes: list[Json] = field(default_factory=list)
    confirmed: list[str] = field(default_factory=list)
    """Ids of episodes of which nothing changed but the sweep."""
    reasons: list[Json] = field(default_factory=list)


def take_published(database: str, state: Path, today: date) -> Counter[str]:
    """Take the sweep that readers see on ``today``, as `take` does; nothing if there is none. ``database``: the URL of the store."""
    folder = Published(state).current
    if folder is None:
        return Counter()
    with closing(open_store(database)) as store:
        return take(ready(store), folder, today, clock=lambda: datetime.combine(today, datetime.now(UTC).timetz()))


def take(store: Store, folder: Path, today: date, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Counter[str]:
    """Open, confirm and close episodes as the published sweep in ``folder`` says; how many of each: opened, confirmed, closed, at rest.

    It goes on some hundred people at a time, each time whole: whoever is stopped in the midst of it takes the sweep again.
    """
    manifest = orjson.loads((folder / MANIFEST).read_bytes())
    sweep = _Sweep(folder.name, frozenset(manifest["findings_by_rule"]), today, clock())
    done: Counter[str] = Counter()
    with (folder / WORKLIST).open("rb") as lines:
        for people in _some(map(person_from, lines)):
            with store.write() as connection:
                done += _take(connection, sweep, {person.id: person for person in people})
    everybody: frozenset[str] = frozenset()
    while gone := _not_confirmed(store, sweep):
        everybody = everybody or _everybody(folder / EVERYBODY)
        for patients in _some(gone):
            with store.write() as connection:
                done += _take(connection, sweep, {patient: patient in everybody for patient in patients})
    done["closed"] += _close_unreached(store, sweep)
    return +done


def _close_unreached(store: Store, sweep: _Sweep) -> int:
    """Close what was tried in vain, down to a letter that was waited for; how many."""
    episode = EPISODES.c
    waited = (episode.state == "open", episode.attempts > 0, episode.not_before <= sweep.today.isoformat())
    with store.read() as connection:
        ids = connection.scalars(select(episode.id).where(*waited).order_by(episode.id)).all()
        over = [id for id in ids if (tried := tried_since_asked(connection, id)) and _is_over(tried, sweep.today)]
    for id in over:
        with store.write() as connection:
            row = connection.execute(select(EPISODES).where(episode.id == id, *waited).with_for_update()).one_or_none()
            if row is not None:
                end_unreached(connection, _SWEEP, row, sweep.at)
    return len(over)


def _is_over(tried: list[Tried], today: date) -> bool:
    step = next_step(tried, today)
    return step.close and step.not_before <= today


def _some(people: Iterable[_T]) -> Iterator[list[_T]]:
    each = iter(people)
    while found := list(islice(each, _AT_ONCE)):
        yield found


def _everybody(file: Path) -> frozenset[str]:
    with file.open("rb") as lines:
        return frozenset(map(orjson.loads, lines))


def _not_confirmed(store: Store, sweep: _Sweep) -> list[str]:
    """Whose open episode the sweep says nothing about any more."""
    query = select(EPISODES.c.patient).where(EPISODES.c.state == "open", EPISODES.c.sweep != sweep.id)
    with store.read() as connection:
        return list(connection.scalars(query.order_by(EPISODES.c.patient)))


def _take(connection: Connection, sweep: _Sweep, people: Mapping[str, WorklistPerson | bool]) -> Counter[str]:
    """``people``: whom the sweep lists; ``True``, who is part of it and has no findings; ``False``, who is no longer part of it."""
    open_episodes = _open(connection, people)
    reasons = _reasons(connection, [episode.id for episode in open_episodes.values()])
    past = _past(connection, [patient for patient in people if patient not in open_episodes])
    held = in_force(connection, list(people), sweep.today)
    done: Counter[str] = Counter()
    writes = _Writes()
    for patient, listed in people.items():
        episode = open_episodes.get(patient)
        standing = Standing(date.fromisoformat(episode.due), tuple(reasons[episode.id])) if episode else None
        decision = decide(_seen(listed), standing, past.get(patient), held.get(patient, ()), sweep.today, sweep.rules)
        if decision is None:
            done["at rest"] += 1
            continue
        if isinstance(listed, WorklistPerson):
            writes.people.append(_person_row(listed, sweep.id))
        done[_note(writes, sweep, patient, episode, decision, listed)] += 1
    _write(connection, sweep, writes)
    if done["opened"] or done["closed"]:
        record(connection, _SWEEP, Entry("sweep.take", f"sweep/{sweep.id}", detail=dict(done)), sweep.at)
    return done


def _seen(listed: WorklistPerson | bool) -> Seen:
    if isinstance(listed, bool):
        return Seen((), present=listed)
    return Seen(tuple(_reason(finding) for finding in listed.findings))


def _reason(finding: Mapping[str, Any]) -> Reason:
    named = {name: finding[name] for name in ("rule", "title", "level", "priority", "restricted", "status")}
    return Reason(**named, evidence=finding["reasons"])


def _open(connection: Connection, patients: Iterable[str]) -> dict[str, Row[Any]]:
    query = select(EPISODES).where(EPISODES.c.patient.in_(list(patients)), STILL_OPEN)
    return {row.patient: row for row in connection.execute(query.with_for_update())}


def _reasons(connection: Connection, episodes: Sequence[str]) -> dict[str, list[Reason]]:
    names = ("rule", "title", "level", "priority", "restricted", "status", "evidence", "ending")
    query = select(REASONS.c.episode, *(REASONS.c[name] for name in names)).where(REASONS.c.episode.in_(episodes))
    found: dict[str, list[Reason]] = defaultdict(list)
    for episode, *values in connection.execute(query.order_by(REASONS.c.rule)):
        found[episode].append(Reason(**dict(zip(names, values, strict=True))))
    return found


def _past(connection: Connection, patients: Sequence[str]) -> dict[str, Past]:
    """The last closed episode of each."""
    closed = EPISODES.c
    last = select(closed.patient, func.max(closed.closed).label("closed")).where(closed.patient.in_(patients), ~STILL_OPEN)
    latest = last.group_by(closed.patient).subquery()
    query = select(closed.id, closed.patient, closed.closed, closed.outcome).join(
        latest, (latest.c.patient == closed.patient) & (latest.c.closed == closed.closed)
    )
    rows = {row.id: row for row in connection.execute(query)}
    rules: dict[str, set[str]] = defaultdict(set)
    for why in connection.execute(select(REASONS).where(REASONS.c.episode.in_(list(rows)))):
        if rows[why.episode].outcome != "declined" or (why.status == "yes" and not why.restricted):  # nothing else was offered
            rules[why.episode].add(why.rule)
    return {row.patient: Past(row.closed.date(), row.outcome, frozenset(rules[row.id])) for row in rows.values()}


def _note(writes: _Writes, sweep: _Sweep, patient: str, episode: Row[Any] | None, decision: Decision, listed: WorklistPerson | bool) -> str:
    """Add what ``decision`` changes to ``writes``; in a word, what it was."""
    before = _new(sweep, patient) if episode is None else episode._asdict()
    row = before | _decided(before["id"], sweep, decision)
    if decision.wakes:
        row |= {"snoozed_until": None, "snoozed_why": None, "ready_on": row["not_before"] or ""}
    if isinstance(listed, WorklistPerson):
        row |= {"folded": f"{folded(listed.name)} {folded(listed.id)}", "language": listed.language}
    if row == before and not decision.reasons:
        writes.confirmed.append(row["id"])
        return "confirmed"
    writes.episodes.append(row | {"version": row["version"] + 1, "sweep": sweep.id})
    writes.reasons += [_reason_row(row["id"], reason, sweep.at) for reason in decision.reasons]
    return "closed" if decision.ends else "opened" if decision.opens else "confirmed"


def _new(sweep: _Sweep, patient: str) -> Json:
    """An episode that is about to be opened. Its id follows from the sweep and the person: opened twice, it is one."""
    return {
        "id": str(uuid.uuid5(_NAMESPACE, f"{sweep.id} {patient}")),
        "patient": patient,
        "opened": sweep.at,
        "attempts": 0,
        "version": 0,
        "ready_on": "",
        **dict.fromkeys(("owner", "snoozed_until", "snoozed_why", "last_attempt", "last_outcome", "not_before", "next_channel"), None),
    }


def ranked(priority: int, due: str, id: str) -> str:
    """What sorts the most urgent first, then by due and id."""
    return f"{_LOWEST - priority:03} {due} {id}"


def _decided(id: str, sweep: _Sweep, decision: Decision) -> Json:
    due, ends = decision.due.isoformat(), decision.ends is not None
    return {
        "state": "closed" if ends else "open",
        "priority": decision.priority,
        "reasons": decision.certain,
        "due": due,
        "rank": ranked(decision.priority, due, id),
        "rules": f" {' '.join(decision.named)} ",
        "closed": sweep.at if ends else None,
        "outcome": decision.ends,
    }


def _person_row(person: WorklistPerson, sweep: str) -> Json:
    named = {name: getattr(person, name) for name in ("name", "age", "sex", "language", "interpreter", "phone")}
    others = {"household": person.household, "number": comparable(person.phone), "email": person.email or None}
    return {"patient": person.id, **named, "sweep": sweep, **others}


def _reason_row(episode: str, reason: Reason, at: datetime) -> Json:
    names = ("rule", "title", "level", "priority", "restricted", "status", "ending")
    return {
        "episode": episode,
        **{name: getattr(reason, name) for name in names},
        "evidence": list(reason.evidence),
        "since": at,
        "ended": None if reason.holds else at,
    }


def _write(connection: Connection, sweep: _Sweep, writes: _Writes) -> None:
    """People before their episodes, episodes before their reasons."""
    _put(connection, PEOPLE, _news(connection, writes.people))
    _put(connection, EPISODES, writes.episodes)
    _put(connection, REASONS, writes.reasons, kept="since")
    if writes.confirmed:
        connection.execute(update(EPISODES).where(EPISODES.c.id.in_(writes.confirmed)).values(sweep=sweep.id))


def _news(connection: Connection, people: list[Json]) -> list[Json]:
    """Those of whom the store knows something else; the name of the sweep alone is no news."""
    names = [name for name in people[0] if name != "sweep"] if people else []
    query = select(*(PEOPLE.c[name] for name in names)).where(PEOPLE.c.patient.in_([person["patient"] for person in people]))
    known = {tuple(row) for row in connection.execute(query)} if people else set()
    return [person for person in people if tuple(person[name] for name in names) not in known]


def _put(connection: Connection, table: Table, rows: list[Json], kept: str = "") -> None:
    """Insert ``rows``, or change those that are there; ``kept`` stays as it was."""
    if rows:
        statement = upsert(connection, table)
        keys = [column.name for column in table.primary_key]
        changed = {name: statement.excluded[name] for name in rows[0] if name not in (*keys, kept)}
        connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed), rows)
