"""The pages on which an agency refers somebody to us, and sees what became of it."""

import uuid
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from fhir_adapters.referral_states import IllegalMove
from plugin.access.web import access, scope
from plugin.agency.pages import not_here, page, say
from plugin.inbound.acting import call_off, can_be_called_off
from plugin.inbound.asking import GIVEN_BY, NEEDS, PURPOSES, Asked, NotAsked
from plugin.inbound.forms import asked_of
from plugin.inbound.keeping import PAGE, Grip, NoSuchInbound, SentBefore, listed, one, receive
from plugin.listings.keeping import services
from plugin.listings.site import sources
from plugin.outreach.acting import NotNow
from plugin.wording import LANGUAGES

blueprint: Final = Blueprint("agency_referring", __name__, url_prefix="/agency/sent")


@blueprint.get("")
def sent() -> Response:
    """Whom the agency referred to us."""
    number = max(1, min(request.args.get("page", 1, type=int), 10_000))
    with access().store.read() as connection:
        rows, total = listed(connection, scope(), page=number)
    return page("agency_sent.html", rows=rows, total=total, number=number, size=PAGE)


@blueprint.get("/new")
def form() -> Response:
    """The form with which somebody is referred to us."""
    return _form()


def _form(told: Asked | None = None, why_not: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    values = {"told": told, "id": str(uuid.uuid4()), "needs": NEEDS, "purposes": PURPOSES, "given_by": GIVEN_BY, "languages": LANGUAGES}
    return page("agency_refer.html", status, why_not=why_not, **values)


@blueprint.post("/new")
def refer() -> ResponseReturnValue:
    """Keep it. What is missing is told, and nothing is kept."""
    told = asked_of(request.form, request.form.get("given_by", ""))
    try:
        with access().store.write() as connection:
            id = receive(connection, scope(), told, name_of_agency(connection), access().clock())
    except NotAsked as wrong:
        return _form(told, say()[wrong.what], HTTPStatus.UNPROCESSABLE_ENTITY)
    except SentBefore:
        return _form(told, say()["sent before"], HTTPStatus.CONFLICT)
    except NotNow:
        return _form(told, say()["form old"], HTTPStatus.CONFLICT)
    return redirect(url_for(".referral", id=id, kept=1), HTTPStatus.SEE_OTHER)


def name_of_agency(connection: Connection) -> str:
    """The agency's own, as the directory has it."""
    mine = services(connection, scope(), sources())
    return mine[0].entry.service.agency_name if mine else scope().agency or ""


@blueprint.get("/<uuid:id>")
def referral(id: uuid.UUID) -> Response:
    """What became of one."""
    return _one(str(id), told=say()["referred to us"] if "kept" in request.args else "")


def _one(id: str, told: str = "", why_not: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.write(durable=False) as connection:
        try:
            row, history = one(connection, scope(), id, access().clock())
        except NoSuchInbound:
            return not_here("no such referral")
    can = can_be_called_off(row.state)
    return page("agency_sent_one.html", status, row=row, history=history, can_call_off=can, told=told, why_not=why_not)


@blueprint.post("/<uuid:id>")
def called_off(id: uuid.UUID) -> ResponseReturnValue:
    """They do not want it any more."""
    grip = Grip(str(id), request.form.get("version", 0, type=int))
    try:
        with access().store.write() as connection:
            call_off(connection, scope(), grip, access().clock())
    except (NotNow, IllegalMove):
        return _one(str(id), why_not=say()["changed meanwhile"], status=HTTPStatus.CONFLICT)
    except NoSuchInbound:
        return not_here("no such referral")
    return redirect(url_for(".referral", id=id), HTTPStatus.SEE_OTHER)
