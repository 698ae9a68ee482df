"""What went wrong, as programs read it (RFC 9457). Nothing in it is about a person."""

from flask import Response, jsonify, make_response

MEDIA = "application/problem+json"


def problem(status: int, title: str, detail: str) -> Response:
    """A problem of no type of its own: the status says what kind it is, ``detail`` what to do."""
    response = make_response(jsonify({"type": "about:blank", "title": title, "status": status, "detail": detail}), status)
    response.content_type = MEDIA
    return response
