"""An agency's side: its own referrals with the least about people, and its answers."""

import uuid
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from fhir_adapters.referral_states import MAY_SET, Side
from plugin.access.web import access, scope
from plugin.agency.forms import said_in
from plugin.agency.seeing import person_of
from plugin.agency.views import VIEWS
from plugin.api import PATH, telling
from plugin.api.answering import Slice, listing, whole
from plugin.api.asking import AFTER, Fields, arguments, fields, place
from plugin.api.doing import deed, looking
from plugin.referrals import reading
from plugin.referrals.acting import Grip, answer
from plugin.referrals.words import CHOSEN

blueprint: Final = Blueprint("api_agency", __name__, url_prefix=f"{PATH}/agency/referrals")

FILTERS: Final[Fields] = {"view": VIEWS, "after": AFTER}
ANSWER: Final[Fields] = {"to": sorted(MAY_SET[Side.TARGET]), "reason_code": CHOSEN, "reason": 200, "outcome": 200}


@blueprint.get("")
def listed() -> Response:
    """A page of the agency's own referrals."""
    told = arguments(FILTERS)
    after, today = place(told), access().clock().date()
    with access().store.read() as connection:
        found = reading.walked(connection, scope(), told.get("view", "open"), after)
        items = [telling.at_an_agency(row, person_of(connection, row, today)) for row in found.rows]
    return listing(Slice(items, found.total, found.last), told)


@blueprint.get("/<uuid:id>")
def one(id: uuid.UUID) -> Response:
    """One of them; that it was looked at is recorded."""
    now = access().clock()
    with looking() as connection:
        found = reading.one(connection, scope(), str(id), now)
        person = person_of(connection, found.row, now.date())
    return whole(telling.at_an_agency_whole(found, person))


@blueprint.post("/<uuid:id>/answer")
def answered(id: uuid.UUID) -> Response:
    """Keep the answer, and tell whoever referred."""
    told = fields(ANSWER)

    def step(connection: Connection, version: int) -> dict[str, Any]:
        new = answer(connection, scope(), Grip(str(id), version), said_in(told), access().clock())
        return {"id": str(id), "version": new}

    return deed(step)
