"""Signed tokens in compact form (RFC 7515), read more strictly than libraries do: what can be read in two ways is not read at all."""

import json
import re
from base64 import b64encode, urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jwt

from plugin.cds.trust.keys import VerifyingKey
from plugin.cds.trust.reasons import Reason, Unauthorized

LONGEST: Final = 16 << 10
"""Characters of a token."""
_COMPACT: Final = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]*)\.([A-Za-z0-9_-]*)", re.ASCII)
_REFUSED: Final = frozenset({"crit", "b64", "jwk", "x5c", "x5u"})
"""Members that would change what is signed, or bring the key along."""


@dataclass(frozen=True, slots=True)
class Jws:
    """A token whose signature nobody has looked at yet."""

    header: Mapping[str, Any]
    payload: bytes
    signed: bytes
    """What the signature is over."""
    signature: bytes


def read(token: str) -> Jws:
    """The token, taken apart. Raises `Unauthorized`."""
    found = _COMPACT.fullmatch(token) if len(token) <= LONGEST else None
    if found is None:
        raise Unauthorized(Reason.MALFORMED)
    header, payload, signature = (_decoded(part) for part in found.groups())
    members = strict_object(header)
    if not _REFUSED.isdisjoint(members):
        raise Unauthorized(Reason.HEADER)
    return Jws(members, payload, token.rpartition(".")[0].encode(), signature)


def verify(jws: Jws, key: VerifyingKey) -> None:
    """Raises `Unauthorized` unless ``key`` signed it, by the one algorithm that this key is for."""
    if jws.header.get("alg") != key.algorithm:
        raise Unauthorized(Reason.ALGORITHM)
    if not jwt.get_algorithm_by_name(key.algorithm).verify(jws.signed, key.public, jws.signature):
        raise Unauthorized(Reason.SIGNATURE)


def strict_object(text: bytes) -> dict[str, Any]:
    """A JSON object in UTF-8 that names nothing twice. Raises `Unauthorized`."""
    try:
        found: Any = json.loads(text.decode(), object_pairs_hook=_named_once, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Unauthorized(Reason.MALFORMED) from None
    if not isinstance(found, dict):
        raise Unauthorized(Reason.MALFORMED)
    return found


def _decoded(part: str) -> bytes:
    """The bytes that ``part`` stands for; there is one way only to write them."""
    try:
        found = urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise Unauthorized(Reason.MALFORMED) from None
    if b64encode(found, b"-_").rstrip(b"=") != part.encode():
        raise Unauthorized(Reason.MALFORMED)
    return found


def _named_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found


def _no_number(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
