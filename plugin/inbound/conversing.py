"""An inbound referral becomes a reason of the conversation with a person: of the open one, or of a new one."""

import uuid
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from plugin.access import Scope
from plugin.findings.index import folded
from plugin.outreach.restricting import restrict
from plugin.outreach.taking import ranked
from plugin.outreach.telephone import comparable
from plugin.outreach.words import ASKED, DUE, Restriction
from plugin.store.inserting import insert_one, upsert
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS

LEVEL: Final = "act"
PRIORITY: Final = 75
"""Of somebody for whom help was asked: a person has seen the need already."""

Json = dict[str, Any]


def converse(connection: Connection, scope: Scope, row: Row[Any], patient: str, at: datetime) -> str:
    """Open a conversation with ``patient`` about it, or make it a reason of the open one; the episode, which stays locked.

    Of somebody of whom no sweep has told, what the referral says of them is kept. That it is not safe to talk is kept as a restriction.
    """
    person = _person(connection, row, patient, at.date())
    episode = _episode(connection, person, at)
    _reason(connection, episode, row, at)
    holds = REASONS.c.ended.is_(None)
    held = connection.execute(select(REASONS).where(REASONS.c.episode == episode.id, holds)).all()
    due = min(episode.due, (at.date() + timedelta(days=DUE[LEVEL])).isoformat())
    priority = max([each.priority for each in held if each.status == "yes" and not each.restricted], default=0)
    named = sorted(each.rule for each in held if not each.restricted)
    changed = {
        "priority": priority,
        "reasons": sum(each.status == "yes" for each in held),
        "due": due,
        "rank": ranked(priority, due, episode.id),
        "rules": f" {' '.join(named)} ",
        "snoozed_until": None,
        "snoozed_why": None,
        "ready_on": episode.not_before or "",
        "version": episode.version + 1,
    }
    connection.execute(update(EPISODES).where(EPISODES.c.id == episode.id).values(changed))
    if not row.safe:
        restrict(connection, scope, patient, Restriction.UNSAFE, at)
    return str(episode.id)


def _person(connection: Connection, row: Row[Any], patient: str, today: date) -> Row[Any]:
    age = today.year - int(row.birth_date[:4]) - (today.isoformat()[5:] < row.birth_date[5:])
    none = dict.fromkeys(("sex", "interpreter", "channel"))
    told = {"name": row.name, "age": age, "language": row.language, "phone": row.phone, "best_time": row.best_time, "sweep": ""}
    insert_one(connection, PEOPLE, {"patient": patient, "number": comparable(row.phone)} | told | none)
    return connection.execute(select(PEOPLE).where(PEOPLE.c.patient == patient)).one()


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
        "folded": f"{folded(person.name)} {folded(person.patient)}",
        "language": person.language,
        "rules": " ",
        "attempts": 0,
        "sweep": "",
        "version": 0,
    }
    insert_one(connection, EPISODES, new)
    query = select(EPISODES).where(EPISODES.c.patient == person.patient, EPISODES.c.state == "open")
    return connection.execute(query.with_for_update()).one()


def _reason(connection: Connection, episode: Row[Any], row: Row[Any], at: datetime) -> None:
    by = f"asked by {row.agency_name}" if row.agency else "they asked for help themselves"
    what = "assessment, " if row.purpose == "assessment" else ""
    why = {
        "title": f"{row.need.replace('-', ' ').capitalize()}: {what}{by}"[:300],
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
