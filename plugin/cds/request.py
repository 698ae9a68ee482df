"""A hook call, read leniently: what we need must be there, what we do not know is ignored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

_ID: Final = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")


class BadCall(Exception):
    """The body cannot be used. The message names the member, never its value."""


@dataclass(frozen=True, slots=True)
class HookCall:
    """What the service needs of a call."""

    patient: str
    prefetch: Mapping[str, Any]
    """Empty if the client sent none."""
    fhir_server: str | None
    """Where missing data could be read; ``None`` also if the authorization that came with it cannot be used."""
    token: str | None = field(default=None, repr=False)
    """For this call only: never kept, never logged."""


def parse_call(body: Any, hook: str) -> HookCall:
    """The parsed JSON of a call to a service for ``hook``.

    Raises:
        BadCall: it is not a call of this hook for one patient.
    """
    call = _object(body, "the body")
    _text(call, "hookInstance")
    if _text(call, "hook") != hook:
        raise BadCall(f"this service answers the hook {hook}")
    context = _object(call.get("context"), "context")
    if not _ID.fullmatch(_text(context, "patientId", "context.patientId")):
        raise BadCall("context.patientId is not the id of a Patient")
    prefetch = call.get("prefetch")
    return HookCall(context["patientId"], {} if prefetch is None else _object(prefetch, "prefetch"), *_server(call))


def _server(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    server, authorization = call.get("fhirServer"), call.get("fhirAuthorization")
    if not isinstance(server, str):
        return None, None
    if authorization is None:
        return server, None
    token = authorization.get("access_token") if isinstance(authorization, dict) else None
    return (server, token) if isinstance(token, str) and _TOKEN.fullmatch(token) else (None, None)


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadCall(f"{name} must be a JSON object")
    return value


def _text(parent: Mapping[str, Any], name: str, shown: str = "") -> str:
    value = parent.get(name)
    if not isinstance(value, str) or not value:
        raise BadCall(f"{shown or name} is missing")
    return value
