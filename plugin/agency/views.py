"""The pages of a partner agency. They work without scripts, on old phones, in the language of the browser."""

import uuid
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_adapters.gravity import ASSESSMENT
from fhir_adapters.referral_states import WITH_REASON, IllegalMove
from plugin.access.views import begun
from plugin.access.web import access, scope
from plugin.agency import links
from plugin.agency.forms import said_in
from plugin.agency.links import usable
from plugin.agency.pages import not_here, page, say
from plugin.agency.seeing import answers, person_of
from plugin.outreach.acting import NotNow, Refused
from plugin.referrals.acting import Grip, answer
from plugin.referrals.reading import NoSuchReferral, listed, one
from plugin.referrals.words import CHOSEN
from plugin.translations import translated

blueprint: Final = Blueprint("agency", __name__, url_prefix="/agency")

VIEWS: Final = ("open", "closed", "all")
_MOST_TEXT: Final = 200


@blueprint.get("")
def referrals() -> Response:
    """A page of the agency's own referrals."""
    asked = request.args.get("view", "")
    view = asked if asked in VIEWS else "open"
    number = request.args.get("page", 1, type=int)
    with access().store.read() as connection:
        rows, total = listed(connection, scope(), view, max(1, min(number, 10_000)))
        people = {row.id: person_of(connection, row, access().clock().date()) for row in rows}
    return page("agency.html", view=view, views=VIEWS, rows=rows, people=people, total=total, number=number)


@blueprint.get("/<uuid:id>")
def referral(id: uuid.UUID) -> Response:
    """One referral, and the form for the answer."""
    return _one(str(id), sent="sent" in request.args)


def _one(id: str, *, sent: bool = False, why_not: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.write(durable=False) as connection:
        try:
            found = one(connection, scope(), id, access().clock())
        except NoSuchReferral:
            return not_here("no such referral")
        person = person_of(connection, found.row, access().clock().date())
    can = answers(found.row.state)
    return page(
        "agency_referral.html",
        status,
        whole=found,
        row=found.row,
        person=person,
        can=can,
        with_reason=[to for to in can if to in WITH_REASON],
        chosen=CHOSEN,
        assessment=ASSESSMENT["code"],
        sent=sent,
        why_not=why_not,
    )


@blueprint.post("/<uuid:id>")
def answered(id: uuid.UUID) -> ResponseReturnValue:
    """Keep the answer, and tell whoever referred. What cannot be is told, and changes nothing."""
    try:
        said = said_in(request.form)
        with access().store.write() as connection:
            answer(connection, scope(), Grip(str(id), request.form.get("version", 0, type=int)), said, access().clock())
    except (NotNow, IllegalMove, Refused) as why:
        return _one(str(id), why_not=translated(why), status=HTTPStatus.CONFLICT)
    except NoSuchReferral:
        return not_here("no such referral")
    return redirect(url_for(".referral", id=id, sent=1), HTTPStatus.SEE_OTHER)


@blueprint.get("/enter/<token>")
def enter(token: str) -> Response:
    """Where a link leads: the number is asked for."""
    if usable(access().store, token[:_MOST_TEXT], access().clock()):
        return page("agency_enter.html", usable=True, message="")
    return page("agency_enter.html", HTTPStatus.GONE, usable=False, message=say()["pin over"])


@blueprint.post("/enter/<token>")
def entered(token: str) -> ResponseReturnValue:
    """Whoever has the link and the number is signed in."""
    by = access()
    try:
        secret = links.enter(by.store, token[:_MOST_TEXT], request.form.get("number", "")[:12], by.clock())
    except links.WrongNumber as wrong:
        message = say()["pin wrong"].format(left=wrong.left)
        return page("agency_enter.html", HTTPStatus.UNAUTHORIZED, usable=True, message=message)
    except links.LinkOver:
        return page("agency_enter.html", HTTPStatus.GONE, usable=False, message=say()["pin over"])
    return begun(by, secret, url_for(".referrals"))
