"""How answers are made: with an ETag, and 304 for whoever has it; pages with their neighbours (RFC 8288)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from flask import Response, request

Json = dict[str, Any]
_JSON: Final = "application/json"
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Slice:
    """A page of a list."""

    items: Sequence[Json]
    total: int
    """How many there are on all pages."""
    number: int
    size: int
    more: bool = False
    """Whether there are more than were counted."""

    @property
    def pages(self) -> int:
        """How many there are, at least one."""
        return max(1, -(-self.total // self.size))

    def to_json(self) -> Json:
        """As it is answered."""
        return {"items": self.items, "total": self.total, "more": self.more, "page": self.number, "pages": self.pages}


def listing(found: Slice, asked: Mapping[str, str]) -> Response:
    """A page, with links to others: the same address with what was ``asked``. Such links are relative to the address of the call."""
    numbers = {"first": 1, "prev": found.number - 1, "next": found.number + 1, "last": found.pages}
    response = _json(found.to_json())
    for name, number in numbers.items():
        if 1 <= number <= found.pages:
            query = urlencode({**asked, "page": number})
            response.headers.add("Link", f'<{request.path}?{query}>; rel="{name}"')
    return response


def slice_only(found: Slice) -> Response:
    """A page of what was searched for by a body, to which no link can lead."""
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
    """What was done: ids, and the new version to act on, which is its ETag, too."""
    response = _json(body)
    response.set_etag(str(body["version"]))
    return response


def _json(body: Json) -> Response:
    return Response(orjson.dumps(body), HTTPStatus.OK, mimetype=_JSON)
