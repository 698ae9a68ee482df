"""Reading a request's body: whole, as it is, and within bounds."""

from typing import Any, Final

import orjson
from flask import abort, request

LIMIT: Final = 10 * 1024 * 1024
"""Bytes. The application's ``MAX_CONTENT_LENGTH`` is one more: at exactly that many a chunked body has been cut without a word."""

DEPTH: Final = 100
"""Levels of objects and arrays. FHIR's deepest, Questionnaires, have some dozens; far below where Python's own functions give up."""

_NESTING: Final = frozenset({dict, list})


def read_body() -> bytes:
    """The body of the current request: 413 if it is larger than `LIMIT`, 400 if less came than was announced."""
    body = request.get_data(cache=False)
    if len(body) > LIMIT:
        abort(413)
    if request.content_length not in (None, len(body)):
        abort(400, "the body is shorter than announced")
    return body


def read_json() -> Any:
    """The body as JSON: 415 if it is said to be something else or is compressed, 400 if it is not JSON or nested too deeply."""
    if "json" not in request.mimetype:
        abort(415, "send the body as application/json")
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        abort(415, "send the body as it is, not compressed")
    try:
        body = orjson.loads(read_body())
    except orjson.JSONDecodeError:
        abort(400, "the body is not JSON")
    if is_deeper(body, DEPTH):
        abort(400, f"the body is nested more than {DEPTH} levels deep")
    return body


def is_deeper(value: Any, most: int) -> bool:
    """Whether parsed JSON has more than ``most`` levels of objects and arrays. Level by level, so that no depth is too much for it."""
    level = [value] if type(value) in _NESTING else []
    for _ in range(most):
        level = [child for each in level for child in (each.values() if type(each) is dict else each) if type(child) in _NESTING]
        if not level:
            return False
    return bool(level)
