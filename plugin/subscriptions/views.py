"""``/subscriptions``: servers tell that something changed. It is kept and answered at once; the looking comes later."""

from typing import Any

import orjson
from flask import Blueprint, Response, abort, request

from fhir_adapters.subscriptions import NotANotification, read_notification
from plugin.cds.body import read_body
from plugin.runtime import runtime
from plugin.subscriptions.box import inbox_of

blueprint = Blueprint("subscriptions", __name__, url_prefix="/subscriptions")


@blueprint.post("/<key>")
@blueprint.put("/<key>/<resource_type>/<resource_id>")
def notified(key: str, resource_type: str | None = None, resource_id: str | None = None) -> Response:
    """Keep a notification. 401 without the subscription's secret, 400 if it is none, 200 as soon as it is safe on disk."""
    inbox = inbox_of(runtime().settings)
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if inbox is None or scheme.lower() != "bearer" or not inbox.admits(key, secret.strip()):
        abort(401, "The subscription is not known, or the secret is not its own.")
    focus = f"{resource_type}/{resource_id}" if resource_type else None
    try:
        inbox.receive(key, read_notification(_parsed(), focus))
    except NotANotification as problem:
        abort(400, str(problem))
    return Response(status=200)


def _parsed() -> Any:
    content = read_body()
    if not content.strip():
        return None
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError:
        raise NotANotification("the body is not JSON") from None
