"""Conversations: the list as the page filters it, one whole, what staff do with one, and what its person wants."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest

from plugin.access import accounts
from plugin.access.web import access, scope
from plugin.api import PATH, telling
from plugin.api.answering import Slice, listing, slice_only, whole
from plugin.api.asking import AFTER, Fields, arguments, fields, place
from plugin.api.doing import deed, looking
from plugin.findings.catalogue import rules_by_id
from plugin.messages import reading as messages
from plugin.outreach import acting, episodes, forms, wishing
from plugin.outreach.acting import ChangedMeanwhile, Grip
from plugin.outreach.episodes import MOST, SORTS, VIEWS
from plugin.outreach.looking import look
from plugin.outreach.views import site_now, wish_from
from plugin.outreach.words import CHANNELS, ENDINGS, OUTCOMES, Restriction
from plugin.referrals.offering import offers
from plugin.runtime import runtime
from rules.document import Rule

blueprint: Final = Blueprint("api_conversations", __name__, url_prefix=f"{PATH}/conversations")

FILTERS: Final[Fields] = {"view": VIEWS, "sort": SORTS, "rule": 128, "language": 35, "owner": 128, "after": AFTER}
"""What the list is narrowed by. ``sort``: its beginning in an order that changes with what happens, so that nobody can walk along it."""
SEARCH: Final[Fields] = {**FILTERS, "text": 200}
_STAFF_OUTCOMES: Final = [code for code, outcome in OUTCOMES.items() if outcome.by_staff]
DEEDS: Final[Mapping[str, Fields]] = {
    "claim": {},
    "assign": {"owner": 128},
    "snooze": {"until": None, "why": 200},
    "wake": {},
    "attempt": {"channel": CHANNELS, "outcome": _STAFF_OUTCOMES, "again_on": None, "note": 1_000},
    "close": {"ending": [code for code, ending in ENDINGS.items() if ending.by_staff]},
    "reopen": {},
    "prefer": {"channel": (*CHANNELS, ""), "best_time": 64},
}
"""Verb → the fields that it takes."""
NEEDED: Final[Mapping[str, Sequence[str]]] = {"prefer": ("channel", "best_time")}
"""Verb → those that must be there, because it would forget what is not named; an empty text forgets."""
NAMED: Final[Mapping[str, Sequence[str]]] = {"assign": ("owner",)}
"""Verb → those that must be there, if only as null: nobody loses a conversation because a program said nothing."""
WISHES: Final[Mapping[str, Fields]] = {
    "restrict": {"what": (*CHANNELS, str(Restriction.UNSAFE)), "until": None, "note": 200},
    "lift": {"id": None},
    "withdraw": {"id": None},
}
"""The same of what they want."""


def rules() -> Mapping[str, Rule]:
    """Those that are loaded, by their ids."""
    return rules_by_id(runtime().packs)


@blueprint.get("")
def listed() -> Response:
    """A page of conversations, as filtered."""
    told = arguments(FILTERS)
    return listing(_found(told), told)


@blueprint.post("/search")
def search() -> Response:
    """Those whose name or id holds every word of ``text``: in the body, so that names stay out of addresses. It changes nothing."""
    return slice_only(_found(fields(SEARCH)))


def _found(told: Mapping[str, str]) -> Slice:
    after, wish, today = place(told), wish_from(told, told.get("text", "")), site_now().date()
    if after and "sort" in told:
        raise BadRequest("A sorted list is told as its beginning alone: leave out sort to read all.")
    with access().store.read() as connection:
        if "sort" in told:
            first = episodes.listed(connection, scope(), wish, today)
            found, total, last = first.episodes, first.total, None
        else:
            found, step = episodes.walked(connection, scope(), wish, today, after)
            total, last = step.total, step.last
        names = accounts.names(connection, [each.row.owner for each in found])
    return Slice([telling.conversation(each, names) for each in found], total, last, total == MOST)


@blueprint.get("/<uuid:id>")
def one(id: uuid.UUID) -> Response:
    """Everything about one conversation; that it was looked at is recorded."""
    with looking() as connection:
        looked = look(connection, scope(), str(id), rules(), site_now())
        row = looked.whole.episode.row
        names = accounts.names(connection, [row.owner])
        sent = messages.of_person(connection, scope(), row.patient)
    offered = offers(looked.whole.episode, runtime().packs)
    written = sorted(sent.values(), key=lambda each: (each.created, each.id))
    return whole(telling.conversation_whole(looked, offered, written, names))


@blueprint.post(f"/<uuid:id>/<any({', '.join(DEEDS)}):verb>")
def act(id: uuid.UUID, verb: str) -> Response:
    """Do something with one."""
    told = fields(DEEDS[verb], NEEDED.get(verb, ()), NAMED.get(verb, ()))
    if verb == "attempt":
        told["attempt"] = str(uuid.uuid4())

    def step(connection: Connection, version: int) -> dict[str, Any]:
        made = forms.Deed(connection, scope(), Grip(str(id), version), told, site_now())
        return {"id": str(id), "version": forms.VERBS[verb](made)}

    return deed(step)


@blueprint.get("/<uuid:id>/wishes")
def wishes(id: uuid.UUID) -> Response:
    """What stands against reaching or helping them, and what they agreed to; that it was looked at is recorded."""
    now = site_now()
    with looking() as connection:
        row = episodes.whole(connection, scope(), str(id), now).episode.row
        found = wishing.wishes(connection, scope(), row.patient, now.date(), rules())
    return whole(telling.wishes(row, found))


@blueprint.post(f"/<uuid:id>/wishes/<any({', '.join(WISHES)}):verb>")
def said(id: uuid.UUID, verb: str) -> Response:
    """Keep what they said, or that they changed their mind."""
    told = fields(WISHES[verb])

    def step(connection: Connection, version: int) -> dict[str, Any]:
        row, now = held(connection, str(id), version), site_now()
        if verb == "restrict":
            wishing.restrict(connection, scope(), row.patient, told, now)
        else:
            take_back = wishing.lift if verb == "lift" else wishing.withdraw
            take_back(connection, scope(), row, told.get("id", ""), rules(), now)
        return {"id": str(id), "version": acting.locked(connection, scope(), str(id)).version}

    return deed(step)


def held(connection: Connection, id: str, version: int) -> Any:
    """An episode, locked; only as whoever calls saw it, open or closed. Raises `NoSuchEpisode`, `ChangedMeanwhile`."""
    row = acting.locked(connection, scope(), id)
    if row.version != version:
        raise ChangedMeanwhile
    return row
