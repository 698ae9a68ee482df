"""The pages for breaking the glass, and for looking at who did."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin.access import glass
from plugin.access.scope import ROLES
from plugin.access.sessions import Session
from plugin.access.web import access, scope, signed_in
from rules.told import Told

blueprint: Final = Blueprint("glass", __name__, url_prefix="/break-glass")


@blueprint.get("")
def form() -> Response:
    """What it means, and the question why."""
    return _form(HTTPStatus.OK)


@blueprint.post("")
def break_it() -> ResponseReturnValue:
    """Break it, for a while."""
    by = access()
    lasts = timedelta(minutes=by.settings.access.glass_minutes)
    try:
        with by.store.write() as connection:
            glass.break_it(connection, _session(), request.form.get("reason", ""), lasts, by.clock())
    except glass.NoReason:
        return _form(HTTPStatus.BAD_REQUEST, missing=True)
    return redirect(url_for("findings.home"), HTTPStatus.SEE_OTHER)


@blueprint.post("/end")
def mend() -> ResponseReturnValue:
    """It is not needed any more."""
    with access().store.write() as connection:
        glass.mend(connection, _session(), access().clock())
    return redirect(url_for("findings.home"), HTTPStatus.SEE_OTHER)


@blueprint.get("/uses")
def uses() -> Response:
    """Who broke it, when and why: for whoever reviews that."""
    with access().store.read() as connection:
        found = glass.uses(connection, scope())
    return make_response(render_template("glass_uses.html", uses=found, roles=ROLES))


@blueprint.post("/uses/<int(max=2147483647):seq>/reviewed")
def reviewed(seq: int) -> ResponseReturnValue:
    """Note that a use was looked at."""
    with access().store.write() as connection:
        if not glass.review(connection, scope(), seq, access().clock()):
            abort(404, Told("Nobody broke the glass there."))
    return redirect(url_for(".uses"), HTTPStatus.SEE_OTHER)


def _session() -> Session:
    """Behind this door somebody is signed in: where nobody signs in, these pages are not there."""
    found = signed_in()
    if found is None:
        abort(401, Told("Sign in first."))
    return found


def _form(status: HTTPStatus, *, missing: bool = False) -> Response:
    minutes = access().settings.access.glass_minutes
    reason = request.form.get("reason", "")[: glass.LONGEST]
    page = render_template("glass.html", minutes=minutes, missing=missing, reason=reason, shortest=glass.SHORTEST, longest=glass.LONGEST)
    return make_response(page, status)
