"""A hook call, read leniently: what we need must be there, what we do not know is ignored."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from plugin.cds.hooks import HOOKS, Hook
from plugin.cds.hooks import Field as ContextField

_ID: Final = re.compile(r"(?!\.+$)[A-Za-z0-9\-._]{1,128}", re.ASCII)
_REFERENCE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-._]{1,128})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_TOKEN: Final = re.compile(r"[\x21-\x7e]{1,16384}")

Json = dict[str, Any]


class BadCall(Exception):
    """The body cannot be used. The message names the member, never its value."""


@dataclass(frozen=True, slots=True)
class HookCall:
    """What the service needs of a call."""

    hook: str
    instance: str
    """As the client calls this firing of the hook. Some send the same one every time: it identifies nothing."""
    patient: str
    """The id alone."""
    user: str | None
    """``Practitioner/1``; ``None`` if the hook tells of none, or not in a way that can be used."""
    encounter: str | None
    """``Encounter/1``, in the same way."""
    context: Mapping[str, Any] = field(repr=False)
    """The members that the hook has, by their newest names and in the form that the hook gives them; what is unusable is left out.

    ``references`` are lists of ``Type/id``; ``bundle``, ``resource`` and ``resources`` are lists of resources.
    """
    prefetch: Mapping[str, Any] = field(repr=False)
    """Empty if the client sent none."""
    fhir_server: str | None
    """Where missing data could be read; ``None`` also if the authorization that came with it cannot be used."""
    token: str | None = field(default=None, repr=False)
    """For this call only: never kept, never logged."""


def parse_call(body: Any, *hooks: str) -> HookCall:
    """The parsed JSON of a call to a service for ``hooks``: one, or more where services share an id.

    Raises:
        BadCall: it is not a call of one of these hooks for one patient.
    """
    call = _object(body, "the body")
    name = _text(call, "hook")
    if name not in hooks:
        raise BadCall(f"this service answers the hook {' or '.join(hooks)}")
    hook, instance, context = HOOKS[name], _text(call, "hookInstance"), _object(call.get("context"), "context")
    prefetch = call.get("prefetch")
    server, token = _server(call)
    return HookCall(
        hook=name,
        instance=instance,
        patient=_id(context, "patientId", "Patient"),
        user=_user(hook, context),
        encounter=_encounter(context),
        context={f.name: read for f in hook.fields if (read := _member(f, context))},
        prefetch=prefetch if isinstance(prefetch, dict) else {},
        fhir_server=server,
        token=token,
    )


# ---------------------------------------------------------------- who and where


def _id(context: Mapping[str, Any], name: str, resource_type: str) -> str:
    """The id alone; clients also send ``Patient/1``, an address that ends so, or a number."""
    found = _bare(_text(context, name, f"context.{name}"), resource_type)
    if found is None:
        raise BadCall(f"context.{name} is not the id of a {resource_type}")
    return found


def _bare(text: str, resource_type: str) -> str | None:
    if _ID.fullmatch(text):
        return text
    reference = _REFERENCE.fullmatch(text)
    return reference[2] if reference and reference[1] == resource_type and ".." not in text and "?" not in text else None


def _user(hook: Hook, context: Mapping[str, Any]) -> str | None:
    reference = _local(context.get("userId"))
    return reference if reference and reference.partition("/")[0] in hook.user_types else None


def _encounter(context: Mapping[str, Any]) -> str | None:
    value = _plain(context.get("encounterId"))
    found = _bare(value, "Encounter") if value else None
    return f"Encounter/{found}" if found else None


def _server(call: Mapping[str, Any]) -> tuple[str | None, str | None]:
    server, authorization = call.get("fhirServer"), call.get("fhirAuthorization")
    if not isinstance(server, str):
        return None, None
    if authorization is None:
        return server, None
    token = authorization.get("access_token") if isinstance(authorization, dict) else None
    return (server, token) if isinstance(token, str) and _TOKEN.fullmatch(token) else (None, None)


# ---------------------------------------------------------------- the context of a hook


def _member(asked: ContextField, context: Mapping[str, Any]) -> Any:
    """What the context says under one of the names of a member, in the form that it has here; empty if nothing usable."""
    for name in (asked.name, *asked.also):
        if context.get(name) is not None:
            return _formed(asked, context[name])
    return None


def _formed(asked: ContextField, value: Any) -> Any:
    match asked.kind:
        case "id":
            return _plain(value)
        case "user" | "reference":
            return _local(value)
        case "references":
            return [found for each in (value if isinstance(value, list) else [value]) if (found := _local(each))]
    return [resource for resource in _resources(value) if not asked.types or resource["resourceType"] in asked.types]


def _resources(value: Any) -> list[Json]:
    """The resources of a Bundle (its ``type`` may be missing), of a list, or the one that is there."""
    if isinstance(value, dict) and (value.get("resourceType") == "Bundle" or ("resourceType" not in value and "entry" in value)):
        value = value.get("entry")
    return [resource for each in (value if isinstance(value, list) else [value]) if (resource := _resource(each))]


def _resource(value: Any) -> Json | None:
    """A resource, on its own or inside an entry of a Bundle."""
    if isinstance(value, dict) and "resourceType" not in value:
        value = value.get("resource")
    return value if isinstance(value, dict) and isinstance(value.get("resourceType"), str) else None


def _local(value: Any) -> str | None:
    """``Type/id`` of a reference, which may be an address, an object, or a resource."""
    if isinstance(value, dict):
        kind = value.get("resourceType")
        value = f"{kind}/{value.get('id')}" if isinstance(kind, str) else value.get("reference")
    found = _REFERENCE.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}/{found[2]}" if found else None


# ---------------------------------------------------------------- kinds of value


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise BadCall(f"{name} must be a JSON object")
    return value


def _plain(value: Any) -> str | None:
    """A text; a number is taken for the text that it would be."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    return value if isinstance(value, str) and value.strip() else None


def _text(parent: Mapping[str, Any], name: str, shown: str = "") -> str:
    value = _plain(parent.get(name))
    if value is None:
        raise BadCall(f"{shown or name} is missing")
    return value
