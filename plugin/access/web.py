"""Who asks: from the cookie of a request for a page, or the token of a call of the API, to a `Scope`, before anything is made.

What other sites make a browser send is refused twice: by where it says that it comes from, and, of people who are signed in, by a token
that only our own forms hold.
"""

import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from flask import Flask, abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from markupsafe import Markup
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import TooManyRequests, Unauthorized

from plugin.access import tokens
from plugin.access.attempts import TooMany
from plugin.access.audit import Entry, record
from plugin.access.doors import Door, door
from plugin.access.exposure import check, is_private
from plugin.access.scope import Right, Role, Scope
from plugin.access.sessions import Lasting, Session, find, touch
from plugin.cds.trust.places import host_of, is_loopback
from plugin.settings import Settings
from plugin.store import Store
from rules.told import Told

EXTENSION: Final = "almoner.access"
FIELD: Final = "csrf"
"""The field of a form that holds the token."""
HEADER: Final = "X-CSRF-Token"
"""The same for scripts."""
API: Final = "/api/"
"""Where addresses begin at which programs call with a token; cookies count for nothing there."""
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_TRIAL: Final = Scope("trial", Role.CARE_MANAGER)
"""Everybody, where pages are open."""


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Access:
    """What finding out who asks needs. One per process."""

    settings: Settings
    store: Store
    clock: Callable[[], datetime]

    @property
    def is_open(self) -> bool:
        """Whether nobody signs in."""
        return self.settings.access.mode == "open"

    @property
    def lasting(self) -> Lasting:
        """How long somebody stays signed in."""
        own = self.settings.access
        return Lasting(timedelta(minutes=own.idle_minutes), timedelta(hours=own.longest_hours))

    @property
    def cookie(self) -> str:
        """The cookie's name: one that browsers send over https only, and to this host only, where there is https."""
        return "__Host-almoner" if is_private(self.settings) else "almoner"


def install(app: Flask, settings: Settings, store: Store, clock: Callable[[], datetime] = _now) -> None:
    """Put a door before every page, and the pages for signing in among them.

    Raises:
        SettingsUnreadable: the settings would let in whom nobody meant to let in.
    """
    check(settings)
    app.extensions[EXTENSION] = Access(settings, store, clock)
    app.jinja_env.globals.update(csrf_field=csrf_field, may=may, signed_in=signed_in, broken_glass=broken_glass)
    app.jinja_env.globals["access_mode"] = settings.access.mode
    app.before_request(_let_in)
    if settings.access.mode != "open":
        from plugin.access import glass_views, views

        app.register_blueprint(views.blueprint)
        app.register_blueprint(glass_views.blueprint)
    if settings.access.mode == "oidc":
        from plugin.access import identity_views

        app.register_blueprint(identity_views.blueprint)


def access() -> Access:
    """That of the application."""
    found: Access = current_app.extensions[EXTENSION]
    return found


def scope() -> Scope:
    """Who asks, in this request. Raises 401 if nobody is signed in; behind a door for signed-in people somebody always is."""
    found: Scope | None = g.get("scope")
    if found is None:
        raise Unauthorized(Told("Sign in first."))
    return found


def seen(entity: str, patient: str) -> None:
    """Record that whoever is signed in looked at a person; where nobody signs in, there is nobody to name."""
    by = access()
    if not by.is_open:
        with by.store.write() as connection:
            record(connection, scope(), Entry(f"{entity.partition('/')[0]}.see", entity, patient), by.clock())


def signed_in() -> Session | None:
    """The session of this request; ``None``: nobody is signed in, or nobody has to."""
    found: Session | None = g.get("session_of_access")
    return found


def broken_glass() -> Session | None:
    """The session of this request, if its glass is broken."""
    found: Scope | None = g.get("scope")
    return signed_in() if found is not None and found.glass is not None else None


def may(right: str) -> bool:
    """Whether whoever asks has a right; for templates, which show only what leads somewhere."""
    found: Scope | None = g.get("scope")
    return found is not None and found.may(Right(right))


def csrf_field() -> Markup:
    """The hidden field for every form that changes something; empty where nobody signs in."""
    session = signed_in()
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, session.token) if session else Markup()


def is_for_api() -> bool:
    """Whether the current request is a call of the API."""
    return request.path.startswith(API)


def is_for_programs() -> bool:
    """Whether the answer is read by a program: it gets a status, where people are led to another page."""
    return is_for_api() or not request.accept_mimetypes.accept_html or "HX-Request" in request.headers


def _let_in() -> ResponseReturnValue | None:
    asked = Door.ANYBODY if request.endpoint is None else door(request.endpoint)
    if asked is Door.OUTSIDE:
        return None
    _check_text()
    if request.endpoint is not None:
        _check_place(access())
        _check_origin(access())
    (_recognise_program if is_for_api() else _recognise)(access())
    if asked is Door.ANYBODY:
        return None
    if g.get("scope") is None:
        return _to_sign_in()
    _check_token()
    if isinstance(asked, Right) and not scope().may(asked):
        abort(403, Told("This page is not part of your work here."))
    return abort(403, Told("This page is for nobody.")) if asked is None else None


def _check_text() -> None:
    """Raises 400 for a character that no person types, and of which databases think differently."""
    told = (request.path, *request.args.values(), *(request.form.values() if request.method not in _SAFE else ()))
    if any("\0" in text for text in told):
        abort(400, Told("There is a character in what was sent that cannot be kept."))


def _recognise(by: Access) -> None:
    g.scope = _TRIAL if by.is_open else None
    secret = "" if by.is_open else request.cookies.get(by.cookie, "")
    if not secret:
        return
    now = by.clock()
    with by.store.read() as connection:
        session = find(connection, secret, by.lasting, now)
    if session is None:
        return
    g.session_of_access, g.scope = session, session.scope(now)
    if session.is_due(now):
        with by.store.write(durable=False) as connection:
            touch(connection, session, now)


def _recognise_program(by: Access) -> None:
    """Raises 401, or 429 after too many wrong tokens."""
    now, sent = by.clock(), request.headers.get("Authorization", "")
    if not sent:
        raise Unauthorized("Send the token of an account: Authorization: Bearer …", www_authenticate=_asks())
    try:
        g.scope = tokens.recognise(by.store, sent, address_of_caller(by), now)
    except tokens.WrongToken:
        refused = "The token is not known, or ran out, or was withdrawn."
        raise Unauthorized(refused, www_authenticate=_asks(error="invalid_token")) from None
    except TooMany as reason:
        wait = max(1, round((reason.until - now).total_seconds()))
        raise TooManyRequests("Too many wrong tokens came from there.", retry_after=wait) from None


def _asks(**more: str) -> WWWAuthenticate:
    return WWWAuthenticate("bearer", {"realm": "Almoner API", **more})


def _check_place(by: Access) -> None:
    """Without https, and where nobody signs in, pages are for this machine under its own name: not through a proxy or another name."""
    if by.is_open or not is_private(by.settings):
        peer = request.remote_addr
        if not is_loopback(host_of(request.url)) or (peer and not is_loopback(peer)):
            abort(
                403,
                Told("Pages are shown on this machine only, as long as the settings say neither access.mode nor an https public_url."),
            )


def _check_origin(by: Access) -> None:
    """Raises 403 if a browser says that another site made it change something here."""
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get("Origin")
    if request.method in _SAFE or site in ("same-origin", "none"):
        return
    if site is not None or (origin and not _is_ours(origin, by)):
        abort(403, Told("Another site sent this. Open the page here, and try again."))


def _is_ours(origin: str, by: Access) -> bool:
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    public = urlsplit(by.settings.public_url or "")
    return parts.netloc == request.host or (bool(public.netloc) and (parts.scheme, parts.netloc) == (public.scheme, public.netloc))


def _check_token() -> None:
    session = signed_in()
    if request.method in _SAFE or session is None:
        return
    sent = request.headers.get(HEADER) or request.form.get(FIELD, "")
    if not hmac.compare_digest(sent.encode(), session.token.encode()):
        abort(403, Told("The form is older than your last sign-in, or not ours. Go back, load the page again, and try again."))


def _to_sign_in() -> ResponseReturnValue:
    """A page for people; for programs the status. What was to be changed is not done."""
    if is_for_programs():
        raise Unauthorized(Told("Sign in first."))
    here = request.full_path.rstrip("?") if request.method == "GET" and request.path != "/" else None
    return redirect(url_for("access.sign_in", next=here), HTTPStatus.SEE_OTHER)


def home_of(who: Scope) -> str:
    """The view with which somebody begins."""
    homes = (
        (Right.SEE_PEOPLE, "outreach.page"),
        (Right.ANSWER_REFERRALS, "agency.referrals"),
        (Right.SEE_REPORTS, "sweeps.runs"),
        (Right.SEE_AUDIT, "glass.uses"),
    )
    return next((endpoint for right, endpoint in homes if who.may(right)), "access.account")


def address_of_caller(by: Access) -> str | None:
    """Whose attempts are counted together: whom the proxies say that they answer, as far as the settings say that there are some."""
    if by.settings.access.proxies:
        passed = [each.strip() for each in request.headers.get("X-Forwarded-For", "").split(",")]
        return passed[-by.settings.access.proxies] if len(passed) >= by.settings.access.proxies else request.remote_addr
    return request.remote_addr
