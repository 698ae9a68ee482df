"""What a Reference points at, in every form in which one is written.

Absolute, relative and versioned URLs, ``urn:uuid:`` inside a Bundle and ``#`` inside a resource lead to a type and an id. A logical
reference (an identifier, or a search by one) says who is meant without saying where: it becomes a *key* that is settled when all
Patients have been read (`fhir_adapters.linking`).
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

_LITERAL: Final = re.compile(
    r"(?:https?://[^?#\s]+/)?([A-Z][A-Za-z]{1,63})/([A-Za-z0-9\-._]{1,128})(?:/_history/([A-Za-z0-9\-._]+))?", re.ASCII
)
_SEARCH: Final = re.compile(r"Patient\?identifier=([^&#\s]+)", re.ASCII)
_BETWEEN: Final = "|"
"""Parts system and value of a key, as in a FHIR search. It is in no id, so that a key is never taken for one."""

NO_URLS: Final[Mapping[str, str]] = {}


class Target(NamedTuple):
    """The resource that a Reference leads to. ``version`` is empty unless it names one."""

    type: str
    id: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.type}/{self.id}"


class Identifier(NamedTuple):
    """A business identifier: a number in its system. Without either it identifies nobody."""

    system: str
    value: str

    @property
    def key(self) -> str:
        """``system|value``: stands for a Patient's id until it is known whose it is."""
        return f"{self.system}{_BETWEEN}{self.value}"


def literal(reference: Any, urls: Mapping[str, str] = NO_URLS) -> Target | None:
    """Where a Reference leads; ``None`` if it does not say so itself.

    ``urls`` gives, for the ``fullUrl`` of each entry of the same Bundle, its ``Type/id``.
    """
    text = reference.get("reference") if isinstance(reference, dict) else None
    if not isinstance(text, str):
        return None
    text = text.strip()
    return _target(urls.get(text, text))


@lru_cache(maxsize=256)
def _target(text: str) -> Target | None:
    """Kept for a while: one person's resources all refer to that person."""
    found = _LITERAL.fullmatch(text)
    return Target(found[1], found[2], found[3] or "") if found else None


def contained(resource: Mapping[str, Any], reference: Any, type: str) -> dict[str, Any] | None:
    """The resource of this type inside ``resource`` that a Reference such as ``#med`` names; ``None`` if there is none."""
    link = reference.get("reference") if isinstance(reference, dict) else None
    inside = resource.get("contained")
    for item in inside if isinstance(inside, list) else []:
        if isinstance(item, dict) and item.get("resourceType") == type and link == f"#{item.get('id')}":
            return item
    return None


def identifiers(value: Any) -> tuple[Identifier, ...]:
    """Of an Identifier or a list of them those that have both a system and a value."""
    items = value if isinstance(value, list) else [value]
    parts = [(item.get("system"), item.get("value")) for item in items if isinstance(item, dict)]
    texts = [(s.strip(), v.strip()) for s, v in parts if isinstance(s, str) and isinstance(v, str)]
    return tuple(dict.fromkeys(Identifier(system, number) for system, number in texts if system and number))


def is_key(patient: str) -> bool:
    """Whether this stands for somebody who is known by an identifier only."""
    return _BETWEEN in patient


def patient_id(subject: Any, urls: Mapping[str, str] = NO_URLS) -> str | None:
    """The Patient's id from a Reference; ``None`` if it does not say who it is, or it is no Patient."""
    target = literal(subject, urls)
    return target.id if target and target.type == "Patient" else None


def patient_key(subject: Any, urls: Mapping[str, str], resource: Mapping[str, Any]) -> str | None:
    """The Patient's id, else the key of an identifier: the Reference's own, that of a search, or of the contained Patient it names."""
    if not isinstance(subject, dict):
        return None
    target = literal(subject, urls)
    if target is not None:
        return target.id if target.type == "Patient" else None
    known = () if subject.get("type", "Patient") != "Patient" else identifiers(subject.get("identifier"))
    known = known or _searched(subject.get("reference"))
    if not known:
        inside = contained(resource, subject, "Patient")
        known = identifiers(inside.get("identifier")) if inside else ()
    return known[0].key if known else None


def _searched(reference: Any) -> tuple[Identifier, ...]:
    found = _SEARCH.fullmatch(reference.strip()) if isinstance(reference, str) else None
    system, _, value = unquote(found[1]).partition(_BETWEEN) if found else ("", "", "")
    return (Identifier(system, value),) if system and value else ()


def patient_among(participants: Any, urls: Mapping[str, str], resource: Mapping[str, Any]) -> str | None:
    """The one Patient among the participants of an Appointment; ``None`` if there is none, or more than one."""
    listed = participants if isinstance(participants, list) else []
    found = {patient_key(item.get("actor"), urls, resource) for item in listed if isinstance(item, dict)} - {None}
    return found.pop() if len(found) == 1 else None
