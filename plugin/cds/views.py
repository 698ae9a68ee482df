"""CDS Hooks over HTTP: discovery, the services, feedback. Who calls is found out first; what is not known of them is not told."""

import logging
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import Final

from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, make_response, request

from plugin.cds.body import parsed, read_json, read_text
from plugin.cds.clients.client import Client
from plugin.cds.cors import allow_origin, readers
from plugin.cds.door import HEADERS, caller, refusal
from plugin.cds.feedback import BadFeedback, parse_feedback
from plugin.cds.gathering import PatientUnavailable
from plugin.cds.opening import Cds
from plugin.cds.request import BadCall, parse_call
from plugin.cds.service import Answer, Undecided
from plugin.cds.services import Service, discovery, etag, is_known, named, offered_to
from plugin.cds.trouble import ERROR_ID_HEADER, operation_outcome
from plugin.cds.trust import Unauthorized
from plugin.cds.validate import feedback_problems, request_problems
from plugin.observe.cds import FEEDBACK, REFUSED, timed

LOG = logging.getLogger(__name__)

PATH: Final = "/cds-services"
EXTENSION: Final = "almoner.cds"
"""The key of `Cds` among the application's extensions."""
_TOLD: Final = 5
"""Problems of one message that the log tells; one of feedback may have thousands."""

blueprint = Blueprint("cds", __name__, url_prefix=PATH)


def install(app: Flask, service: Cds) -> None:
    """Serve CDS Hooks: the addresses of the service, and the door before all that lies below them, even what there is not."""
    app.extensions[EXTENSION] = service
    app.register_blueprint(blueprint)
    app.before_request(_let_in)
    app.after_request(_closed)


def is_for_cds() -> bool:
    """Whether the current request is for the service."""
    return request.path == PATH or request.path.startswith(f"{PATH}/")


def _let_in() -> Response | None:
    """Find out who calls. A preflight of a browser carries no token, and is told nothing."""
    if not is_for_cds():
        return None
    came = perf_counter()
    try:
        g.cds_client = None if request.method == "OPTIONS" else caller(cds().trust)
    except Unauthorized:
        REFUSED.inc()
        return refusal()
    g.cds_door = (perf_counter() - came) * 1000
    return None


def _closed(response: Response) -> Response:
    """Whose pages may read the answer, and that it is no page itself."""
    if is_for_cds():
        allow_origin(response, readers(g.get("cds_client"), cds().clients), ERROR_ID_HEADER)
        response.headers.update(HEADERS)
    return response


@blueprint.get("")
def discover() -> Response:
    """The services on offer to this client."""
    client = _client()
    body = discovery(client.profile, cds().services, same_id=client.settings.replaces_cards)
    tag = etag(body)
    response = make_response("", 304) if is_known(request.headers.get("If-None-Match"), tag) else jsonify(body)
    response.headers["ETag"] = tag
    response.headers["Cache-Control"] = "private, no-cache"
    response.vary.add("Authorization")
    return response


@blueprint.post("/<service_id>")
def call(service_id: str) -> Response:
    """Answer a hook, when it is its turn."""
    behind, text = _behind(service_id), read_text()
    came = perf_counter()
    with cds().turns.taken() as waited:
        response = _called(behind, text)
    times = {"door": g.cds_door, "wait": waited * 1000}
    timed(times)
    told = _told(times | {"total": g.cds_door + (perf_counter() - came) * 1000})
    response.headers["Server-Timing"] = ", ".join(filter(None, (told, response.headers.get("Server-Timing"))))
    return response


def _called(behind: tuple[Service, ...], text: bytes) -> Response:
    began = perf_counter()
    body = parsed(text)
    try:
        asked = parse_call(body, *(service.hook.name for service in behind))
    except BadCall as wrong:
        return _refusal(400, "invalid", str(wrong))
    if problems := request_problems(body):
        LOG.warning("hook_call_not_conformant client=%s problems=%s", _client().name, "; ".join(problems))
    service = next(each for each in behind if each.hook.name == asked.hook)
    read = {"read": (perf_counter() - began) * 1000}
    timed(read)
    try:
        return _answered(cds().advisor.answer(service, asked, _client()), read)
    except PatientUnavailable as missing:
        return _missing(missing.keys)
    except Undecided as missing:
        return _missing(missing.keys)


@blueprint.post("/<service_id>/feedback")
def feedback(service_id: str) -> Response:
    """Take note of what became of cards. What cannot be used is kept aside and counted: sending it again would change nothing."""
    _behind(service_id)
    body = read_json()
    try:
        message = parse_feedback(body)
    except BadFeedback as wrong:
        return _refusal(400, "invalid", str(wrong))
    if problems := feedback_problems(body):
        LOG.warning("feedback_not_conformant client=%s count=%d problems=%s", _client().name, len(problems), "; ".join(problems[:_TOLD]))
    taken = cds().take(message, _client())
    FEEDBACK.labels(_client().name, "taken").inc(taken.taken)
    FEEDBACK.labels(_client().name, "quarantined").inc(taken.quarantined.total())
    LOG.info("feedback client=%s service=%s taken=%d quarantined=%d", _client().name, service_id, taken.taken, taken.quarantined.total())
    return jsonify({})


def cds() -> Cds:
    """The service of the application."""
    found: Cds = current_app.extensions[EXTENSION]
    return found


def _client() -> Client:
    client: Client = g.cds_client
    return client


def _behind(service_id: str) -> tuple[Service, ...]:
    client, services = _client(), cds().services
    found = named(service_id, offered_to(client.profile, services), same_id=client.settings.replaces_cards)
    if not found:
        abort(404, "there is no such service")
    return found


def _answered(answer: Answer, before: Mapping[str, float]) -> Response:
    response = jsonify(answer.body)
    response.headers["Server-Timing"] = _told({**before, **answer.durations})
    if answer.error_id:
        response.headers[ERROR_ID_HEADER] = answer.error_id
    return response


def _told(durations: Mapping[str, float]) -> str:
    """Steps with their milliseconds, as ``Server-Timing`` has them."""
    return ", ".join(f"{step};dur={duration:.1f}" for step, duration in durations.items())


def _missing(keys: Iterable[str]) -> Response:
    return _refusal(412, "required", *(f"prefetch '{key}' is missing and could not be read from fhirServer" for key in keys))


def _refusal(status: int, code: str, *messages: str) -> Response:
    return make_response(jsonify(operation_outcome(code, *messages)), status)
