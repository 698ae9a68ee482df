"""What a program asks for: arguments of an address, fields of a body, the version that it saw. What has no meaning is refused."""

import re
from base64 import urlsafe_b64decode
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from typing import Any, Final, NoReturn

import orjson
from flask import request
from werkzeug.exceptions import BadRequest, PreconditionFailed, PreconditionRequired, RequestEntityTooLarge, UnsupportedMediaType

from plugin.store.walking import Place

MOST: Final = 64 * 1024
"""Bytes of a body."""
_VERSION: Final = re.compile(r'"(\d{1,9})(?:-[0-9a-f]+)?"')
_PLACE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{6})?\+00:00) ([!-~]{1,64})")
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
AFTER: Final = 192
"""Characters of what says where the next step of a list begins."""

YES_OR_NO: Final = frozenset({"yes", "no"})
"""Of a field that is true or false."""
Kind = Collection[str] | int | None
"""What a field may be: one of these texts, a text of so many characters at most, or any text."""
Fields = Mapping[str, Kind]


def arguments(allowed: Fields) -> dict[str, str]:
    """Those of the address. Raises 400 for one that there is not, that comes twice, or whose value has no meaning."""
    found = {name: request.args.getlist(name) for name in request.args}
    if unknown := sorted(set(found) - set(allowed)):
        raise BadRequest(f"There is no argument {_shown(unknown[0])} here; there are {', '.join(sorted(allowed)) or 'none'}.")
    for name, values in found.items():
        if len(values) > 1:
            raise BadRequest(f"{name} is one text.")
        check(name, values[0], allowed[name])
    return {name: values[0] for name, values in found.items()}


def place(told: Mapping[str, str]) -> Place | None:
    """Where the step begins that is asked for; ``None``: at the beginning. Raises 400."""
    if "after" not in told:
        return None
    try:
        found = _PLACE.fullmatch(urlsafe_b64decode(told["after"].encode("ascii")).decode("ascii"))
        return Place(datetime.fromisoformat(found[1]), found[2]) if found else _nowhere()
    except ValueError:
        return _nowhere()


def _nowhere() -> NoReturn:
    raise BadRequest("after is what another answer named as next; leave it out to begin.")


def fields(allowed: Fields, needed: Iterable[str] = (), named: Iterable[str] = ()) -> dict[str, str]:
    """Those of the body, a JSON object, as a form would have them; null is as if it were not there, but must be said of what is ``named``.

    Raises:
        BadRequest: it is no such object, or lacks what is ``needed`` or ``named``; 413 and 415 for what is too long, or no JSON.
    """
    return _told(_body(), allowed, needed, named)


def _told(read: Mapping[str, Any], allowed: Fields, needed: Iterable[str] = (), named: Iterable[str] = ()) -> dict[str, str]:
    if unknown := sorted(set(read) - set(allowed)):
        raise BadRequest(f"There is no field {_shown(unknown[0])} here; there are {', '.join(sorted(allowed)) or 'none'}.")
    told = {name: _as_text(name, value, allowed[name]) for name, value in read.items() if value is not None}
    for name, value in told.items():
        check(name, value, allowed[name])
    if missing := [*(name for name in needed if name not in told), *(name for name in named if name not in read)]:
        raise BadRequest(f"Say {', '.join(missing)}.")
    return told


def seen_in(allowed: Fields, most: int) -> tuple[list[tuple[str, int]], dict[str, str]]:
    """Of several things the id and the version that was seen (``chosen``), and the other fields of the body. Raises as `fields`."""
    read = _body()
    chosen = read.get("chosen")
    if not isinstance(chosen, list) or not 0 < len(chosen) <= most:
        raise BadRequest(f"chosen is a list of 1 to {most}.")
    found = [_seen(each) for each in chosen]
    if len(dict(found)) < len(found):
        raise BadRequest("chosen names each once.")
    return found, _told({name: value for name, value in read.items() if name != "chosen"}, allowed)


def _seen(each: Any) -> tuple[str, int]:
    if isinstance(each, dict) and set(each) == {"id", "version"}:
        id, version = each["id"], each["version"]
        if isinstance(id, str) and _ID.fullmatch(id) and type(version) is int and 0 <= version < 10**9:
            return id, version
    raise BadRequest("Each of chosen has an id, and the version that was seen of it.")


def _body() -> dict[str, Any]:
    if not request.is_json:
        if request.content_length or "Transfer-Encoding" in request.headers:
            raise UnsupportedMediaType("Send JSON: Content-Type: application/json.")
        return {}
    sent = request.get_data()
    if len(sent) > MOST:
        raise RequestEntityTooLarge(f"A body has at most {MOST} bytes.")
    try:
        read = orjson.loads(sent or b"{}")
    except orjson.JSONDecodeError:
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(read, dict):
        raise BadRequest("The body is a JSON object.")
    return read


def version() -> int:
    """The version that If-Match names. Raises 428 if it names none, and 412 if it names what no answer of ours was."""
    sent = request.headers.get("If-Match", "").strip()
    if not sent:
        raise PreconditionRequired("Say what you saw: send the ETag of the answer that you act on as If-Match.")
    found = _VERSION.fullmatch(sent)
    if found is None:
        raise PreconditionFailed("If-Match is not the ETag of an answer: read it again, and send its ETag.")
    return int(found[1])


def _as_text(name: str, value: Any, kind: Kind) -> str:
    if kind is YES_OR_NO:
        if not isinstance(value, bool):
            raise BadRequest(f"{name} is true or false.")
        return "yes" if value else "no"
    if not isinstance(value, str):
        raise BadRequest(f"{name} is one text.")
    return value


def check(name: str, value: str, kind: Kind) -> None:
    """Raises 400 unless ``value`` is of its kind."""
    if "\0" in value:
        raise BadRequest(f"There is a character in {name} that cannot be kept.")
    if isinstance(kind, int):
        if len(value) > kind:
            raise BadRequest(f"{name} has at most {kind} characters.")
    elif kind is not None and value not in kind:
        raise BadRequest(f"{name} is one of {', '.join(kind)}.")


def _shown(name: str) -> str:
    """The name of a field as it may stand in an answer: somebody may have mistaken a value for a name."""
    return name if re.fullmatch(r"[a-z_]{1,32}", name) else "of that name"
