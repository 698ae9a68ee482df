"""The least scopes that do: what is needed, in the syntax that the server speaks, without what it does not have."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from fhir_adapters.smart.discovery import Endpoints
from fhir_adapters.vendors import GENERIC, Vendor

READ: Final = "rs"
"""Read and search, in the letters of SMART 2: create, read, update, delete, search."""
WRITE: Final = "crus"
"""Never delete; and what is written is searched for first."""
_LETTERS: Final = "cruds"
_VERSION_1: Final = {"read": "rs", "write": "cud", "*": "cruds"}
_SCOPE: Final = re.compile(r"system/([A-Za-z]+|\*)\.(read|write|\*|[cruds]+)(\?.*)?")


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask the token endpoint for."""

    scopes: tuple[str, ...]
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Resource type → why it is not asked for although it is needed."""


def plan(needs: Mapping[str, str], endpoints: Endpoints, types: Collection[str] | None = None, vendor: Vendor = GENERIC) -> Plan:
    """Scopes for ``needs`` (resource type → letters), in this order: a server refuses the whole request for one type that it lacks.

    ``types`` are those of the server's CapabilityStatement; ``None``: it could not be read, and nothing is left out for it.
    """
    version_2 = speaks_version_2(endpoints, vendor)
    offered = [scope for scope in endpoints.scopes if _SCOPE.fullmatch(scope)]
    scopes: list[str] = []
    left_out: dict[str, str] = {}
    for name, letters in needs.items():
        wanted = written(name, letters, version_2=version_2)
        if types is not None and name not in types:
            left_out[name] = "the server does not have this type"
        elif name in vendor.without:
            left_out[name] = f"{vendor.title} does not offer this type"
        elif offered and missing(wanted, offered):
            left_out[name] = "not among the scopes that the server says it supports"
        else:
            scopes += wanted
    return Plan(tuple(scopes), left_out)


def speaks_version_2(endpoints: Endpoints, vendor: Vendor = GENERIC) -> bool:
    """Whether scopes are written ``system/Task.rs``; else ``system/Task.read``, which servers knew before they announced a version."""
    if vendor.scopes != "as it says":
        return vendor.scopes == "v2"
    if {"permission-v1", "permission-v2"} & endpoints.capabilities:
        return "permission-v2" in endpoints.capabilities
    found = (_SCOPE.fullmatch(scope) for scope in endpoints.scopes)
    return any(match is not None and match[2] not in _VERSION_1 for match in found)


def written(name: str, letters: str, *, version_2: bool) -> list[str]:
    """The scopes that give ``letters`` on a type and, in version 1, as little else as can be."""
    if version_2:
        return [f"system/{name}.{letters}"]
    words = [word for word, gives in (("read", "rs"), ("write", "cud")) if set(letters) & set(gives)]
    return [f"system/{name}.{word}" for word in words]


def missing(asked: Iterable[str], granted: Iterable[str]) -> tuple[str, ...]:
    """Those of ``asked`` that ``granted`` does not wholly cover, in either syntax. A scope limited by a query covers nothing whole."""
    given: dict[str, set[str]] = {}
    texts = set(granted)
    for scope in texts:
        match = _SCOPE.fullmatch(scope)
        if match and not match[3]:
            given.setdefault(match[1], set()).update(_VERSION_1.get(match[2], match[2]))
    return tuple(scope for scope in asked if scope not in texts and not _covered(scope, given))


def _covered(scope: str, given: Mapping[str, set[str]]) -> bool:
    match = _SCOPE.fullmatch(scope)
    if match is None:
        return False
    return set(_VERSION_1.get(match[2], match[2])) <= given.get(match[1], set()) | given.get("*", set())


def joined(letters: Iterable[str]) -> str:
    """Several demands on one type as one, the letters in the order that SMART asks for."""
    wanted = set("".join(letters))
    return "".join(letter for letter in _LETTERS if letter in wanted)
