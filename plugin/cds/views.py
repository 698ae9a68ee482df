"""CDS Hooks over HTTP: discovery, the service, feedback."""

import logging
from collections import Counter
from typing import Final

from flask import Blueprint, Response, abort, current_app, jsonify, make_response

from plugin.cds.body import read_json
from plugin.cds.gathering import PatientUnavailable
from plugin.cds.request import BadCall, parse_call
from plugin.cds.service import HOOK, SERVICE_ID, PatientViewService
from plugin.cds.trouble import ERROR_ID_HEADER, operation_outcome
from plugin.cds.validate import feedback_problems, request_problems

LOG = logging.getLogger(__name__)

PATH: Final = "/cds-services"
EXTENSION: Final = "almoner.cds"
"""The key of the `PatientViewService` among the application's extensions."""

blueprint = Blueprint("cds", __name__, url_prefix=PATH)


@blueprint.get("")
def discover() -> Response:
    """The services on offer."""
    return jsonify({"services": [_service().discovery()]})


@blueprint.post("/<service_id>")
def call(service_id: str) -> Response:
    """Answer a hook."""
    _check(service_id)
    body = read_json()
    try:
        parsed = parse_call(body, HOOK)
    except BadCall as wrong:
        return _refusal(400, "invalid", str(wrong))
    if problems := request_problems(body):
        LOG.warning("hook_call_not_conformant problems=%s", "; ".join(problems))
    try:
        answer = _service().answer(parsed)
    except PatientUnavailable as missing:
        return _refusal(412, "required", *(f"prefetch '{key}' is missing and could not be read from fhirServer" for key in missing.keys))
    response = jsonify(answer.body)
    if answer.error_id:
        response.headers[ERROR_ID_HEADER] = answer.error_id
    return response


@blueprint.post("/<service_id>/feedback")
def feedback(service_id: str) -> Response:
    """Take note of what became of cards."""
    _check(service_id)
    body = read_json()
    if problems := feedback_problems(body):
        return _refusal(400, "invalid", *problems[:10])
    outcomes = Counter(entry["outcome"] for entry in body["feedback"])
    LOG.info("feedback service=%s accepted=%d overridden=%d", service_id, outcomes["accepted"], outcomes["overridden"])
    return jsonify({})


def _service() -> PatientViewService:
    service: PatientViewService = current_app.extensions[EXTENSION]
    return service


def _check(service_id: str) -> None:
    if service_id != SERVICE_ID:
        abort(404, "there is no such service")


def _refusal(status: int, code: str, *messages: str) -> Response:
    return make_response(jsonify(operation_outcome(code, *messages)), status)
