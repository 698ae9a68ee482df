"""The pages on which staff see who was referred to them, say who it is, and say what came of it."""

import uuid
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fhir_adapters.referral_states import IllegalMove, Status
from plugin.access.web import access, scope
from plugin.inbound.acting import NotSure, Saying, answer, answers, mistaken, take
from plugin.inbound.keeping import PAGE, VIEWS, Grip, NoSuchInbound, listed, one
from plugin.inbound.recognising import same
from plugin.outreach.acting import NotNow
from plugin.outreach.views import site_now
from plugin.referrals.words import CHOSEN
from plugin.translations import gettext, marked, translated

blueprint: Final = Blueprint("inbound", __name__, url_prefix="/inbound")

STATES: Final = {
    Status.REQUESTED: marked("New"),
    Status.ACCEPTED: marked("Taken"),
    Status.IN_PROGRESS: marked("Under way"),
    Status.ON_HOLD: marked("Waiting"),
    Status.COMPLETED: marked("Completed"),
    Status.REJECTED: marked("Not taken"),
    Status.CANCELLED: marked("Called off"),
    Status.FAILED: marked("Did not work out"),
    Status.ENTERED_IN_ERROR: marked("A mistake"),
}
"""Each state in words."""


@blueprint.get("")
def page() -> Response:
    """A page of them; those of whom nobody has said who they are come in a view of their own."""
    asked = request.args.get("view", "")
    view = asked if asked in VIEWS else "new"
    number = max(1, min(request.args.get("page", 1, type=int), 10_000))
    with access().store.read() as connection:
        rows, total = listed(connection, scope(), view, number)
    shown = {"rows": rows, "total": total, "number": number, "size": PAGE, "view": view, "states": STATES}
    return make_response(render_template("inbound.html", **shown))


@blueprint.get("/<uuid:id>")
def referral(id: uuid.UUID) -> Response:
    """One of them, with the records that have the same details."""
    return _one(str(id))


def _one(id: str, told: str = "", status: HTTPStatus = HTTPStatus.OK, sure: str = "") -> Response:
    """``sure``: the record of which they are asked again whether it is the right one."""
    with access().store.write(durable=False) as connection:
        try:
            row, history = one(connection, scope(), id, site_now())
        except NoSuchInbound:
            return _not_here()
        known = same(connection, scope(), row, site_now().date()) if row.state == Status.REQUESTED else ()
    values: dict[str, Any] = {
        "row": row,
        "history": history,
        "known": known,
        "told": told,
        "states": STATES,
        "chosen": CHOSEN,
        "sure": sure,
    }
    return make_response(render_template("inbound_referral.html", can=answers(row.state), **values), status)


@blueprint.post("/<uuid:id>/<any(take, answer, mistaken):verb>")
def act(id: uuid.UUID, verb: str) -> ResponseReturnValue:
    """Take it for somebody, or say that it was somebody else; answer whoever referred. What cannot be is told, and changes nothing."""
    form, now = request.form, site_now()
    grip = Grip(str(id), form.get("version", 0, type=int))
    try:
        with access().store.write() as connection:
            if verb == "take":
                named = form.get("patient") or form.get("record", "")
                take(connection, scope(), grip, named, now, sure=form.get("sure") == "yes")
            elif verb == "mistaken":
                mistaken(connection, scope(), grip, now)
            else:
                said = Saying(_to(form.get("to", "")), form.get("reason_code", ""), form.get("reason", ""), form.get("outcome", ""))
                answer(connection, scope(), grip, said, now)
    except NotSure as why:
        return _one(str(id), gettext("Nothing was changed yet: %(why)s", why=translated(why)), HTTPStatus.CONFLICT, why.patient)
    except (NotNow, IllegalMove) as why:
        return _one(str(id), gettext("Nothing was changed: %(why)s.", why=translated(why)), HTTPStatus.CONFLICT)
    except NoSuchInbound:
        return _not_here()
    return redirect(url_for(".referral", id=id), HTTPStatus.SEE_OTHER)


def _to(text: str) -> Status:
    try:
        return Status(text)
    except ValueError:
        raise NotNow(marked("choose what to answer")) from None


def _not_here() -> Response:
    text = gettext("There is none, or none that you may see.")
    return make_response(render_template("problem.html", title=gettext("No such referral"), text=text), HTTPStatus.NOT_FOUND)
