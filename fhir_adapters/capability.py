"""What a server says it can do, reduced to what we use, and what has changed about that since the last time."""

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import FhirServer

_EXPORTS: Final = {"patient-export": "patient", "group-export": "group"}
_CONDITIONAL: Final = {"conditionalCreate": "create", "conditionalUpdate": "update"}
_DELETES: Final = frozenset({"single", "multiple"})


@dataclass(frozen=True, slots=True)
class TypeCapability:
    """What can be done with one resource type."""

    interactions: frozenset[str] = frozenset()
    """FHIR's codes: ``read``, ``search-type``, ``create`` …"""
    searches: frozenset[str] = frozenset()
    """Names of search parameters."""
    includes: frozenset[str] = frozenset()
    revincludes: frozenset[str] = frozenset()
    conditional: frozenset[str] = frozenset()
    """``create``, ``update``, ``delete``: done on condition that nothing, or one thing, is found."""
    creates_by_update: bool = False
    """PUT may create a resource under an id of our choice."""
    operations: frozenset[str] = frozenset()
    """Without the dollar sign."""


@dataclass(frozen=True, slots=True)
class Capability:
    """A CapabilityStatement in short. Empty: the server does not say."""

    fhir_version: str
    software: str
    """Its name and version."""
    types: dict[str, TypeCapability]
    interactions: frozenset[str]
    """Of the whole server: ``transaction``, ``batch`` …"""
    exports: frozenset[str]
    """Levels of Bulk Data export: ``system``, ``patient``, ``group``."""
    formats: frozenset[str]
    patch_formats: frozenset[str]
    security: frozenset[str]

    def can(self, resource_type: str, interaction: str) -> bool:
        """Whether the server says so; a server that lists no interactions at all for a type is not taken to have none."""
        found = self.types.get(resource_type)
        return found is not None and (not found.interactions or interaction in found.interactions)

    def says(self) -> Iterator[str]:
        """Everything of it as one line each, by which two of them can be compared."""
        yield f"FHIR {self.fhir_version or 'of an unnamed version'}"
        yield f"software: {self.software or 'unnamed'}"
        for label, values in (
            ("server interaction", self.interactions),
            ("export", self.exports),
            ("format", self.formats),
            ("patch format", self.patch_formats),
            ("security", self.security),
        ):
            yield from (f"{label}: {value}" for value in values)
        for name, found in self.types.items():
            yield f"{name}: known"
            if found.creates_by_update:
                yield f"{name}: creates by update"
            for label, values in (
                ("interaction", found.interactions),
                ("search parameter", found.searches),
                ("include", found.includes),
                ("revinclude", found.revincludes),
                ("conditional", found.conditional),
                ("operation", found.operations),
            ):
                yield from (f"{name}: {label} {value}" for value in values)


@dataclass(frozen=True, slots=True)
class Drift:
    """What a server says now and did not say the last time, and the other way round."""

    since: str
    """When it was asked the last time."""
    gone: tuple[str, ...]
    new: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.gone or self.new)


def read_capability(server: FhirServer) -> Capability:
    """Ask ``server`` what it can do. Raises `EhrUnavailable` if it does not say."""
    statement = server.get("metadata")
    if statement.get("resourceType") != "CapabilityStatement":
        raise EhrUnavailable("the answer is not a CapabilityStatement: is this the base URL of a FHIR server?")
    return capability_of(statement)


def capability_of(statement: Json) -> Capability:
    """A CapabilityStatement in short; what is odd in it is passed over."""
    software = statement.get("software")
    software = software if isinstance(software, dict) else {}
    servers = [rest for rest in _dicts(statement.get("rest")) if rest.get("mode", "server") == "server"]
    resources = {
        str(each["type"]): _type(each) for rest in servers for each in _dicts(rest.get("resource")) if isinstance(each.get("type"), str)
    }
    return Capability(
        fhir_version=_text(statement.get("fhirVersion")),
        software=" ".join(filter(None, (_text(software.get("name")), _text(software.get("version"))))),
        types=dict(sorted(resources.items())),
        interactions=_codes(servers, "interaction", "code"),
        exports=frozenset(_exports(servers)),
        formats=_words(statement.get("format")),
        patch_formats=_words(statement.get("patchFormat")),
        security=frozenset(_security(servers)),
    )


def drift(file: Path, capability: Capability, now: datetime) -> Drift | None:
    """What has changed since the snapshot in ``file``, which is replaced by a new one. ``None``: there was none that can be read."""
    said = sorted(capability.says())
    before = _snapshot(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(json.dumps({"at": now.isoformat(timespec="seconds"), "says": said}, indent=1) + "\n", encoding="utf-8")
    temporary.replace(file)
    if before is None:
        return None
    since, earlier = before
    return Drift(since, tuple(sorted(earlier - set(said))), tuple(sorted(set(said) - earlier)))


def _snapshot(file: Path) -> tuple[str, set[str]] | None:
    """When the snapshot in ``file`` was taken, and its lines; ``None`` if there is none that can be read."""
    try:
        found: Any = json.loads(file.read_text(encoding="utf-8"))
        return str(found["at"]), set(map(str, found["says"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _type(resource: Json) -> TypeCapability:
    conditional = {word for name, word in _CONDITIONAL.items() if resource.get(name) is True}
    return TypeCapability(
        interactions=_codes([resource], "interaction", "code"),
        searches=_codes([resource], "searchParam", "name"),
        includes=_words(resource.get("searchInclude")),
        revincludes=_words(resource.get("searchRevInclude")),
        conditional=frozenset(conditional | ({"delete"} if resource.get("conditionalDelete") in _DELETES else set())),
        creates_by_update=resource.get("updateCreate") is True,
        operations=frozenset(name.removeprefix("$") for name in _codes([resource], "operation", "name")),
    )


def _exports(servers: list[Json]) -> Iterator[str]:
    """Servers declare ``$export`` at the type or at the top, by the name of the operation or by that of its definition."""
    for rest in servers:
        for operation in _dicts(rest.get("operation")):
            name, defined = _text(operation.get("name")).removeprefix("$"), _text(operation.get("definition")).rpartition("/")[2]
            if "export" in (name, defined) or {name, defined} & _EXPORTS.keys():
                yield _EXPORTS.get(defined) or _EXPORTS.get(name) or "system"
        for resource in _dicts(rest.get("resource")):
            names = {name.removeprefix("$") for name in _codes([resource], "operation", "name")}
            if resource.get("type") in ("Patient", "Group") and names & {"export", *_EXPORTS}:
                yield str(resource["type"]).lower()


def _security(servers: list[Json]) -> Iterator[str]:
    for rest in servers:
        security = rest.get("security")
        for service in _dicts(security.get("service") if isinstance(security, dict) else None):
            yield from _codes([service], "coding", "code")


def _codes(elements: list[Json], name: str, key: str) -> frozenset[str]:
    return frozenset(each[key] for element in elements for each in _dicts(element.get(name)) if isinstance(each.get(key), str))


def _dicts(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _words(value: Any) -> frozenset[str]:
    return frozenset(each for each in value if isinstance(each, str)) if isinstance(value, list) else frozenset()


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
