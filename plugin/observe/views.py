"""``/metrics``, for Prometheus: from this machine, unless the settings open it."""

from flask import Blueprint, Response, abort, request

from plugin.cds.trust.places import is_loopback
from plugin.observe import metrics
from plugin.runtime import runtime

blueprint = Blueprint("observe", __name__)


@blueprint.get("/metrics")
def show() -> Response:
    """The metrics as text."""
    if not runtime().settings.open_metrics and not is_loopback(request.remote_addr or ""):
        abort(404)
    body, kind = metrics.text(runtime().settings.state)
    return Response(body, content_type=kind)
