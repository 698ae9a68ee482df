"""The web application: blueprints, headers and errors put together."""

from typing import Any, Final

import orjson
from flask import Flask, Response, jsonify, make_response, render_template, request
from flask.json.provider import JSONProvider
from werkzeug.exceptions import HTTPException

from plugin import health, jwks, language_views, translations
from plugin.access import Forbidden
from plugin.access import web as access
from plugin.api.problems import problem
from plugin.cds import overload
from plugin.cds import views as cds
from plugin.cds.body import LIMIT
from plugin.cds.opening import open_cds
from plugin.cds.trouble import ERROR_ID_HEADER, logged, operation_outcome
from plugin.cds.turns import Turns
from plugin.openapi import views as openapi
from plugin.runtime import EXTENSION as RUNTIME
from plugin.runtime import Runtime, build_runtime
from plugin.settings import Settings
from plugin.store import open_store
from plugin.store.versions import ready
from plugin.translations import gettext, marked, translated
from rules.told import Told

_HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}
_TOLD: Final = ("Allow", "Retry-After", "WWW-Authenticate")
"""Headers that belong to some refusals."""
_ISSUE_TYPES: Final = {404: "not-found", 405: "not-supported", 413: "too-long", 500: "exception"}
SAID_BY_WERKZEUG: Final = (
    *(marked("Bad Request"), marked("The browser (or proxy) sent a request that this server could not understand.")),
    *(marked("Unauthorized"), marked("Forbidden"), marked("Not Found"), marked("Method Not Allowed"), marked("Too Many Requests")),
    marked("The requested URL was not found on the server. If you entered the URL manually please check your spelling and try again."),
    *(marked("The method is not allowed for the requested URL."), marked("Request Entity Too Large")),
    marked("The data value transmitted exceeds the capacity limit."),
)
"""What pages for people show of refusals that the library makes."""


class _Orjson(JSONProvider):
    """Flask's JSON by orjson: strict, UTF-8, fast."""

    def dumps(self, obj: Any, **_: Any) -> str:
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_: Any) -> Any:
        return orjson.loads(s)

    def response(self, *args: Any, **kwargs: Any) -> Response:
        return Response(orjson.dumps(self._prepare_response_obj(args, kwargs)), mimetype="application/json")


def create_app(runtime: Runtime | None = None) -> Flask:
    """The application for ``runtime``; ``None``: as the settings say.

    Raises:
        RuleError: a pack, or a template of messages, is wrong.
        SettingsUnreadable, StoreError: see `plugin.cds.opening.open_cds`.
    """
    from plugin.agency.referring import blueprint as agency_referring
    from plugin.agency.services import blueprint as agency_services
    from plugin.agency.views import blueprint as agency
    from plugin.api.addresses import BLUEPRINTS as API
    from plugin.cds.analytics.views import blueprint as analytics
    from plugin.cds.preview.views import blueprint as preview
    from plugin.findings.views import blueprint as findings
    from plugin.inbound.public import blueprint as asking
    from plugin.inbound.views import blueprint as inbound
    from plugin.listings.views import blueprint as listings
    from plugin.messages import views as messages
    from plugin.observe.views import blueprint as observe
    from plugin.outreach.saved_views import blueprint as saved_views
    from plugin.outreach.views import blueprint as outreach
    from plugin.outreach.wish_views import blueprint as wishes
    from plugin.playground.views import blueprint as playground
    from plugin.referrals.views import blueprint as referrals
    from plugin.subscriptions import views as subscriptions
    from plugin.sweep.views import blueprint as sweeps

    runtime = runtime or build_runtime(Settings())
    app = Flask(__name__)
    app.json = _Orjson(app)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT + 1
    app.extensions[RUNTIME] = runtime
    turns = Turns(runtime.settings.cds.calls_at_once, runtime.settings.cds.wait_seconds)
    overload.install(app, turns)
    store = ready(open_store(runtime.settings.database_url))
    cds.install(app, open_cds(runtime, store, turns=turns))
    access.install(app, runtime.settings, store)
    translations.install(app)
    for blueprint in (
        health.blueprint,
        jwks.blueprint,
        language_views.blueprint,
        openapi.blueprint,
        findings,
        outreach,
        wishes,
        saved_views,
        agency,
        agency_services,
        agency_referring,
        asking,
        inbound,
        referrals,
        *API,
        listings,
        observe,
        sweeps,
        analytics,
        *((playground,) if runtime.settings.playground.enabled else ()),
        *((preview,) if runtime.settings.cds.preview else ()),
    ):
        app.register_blueprint(blueprint)
    app.register_blueprint(subscriptions.blueprint)
    messages.install(app, runtime)
    app.jinja_env.globals.update(card_preview=runtime.settings.cds.preview, playground=runtime.settings.playground.enabled)
    app.register_error_handler(HTTPException, _refused)
    app.register_error_handler(Forbidden, lambda wrong: _error(403, marked("Not part of your work here"), wrong.args[0]))
    app.register_error_handler(Exception, _failed)
    app.after_request(_with_headers)
    return app


def _with_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint != "static":
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _refused(error: HTTPException) -> Response:
    """404, 405, 413 and their like, in the form that the asking program or person can read."""
    status = error.code or 500
    if status < 400:
        return make_response(error.get_response())
    response = _error(status, error.name, error.description or error.name)
    response.headers.update({name: value for name, value in error.get_headers() if name in _TOLD})
    return response


def _failed(error: Exception) -> Response:
    """A defect of ours: the log has its place, the answer the id to ask for."""
    error_id = logged("request_failed", error)
    response = _error(
        500, marked("Something went wrong here"), Told("If it happens again, tell the administrator this error id: %(id)s", id=error_id)
    )
    response.headers[ERROR_ID_HEADER] = error_id
    return response


def _error(status: int, title: str, text: str) -> Response:
    if cds.is_for_cds():
        return make_response(jsonify(operation_outcome(_ISSUE_TYPES.get(status, "invalid"), text)), status)
    if access.is_for_api():
        return problem(status, title, text)
    if request.path.startswith("/health/") or not request.accept_mimetypes.accept_html:
        return make_response(jsonify({"status": status, "error": title, "detail": text}), status)
    return make_response(render_template("problem.html", title=gettext(title), text=translated(text)), status)
