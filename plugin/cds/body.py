"""Reading a request's body: whole, as it is, and within bounds."""

import re
from typing import Any, Final

import orjson
from flask import abort, request

LIMIT: Final = 10 * 1024 * 1024
"""Bytes. The application's ``MAX_CONTENT_LENGTH`` is one more: at exactly that many a chunked body has been cut without a word."""

DEPTH: Final = 100
"""Levels of objects and arrays. FHIR's deepest, Questionnaires, have some dozens; far below where Python's own functions give up."""

_BRACKETS: Final = bytes.maketrans(b"{}", b"[]")
_OTHERS: Final = bytes(set(range(256)) - set(b'{}[]"'))
_TEXT: Final = re.compile(rb'"[^"]*"')


def read_body() -> bytes:
    """The body of the current request: 413 if it is larger than `LIMIT`, 400 if less came than was announced."""
    body = request.get_data(cache=False)
    if len(body) > LIMIT:
        abort(413)
    if request.content_length not in (None, len(body)):
        abort(400, "the body is shorter than announced")
    return body


def read_json() -> Any:
    """The body as JSON: what `read_text` and `parsed` refuse is refused."""
    return parsed(read_text())


def read_text() -> bytes:
    """The body, which is said to be JSON as it is: 415 if it is said to be something else or is compressed."""
    if "json" not in request.mimetype:
        abort(415, "send the body as application/json")
    if request.headers.get("Content-Encoding", "identity").strip().lower() not in ("", "identity"):
        abort(415, "send the body as it is, not compressed")
    return read_body()


def parsed(text: bytes) -> Any:
    """What JSON says: 400 if it is not JSON or nested too deeply."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        abort(400, "the body is not JSON")
    if is_deeper(text, DEPTH):
        abort(400, f"the body is nested more than {DEPTH} levels deep")
    return body


def is_deeper(text: bytes, most: int) -> bool:
    """Whether JSON has more than ``most`` levels of objects and arrays. ``text`` must be JSON.

    Only its brackets are looked at, which costs a tenth of a walk through what was parsed: the innermost pairs go, level by level.
    """
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")  # from here on a quote begins or ends a text
    left = text.translate(_BRACKETS, _OTHERS).replace(b'""', b"")
    if b'"' in left:
        left = _TEXT.sub(b"", left)
    for _ in range(most):
        if not left:
            return False
        left = left.replace(b"[]", b"")
    return bool(left)
