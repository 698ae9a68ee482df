"""The page on which people ask for help themselves: without an account, in plain words, and without telling anybody who is known here."""

import hmac
import secrets
import uuid
from hashlib import sha256
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort, request
from flask.typing import ResponseReturnValue

from plugin.access.attempts import TooMany, limit
from plugin.access.exposure import is_private
from plugin.access.web import access, address_of_caller
from plugin.agency.pages import page, say
from plugin.inbound.asking import NEEDS, Asked, NotAsked
from plugin.inbound.forms import asked_of
from plugin.inbound.keeping import SELF, SentBefore, receive
from plugin.outreach.acting import NotNow
from plugin.runtime import runtime
from plugin.wording import LANGUAGES

blueprint: Final = Blueprint("asking", __name__, url_prefix="/ask-for-help")

BY_ADDRESS: Final = 5
"""So often in a quarter of an hour from one address: a family, or a library."""
BY_ALL: Final = 200
"""So often from anywhere: staff could not read more."""
_COOKIE: Final = "almoner-asking"
_LASTS: Final = 2 * 60 * 60


@blueprint.get("")
def form() -> Response:
    """The form."""
    _is_offered()
    return _form()


@blueprint.post("")
def asked() -> ResponseReturnValue:
    """Keep what they ask for. The answer is the same whoever they are."""
    _is_offered()
    by, now = access(), access().clock()
    told = asked_of(request.form, "patient" if request.form.get("agreed") == "yes" else "")
    if not _is_our_form():
        return _form(told, say()["form old"], HTTPStatus.FORBIDDEN)
    try:
        told.check(now.date())
        with by.store.write() as connection:
            limit(connection, "self-referral", address_of_caller(by), BY_ADDRESS, BY_ALL, now)
        with by.store.write() as connection:
            receive(connection, SELF, told, "", now)
    except NotAsked as wrong:
        return _form(told, say()[wrong.what], HTTPStatus.UNPROCESSABLE_ENTITY)
    except SentBefore:
        return _form(told, say()["sent before"], HTTPStatus.CONFLICT)
    except NotNow:
        return _form(told, say()["form old"], HTTPStatus.CONFLICT)
    except TooMany as reason:
        response = page("asked.html", HTTPStatus.TOO_MANY_REQUESTS, title=say()["too many title"], text=say()["too many"])
        response.headers["Retry-After"] = str(max(1, round((reason.until - now).total_seconds())))
        return response
    return page("asked.html", title=say()["asked title"], text=say()["asked"])


def _form(told: Asked | None = None, why_not: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    """Told of a mistake, they need not type again. A cookie holds half of what the form must send along."""
    secret = request.cookies.get(_COOKIE) or secrets.token_urlsafe(32)
    values = {"told": told, "id": str(uuid.uuid4()), "token": _token(secret), "needs": NEEDS, "languages": LANGUAGES}
    response = page("ask.html", status, why_not=why_not, **values)
    private = is_private(access().settings)
    response.set_cookie(_COOKIE, secret, max_age=_LASTS, secure=private, httponly=True, samesite="Strict", path="/ask-for-help")
    return response


def _is_our_form() -> bool:
    """Whether this browser was given the form: no other site can make it send this (CSRF)."""
    secret = request.cookies.get(_COOKIE, "")
    return bool(secret) and hmac.compare_digest(_token(secret).encode(), request.form.get("token", "").encode())


def _token(secret: str) -> str:
    return hmac.new(secret.encode(), b"asking", sha256).hexdigest()


def _is_offered() -> None:
    """Only where the settings say so."""
    if not runtime().settings.referrals.self_referral:
        abort(HTTPStatus.NOT_FOUND)
