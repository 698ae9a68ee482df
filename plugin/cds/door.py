"""Where a call comes in over HTTP: who makes it, or the one answer that everybody gets who is not let in."""

from datetime import UTC, datetime
from typing import Final

from flask import Response, jsonify, make_response, request

from plugin.cds.clients.client import Client
from plugin.cds.trouble import operation_outcome
from plugin.cds.trust import Trust

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""Of every answer of the service. Nothing in it is a page; browsers heed the second one only where it came over https."""


def caller(trust: Trust) -> Client:
    """The client that makes the current request. Raises `plugin.cds.trust.Unauthorized`.

    A preflight (OPTIONS) carries no token: do not ask for it.
    """
    return trust.client_of(request.headers.get("Authorization"), request.base_url, datetime.now(UTC), request.remote_addr)


def refusal() -> Response:
    """The answer to a call that is not let in: the same to the byte, whatever the reason."""
    response = make_response(jsonify(operation_outcome("security", "this call is not authorised")), 401)
    response.headers["WWW-Authenticate"] = "Bearer"
    return response
