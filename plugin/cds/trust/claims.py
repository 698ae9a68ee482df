"""What a token says: who sent it, to whom, when, and which one it is."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from plugin.cds.trust.reasons import Reason, Unauthorized

LONGEST_LIFE: Final = 900
"""Seconds from ``iat`` to ``exp``. The specification's examples live for five minutes, Epic's tokens for fifteen."""
_LONGEST_JTI: Final = 1024
_MOST_AUDIENCES: Final = 20
_LAST_TIME: Final = 253_402_300_800
"""The end of the year 9999."""


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that count here. Times are seconds since 1970."""

    issuer: str
    tenant: str | None
    audiences: tuple[str, ...]
    issued: float
    expires: float
    not_before: float
    id: str
    """Any text: not every client makes a UUID (``jti``)."""


def claims(payload: Mapping[str, Any]) -> Claims:
    """The claims of a token. Raises `Unauthorized` if one is missing (``tenant`` and ``nbf`` may be), or of another kind."""
    issued = _time(payload.get("iat"))
    return Claims(
        issuer=_text(payload.get("iss")),
        tenant=_text(payload["tenant"]) if "tenant" in payload else None,
        audiences=_audiences(payload.get("aud")),
        issued=issued,
        expires=_time(payload.get("exp")),
        not_before=_time(payload["nbf"]) if "nbf" in payload else issued,
        id=_text(payload.get("jti"), _LONGEST_JTI),
    )


def check(found: Claims, audiences: Collection[str], now: float, leeway: float) -> None:
    """Raises `Unauthorized` unless the token is meant for one of ``audiences`` and good at ``now``, give or take ``leeway`` seconds."""
    if not set(found.audiences) & set(audiences):
        raise Unauthorized(Reason.AUDIENCE)
    if not found.issued < found.expires:
        raise Unauthorized(Reason.CLAIMS)
    if found.expires - found.issued > LONGEST_LIFE:
        raise Unauthorized(Reason.TOO_LONG_LIVED)
    if now >= found.expires + leeway:
        raise Unauthorized(Reason.EXPIRED)
    if now < max(found.issued, found.not_before) - leeway:
        raise Unauthorized(Reason.NOT_YET)


def _text(value: Any, most: int = 2048) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > most:
        raise Unauthorized(Reason.CLAIMS)
    return value


def _time(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < _LAST_TIME:
        raise Unauthorized(Reason.CLAIMS)
    return float(value)


def _audiences(value: Any) -> tuple[str, ...]:
    if isinstance(value, str):
        return (_text(value),)
    if not isinstance(value, list) or not 0 < len(value) <= _MOST_AUDIENCES:
        raise Unauthorized(Reason.CLAIMS)
    return tuple(_text(each) for each in value)
