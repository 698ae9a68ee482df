"""Referrals to us: what agencies sent and how it went, and what staff do with it."""

import uuid
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest

from fhir_adapters.referral_states import Status
from plugin.access.web import access, scope
from plugin.agency.referring import name_of_agency
from plugin.api import PATH, telling
from plugin.api.answering import Slice, listing, whole
from plugin.api.asking import AFTER, YES_OR_NO, Fields, arguments, fields, place
from plugin.api.doing import deed, looking
from plugin.inbound import acting, keeping
from plugin.inbound.acting import Saying
from plugin.inbound.asking import GIVEN_BY, MOST_TEXT, NEEDS, PURPOSES, NotAsked
from plugin.inbound.forms import asked_of
from plugin.inbound.keeping import VIEWS, Grip
from plugin.inbound.recognising import same
from plugin.outreach.views import site_now
from plugin.referrals.words import CHOSEN
from plugin.translations import texts
from plugin.wording import LANGUAGES

inbound: Final = Blueprint("api_inbound", __name__, url_prefix=f"{PATH}/inbound")
sent: Final = Blueprint("api_sent", __name__, url_prefix=f"{PATH}/agency/sent")

FILTERS: Final[Fields] = {"view": VIEWS, "after": AFTER}
TAKE: Final[Fields] = {"patient": 128, "sure": YES_OR_NO}
ANSWER: Final[Fields] = {
    "to": (Status.COMPLETED, Status.IN_PROGRESS, Status.ON_HOLD, Status.REJECTED, Status.FAILED),
    **{"reason_code": CHOSEN, "reason": 300, "outcome": 300},
}
REFER: Final[Fields] = {
    **{"name": 200, "birth_date": None, "phone": 32, "postcode": 12, "language": LANGUAGES, "best_time": 64, "safe": YES_OR_NO},
    **{"need": NEEDS, "purpose": PURPOSES, "message": MOST_TEXT, "given_by": GIVEN_BY},
}


@inbound.get("")
def listed() -> Response:
    """A page of those who were referred to us; those of whom nobody has said who they are if no view is named."""
    told = arguments(FILTERS)
    after = place(told)
    with access().store.read() as connection:
        found = keeping.walked(connection, scope(), told.get("view", "new"), after)
    return listing(Slice([telling.inbound(row) for row in found.rows], found.total, found.last), told)


@inbound.get("/<uuid:id>")
def one(id: uuid.UUID) -> Response:
    """One of them, with the records that have the same details; that it was looked at is recorded."""
    now = site_now()
    with looking() as connection:
        row, history = keeping.one(connection, scope(), str(id), now)
        known = same(connection, scope(), row, now.date()) if row.state == Status.REQUESTED else ()
    return whole(telling.inbound_whole(row, history, known))


@inbound.post("/<uuid:id>/take")
def take(id: uuid.UUID) -> Response:
    """It is this person: taken, and a conversation about it is open."""
    told = fields(TAKE)

    def step(connection: Connection, version: int) -> dict[str, Any]:
        grip, sure = Grip(str(id), version), told.get("sure") == "yes"
        episode = acting.take(connection, scope(), grip, told.get("patient", ""), site_now(), sure=sure)
        return {"id": str(id), "version": version + 1, "conversation": episode}

    return deed(step)


@inbound.post("/<uuid:id>/answer")
def answer(id: uuid.UUID) -> Response:
    """Answer whoever referred."""
    told = fields(ANSWER)
    if "to" not in told:
        raise BadRequest("Say what it is to be: to.")
    said = Saying(Status(told["to"]), told.get("reason_code", ""), told.get("reason", ""), told.get("outcome", ""))

    def step(connection: Connection, version: int) -> dict[str, Any]:
        return {"id": str(id), "version": acting.answer(connection, scope(), Grip(str(id), version), said, site_now())}

    return deed(step)


@sent.get("")
def own() -> Response:
    """A page of those whom the agency referred to us."""
    told = arguments(FILTERS)
    after = place(told)
    with access().store.read() as connection:
        found = keeping.walked(connection, scope(), told.get("view", "all"), after)
    return listing(Slice([telling.sent(row) for row in found.rows], found.total, found.last), told)


@sent.get("/<uuid:id>")
def own_one(id: uuid.UUID) -> Response:
    """What became of one; that it was looked at is recorded."""
    with looking() as connection:
        row, history = keeping.one(connection, scope(), str(id), access().clock())
    return whole(telling.sent_whole(row, history))


@sent.post("")
def refer() -> Response:
    """Refer somebody to us. What is missing is told, and nothing is kept."""
    told = fields(REFER)
    asked = asked_of({**told, "id": str(uuid.uuid4())}, told.get("given_by", ""))

    def step(connection: Connection, _: int) -> dict[str, Any]:
        try:
            id = keeping.receive(connection, scope(), asked, name_of_agency(connection), access().clock())
        except NotAsked as wrong:
            raise BadRequest(texts("plugin.agency.texts", "en")[wrong.what]) from None
        return {"id": id, "version": 1}

    return deed(step, begins=True)


@sent.post("/<uuid:id>/call-off")
def called_off(id: uuid.UUID) -> Response:
    """They do not want it any more."""
    fields({})

    def step(connection: Connection, version: int) -> dict[str, Any]:
        return {"id": str(id), "version": acting.call_off(connection, scope(), Grip(str(id), version), access().clock())}

    return deed(step)
