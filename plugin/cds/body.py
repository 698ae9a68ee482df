"""Reading a request's body: whole, and within bounds."""

from typing import Any, Final

import orjson
from flask import abort, request

LIMIT: Final = 10 * 1024 * 1024
"""Bytes. The application's ``MAX_CONTENT_LENGTH`` is one more: at exactly that many a chunked body has been cut without a word."""


def read_body() -> bytes:
    """The body of the current request: 413 if it is larger than `LIMIT`, 400 if less came than was announced."""
    body = request.get_data(cache=False)
    if len(body) > LIMIT:
        abort(413)
    if request.content_length not in (None, len(body)):
        abort(400, "the body is shorter than announced")
    return body


def read_json() -> Any:
    """The body as JSON: 415 if it is said to be something else, 400 if it is not JSON."""
    if "json" not in request.mimetype:
        abort(415, "send the body as application/json")
    try:
        return orjson.loads(read_body())
    except orjson.JSONDecodeError:
        abort(400, "the body is not JSON")
