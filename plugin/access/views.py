"""The pages for signing in and out."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from plugin.access import sessions
from plugin.access.accounts import SHORTEST, AccountRefused
from plugin.access.attempts import TooMany
from plugin.access.exposure import is_private
from plugin.access.scope import RIGHTS, ROLES
from plugin.access.sessions import Session
from plugin.access.signing_in import WrongPassword, change_password
from plugin.access.signing_in import sign_in as signed
from plugin.access.web import Access, access, address_of_caller, scope
from plugin.access.web import signed_in as session_here
from plugin.translations import gettext, language, texts
from rules.told import Told

blueprint: Final = Blueprint("access", __name__)

_LONGEST: Final = 300
"""Characters of what is typed into a field."""


@blueprint.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    """The form, or the way to where people sign in; whoever is signed in goes on."""
    if session_here() is not None:
        return redirect(next_page(request.args.get("next", "")), HTTPStatus.SEE_OTHER)
    return form_page(HTTPStatus.OK, "ended" if "ended" in request.args else None)


@blueprint.post("/sign-in")
def signed_in() -> ResponseReturnValue:
    """Sign somebody in. The cookie's secret is new each time; an earlier session of this browser ends."""
    by, now = access(), access().clock()
    if by.settings.access.mode != "local":
        abort(404, Told("People sign in at the organisation's identity provider."))
    login, password = request.form.get("login", "")[:_LONGEST], request.form.get("password", "")[:_LONGEST]
    try:
        secret = signed(by.store, login, password, address_of_caller(by), now)
    except WrongPassword:
        return form_page(HTTPStatus.UNAUTHORIZED, "wrong")
    except TooMany as reason:
        seconds = max(1, round((reason.until - now).total_seconds()))
        response = form_page(HTTPStatus.TOO_MANY_REQUESTS, "too many", minutes=-(-seconds // 60))
        response.headers["Retry-After"] = str(seconds)
        return response
    return begun(by, secret, next_page(request.form.get("next", "")))


@blueprint.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Sign out, here or everywhere."""
    by, session = access(), session_here()
    if session is not None:
        with by.store.write() as connection:
            sessions.end(connection, session, by.clock(), everywhere="everywhere" in request.form)
    response = redirect(url_for(".sign_in", ended=1), HTTPStatus.SEE_OTHER)
    response.delete_cookie(by.cookie, secure=is_private(by.settings), httponly=True, samesite="Lax")
    return response


@blueprint.get("/account")
def account() -> Response:
    """Who one is here, and what one may do."""
    here = scope()
    rights = sorted(gettext(RIGHTS[right]) for right in here.rights)
    return make_response(render_template("account.html", session=session_here(), scope=here, role=gettext(ROLES[here.role]), rights=rights))


@blueprint.get("/account/password")
def password() -> Response:
    """The form for another password, or that it is changed."""
    return _password_page("changed" if "changed" in request.args else None)


@blueprint.post("/account/password")
def changed() -> ResponseReturnValue:
    """Change it. Whoever does is signed out everywhere else."""
    by, now, session, form = access(), access().clock(), _with_password(), request.form
    current, new = form.get("current", "")[:_LONGEST], form.get("new", "")[:_LONGEST]
    if new != form.get("again", "")[:_LONGEST]:
        return _password_page("not the same", HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        secret = change_password(by.store, session.account, current, new, address_of_caller(by), now)
    except AccountRefused:
        return _password_page("too short", HTTPStatus.UNPROCESSABLE_ENTITY, shortest=SHORTEST)
    except WrongPassword:
        return _password_page("wrong current", HTTPStatus.FORBIDDEN)
    except TooMany as reason:
        minutes = max(1, -(-round((reason.until - now).total_seconds()) // 60))
        return _password_page("too many", HTTPStatus.TOO_MANY_REQUESTS, minutes=minutes)
    response = make_response(redirect(url_for(".password", changed=1), HTTPStatus.SEE_OTHER))
    _set_cookie(by, response, secret)
    return response


def _with_password() -> Session:
    """The session of somebody who signs in here with a password."""
    session = session_here()
    if session is None or not session.account.has_password:
        abort(HTTPStatus.NOT_FOUND, Told("You sign in without a password here."))
    return session


def _password_page(message: str | None = None, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
    session, say = _with_password(), _texts()
    shown = say[message].format(**values) if message else None
    done = message == "changed"
    return _varied(render_template("password.html", say=say, message=shown, done=done, shortest=SHORTEST, session=session), status)


def _texts() -> Mapping[str, str]:
    return texts("plugin.access.texts", language())


def _varied(page: str, status: HTTPStatus) -> Response:
    """A page that is another one for who speaks another language."""
    response = make_response(page, status)
    response.vary.add("Accept-Language")
    return response


def begun(by: Access, secret: str, then: str) -> Response:
    """Signed in, in this browser for the one who did it last."""
    if (earlier := session_here()) is not None:
        with by.store.write() as connection:
            sessions.end(connection, earlier, by.clock())
    response = make_response(redirect(then, HTTPStatus.SEE_OTHER))
    _set_cookie(by, response, secret)
    return response


def _set_cookie(by: Access, response: Response, secret: str) -> None:
    response.set_cookie(by.cookie, secret, secure=is_private(by.settings), httponly=True, samesite="Lax", path="/")


def form_page(status: HTTPStatus, message: str | None = None, **values: object) -> Response:
    """The page on which people sign in, in the language of their browser."""
    say = _texts()
    shown = say[message].format(**values) if message else None
    then = request.values.get("next", "")[:_LONGEST]
    login = request.form.get("login", "")[:_LONGEST]
    elsewhere = url_for("identity.leave", next=then or None) if access().settings.access.mode == "oidc" else None
    values = {"say": say, "message": shown, "wrong": status != 200, "then": then, "login": login}
    return _varied(render_template("sign_in.html", elsewhere=elsewhere, **values), status)


def next_page(path: str) -> str:
    """Where they wanted to go: an address of ours, or the beginning."""
    local = path.startswith("/") and not path.startswith(("//", "/\\")) and path.isprintable() and "\\" not in path
    return path if local else url_for("findings.home")
