"""How answers are made: with an ETag, and 304 for whoever has it; lists step by step, each with the way to the next (RFC 8288)."""

from base64 import urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from flask import Response, request

from plugin.store.walking import Place

Json = dict[str, Any]
_JSON: Final = "application/json"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Slice:
    """A step of a list."""

    items: Sequence[Json]
    total: int
    """How many the whole list has."""
    last: Place | None = None
    """After which the next step begins; ``None``: there is none."""
    more: bool = False
    """Whether there are more than were counted."""

    @property
    def next(self) -> str | None:
        """What is sent as ``after`` for the next step."""
        return None if self.last is None else urlsafe_b64encode(f"{self.last.at.isoformat()} {self.last.id}".encode()).decode()

    def to_json(self) -> Json:
        """As it is answered."""
        return {"items": self.items, "total": self.total, "more": self.more, "next": self.next}


def listing(found: Slice, asked: Mapping[str, str]) -> Response:
    """A step, with links to the first and the next: the address of the call with what was ``asked``."""
    response = _json(found.to_json())
    begun = {name: value for name, value in asked.items() if name != "after"}
    _link(response, "first", begun)
    if found.next:
        _link(response, "next", {**begun, "after": found.next})
    return response


def _link(response: Response, name: str, asked: Mapping[str, str]) -> None:
    query = urlencode(asked)
    response.headers.add("Link", f'<{request.path}{"?" if query else ""}{query}>; rel="{name}"')


def slice_only(found: Slice) -> Response:
    """A step of what was searched for by a body, to which no link can lead."""
    return _json(found.to_json())


def whole(body: Json) -> Response:
    """One thing. Its ETag has its version, and a digest of all that is told of it: what stands against a call may change without it."""
    text = orjson.dumps(body)
    tag = f"{body['version']}-{sha256(text).hexdigest()[:_DIGITS]}"
    known = request.if_none_match.contains_weak(tag)
    response = Response(status=HTTPStatus.NOT_MODIFIED, mimetype=_JSON) if known else Response(text, mimetype=_JSON)
    response.set_etag(tag)
    # Whoever called may keep it for the next If-None-Match, and nobody between us.
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def done(body: Json) -> Response:
    """What was done: ids, and the new version to act on, which is its ETag, too, if it is one thing that has versions."""
    response = _json(body)
    if "version" in body:
        response.set_etag(str(body["version"]))
    return response


def _json(body: Json) -> Response:
    return Response(orjson.dumps(body), HTTPStatus.OK, mimetype=_JSON)
