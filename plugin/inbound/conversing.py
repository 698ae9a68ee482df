"""An inbound referral becomes a reason of the conversation with a person: of the open one, or of a new one."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from fhir_adapters.referral_states import OPEN, Status
from plugin.access import Entry, Right, Role, Scope, record
from plugin.findings.index import folded
from plugin.inbound.recognising import age_of
from plugin.outreach.acting import end, hold
from plugin.outreach.asked import title
from plugin.outreach.restricting import lift, restrict
from plugin.outreach.taking import ranked
from plugin.outreach.telephone import comparable
from plugin.outreach.words import ASKED, DUE, Restriction
from plugin.store.inserting import insert_one, upsert
from plugin.store.tables.inbound import HISTORY, INBOUND
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS, RESTRICTIONS, STILL_OPEN

LEVEL: Final = "act"
PRIORITY: Final = 75
"""Of somebody for whom help was asked: a person has seen the need already."""

IN: Final = Scope("inbound", Role.SYSTEM)
"""In whose name a conversation changes because an agency, which knows of none, said something."""

Json = dict[str, Any]


def converse(connection: Connection, scope: Scope, row: Row[Any], patient: str, at: datetime) -> str:
    """Open a conversation with ``patient`` about it, or make it a reason of the open one; the episode, which stays locked.

    Who asks is not kept waiting, whatever was tried before. Of somebody of whom no sweep has told, what the referral says of them is kept;
    of others it stands beside what the record says (see `told_beside`). That it is not safe to talk is kept as a restriction.
    """
    person = _person(connection, row, patient, at.date())
    episode = _episode(connection, person, at)
    _reason(connection, episode, row, at)
    due = min(episode.due, (at.date() + timedelta(days=DUE[LEVEL])).isoformat())
    changed = _standing(_held(connection, episode.id), episode.id, due) | {
        **_shown(person),
        "snoozed_until": None,
        "snoozed_why": None,
        "not_before": None,
        "next_channel": None,
        "ready_on": "",
        "version": episode.version + 1,
    }
    connection.execute(update(EPISODES).where(EPISODES.c.id == episode.id).values(changed))
    if not row.safe:
        restrict(connection, scope, patient, Restriction.UNSAFE, at)
    return str(episode.id)


def end_reason(connection: Connection, row: Row[Any], at: datetime) -> None:
    """What ``row`` asked for is over: so is the reason, unless somebody else asks for the same; so is the conversation, if nothing else
    holds. Whoever looks at it meanwhile looks again.
    """
    query = select(EPISODES).where(EPISODES.c.id == row.episode, EPISODES.c.state == "open").with_for_update()
    episode = connection.execute(query).one_or_none()
    if episode is None:
        return
    table = INBOUND.c
    others = (table.episode == row.episode, table.need == row.need, table.id != row.id, table.state.in_(OPEN))
    if connection.scalar(select(table.id).where(*others).limit(1)) is not None:
        return
    mine = (REASONS.c.episode == row.episode, REASONS.c.rule == f"{ASKED}{row.need}", REASONS.c.ended.is_(None))
    if not connection.execute(update(REASONS).where(*mine).values(ended=at, ending="over")).rowcount:
        return
    held = _held(connection, episode.id)
    changed = _standing(held, episode.id, episode.due) | {"version": episode.version + 1}
    connection.execute(update(EPISODES).where(EPISODES.c.id == episode.id).values(changed))
    record(connection, IN, Entry("episode.asked-over", f"episode/{episode.id}", episode.patient, {"need": row.need}), at)
    if not held:
        end(connection, IN, connection.execute(query).one(), "over", at)


def _held(connection: Connection, episode: str) -> Sequence[Row[Any]]:
    return connection.execute(select(REASONS).where(REASONS.c.episode == episode, REASONS.c.ended.is_(None))).all()


def _standing(held: Sequence[Row[Any]], episode: str, due: str) -> Json:
    """The columns that follow from the reasons that hold: what is only unknown counts for its urgency if nothing is certain."""
    named = [each for each in held if not each.restricted]
    certain = [each for each in held if each.status == "yes"]
    priority = max((each.priority for each in certain or held if not each.restricted), default=0)
    return {
        "priority": priority,
        "reasons": len(certain),
        "due": due,
        "rank": ranked(priority, due, episode),
        "rules": f" {' '.join(sorted(each.rule for each in named))} ",
    }


def _person(connection: Connection, row: Row[Any], patient: str, today: date) -> Row[Any]:
    """As a sweep told of them; whom no sweep knows, as they were told of last."""
    told = _told(row, today)
    none = dict.fromkeys(("sex", "interpreter", "channel"))
    if not insert_one(connection, PEOPLE, {"patient": patient, "sweep": ""} | told | none):
        known = {name: value for name, value in told.items() if value}
        connection.execute(update(PEOPLE).where(PEOPLE.c.patient == patient, PEOPLE.c.sweep == "").values(known))
    return connection.execute(select(PEOPLE).where(PEOPLE.c.patient == patient)).one()


def _told(row: Row[Any], today: date) -> Json:
    names = ("name", "language", "phone", "best_time")
    return {name: getattr(row, name) for name in names} | {"age": age_of(row.birth_date, today), "number": comparable(row.phone)}


def forget_person(connection: Connection, scope: Scope, row: Row[Any], at: datetime) -> None:
    """``row`` was about somebody else: nothing that it said stays with whom it was taken for, but for what others said of them as well.

    Their conversation is locked first: whatever else is changed comes after it.
    """
    hold(connection, row.episode)
    others = select(INBOUND).where(INBOUND.c.patient == row.patient, INBOUND.c.id != row.id).order_by(INBOUND.c.created.desc()).limit(1)
    other = connection.execute(others).one_or_none()
    nothing = {"name": "", "age": None, "language": None, "phone": "", "number": None, "best_time": None}
    known = _told(other, at.date()) if other is not None else nothing
    mine = (PEOPLE.c.patient == row.patient, PEOPLE.c.sweep == "")
    person = connection.execute(update(PEOPLE).where(*mine).values(known).returning(PEOPLE)).one_or_none()
    if person is not None:
        connection.execute(update(EPISODES).where(EPISODES.c.patient == row.patient).values(_shown(person)))
    if not row.safe:
        taken = select(func.max(HISTORY.c.at)).where(HISTORY.c.inbound == row.id, HISTORY.c.after == Status.ACCEPTED).scalar_subquery()
        table = RESTRICTIONS.c
        by_it = (table.patient == row.patient, table.kind == Restriction.UNSAFE, table.since == taken, table.lifted.is_(None))
        for id in connection.scalars(select(table.id).where(*by_it)).all():
            lift(connection, scope, row.patient, id, at)


def told_beside(connection: Connection, scope: Scope, person: Row[Any]) -> Sequence[Row[Any]]:
    """What was said with what was asked for somebody and is not on their row: where and when to call them, and in which language.

    Of what is under way, the last word first; staff said who it is. Only to whoever may see it. Raises `Forbidden`.
    """
    scope.require(Right.SEE_PEOPLE)
    table = INBOUND.c
    shown = () if scope.may(Right.SEE_RESTRICTED) else (table.restricted.is_(False),)
    query = select(INBOUND).where(table.patient == person.patient, table.state.in_(OPEN), *shown)
    rows = connection.execute(query.order_by(table.created.desc(), table.id)).all()
    return [row for row in rows if any(_is_new(row, person, name) for name in ("phone", "best_time", "language"))]


def _is_new(row: Row[Any], person: Row[Any], name: str) -> bool:
    told, known = getattr(row, name), getattr(person, name)
    return bool(told) and (comparable(told) != comparable(known) if name == "phone" else told != known)


def _episode(connection: Connection, person: Row[Any], at: datetime) -> Row[Any]:
    """The open one, locked; a new one if none is."""
    id, due = str(uuid.uuid4()), (at.date() + timedelta(days=DUE[LEVEL])).isoformat()
    new: Json = {
        "id": id,
        "patient": person.patient,
        "state": "open",
        "opened": at,
        "priority": PRIORITY,
        "reasons": 0,
        "due": due,
        "rank": ranked(PRIORITY, due, id),
        "ready_on": "",
        **_shown(person),
        "rules": " ",
        "attempts": 0,
        "sweep": "",
        "version": 0,
    }
    insert_one(connection, EPISODES, new)
    query = select(EPISODES).where(EPISODES.c.patient == person.patient, STILL_OPEN)
    return connection.execute(query.with_for_update()).one()


def _shown(person: Row[Any]) -> Json:
    """The columns by which a conversation is found."""
    return {"folded": f"{folded(person.name)} {folded(person.patient)}", "language": person.language}


def _reason(connection: Connection, episode: Row[Any], row: Row[Any], at: datetime) -> None:
    why = {
        "title": title(row.need, row.agency_name if row.agency else "", assessment=row.purpose == "assessment"),
        "level": LEVEL,
        "priority": PRIORITY,
        "restricted": row.restricted,
        "status": "yes",
        "since": at,
        "evidence": [],
        "ended": None,
        "ending": None,
    }
    statement = upsert(connection, REASONS).values({"episode": episode.id, "rule": f"{ASKED}{row.need}"} | why)
    connection.execute(statement.on_conflict_do_update(index_elements=["episode", "rule"], set_=why))
