"""What is to be written: a suggestion of ours as a new resource, or a change of one that is there."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from fhir_adapters.errors import NotWritable
from fhir_adapters.quarantine import Json
from fhir_adapters.writeback.authored import check, check_subject
from fhir_adapters.writeback.bindings import WRITABLE
from fhir_adapters.writeback.edits import Edit
from fhir_adapters.writeback.identity import Key, provenance_id

URN: Final = "urn:uuid:"
_PLACE: Final = re.compile(r"([A-Z][A-Za-z]{1,39})/[A-Za-z0-9\-.]{1,64}", re.ASCII)
_RUN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,63}", re.ASCII)
_TYPES: Final = "http://terminology.hl7.org/CodeSystem/provenance-participant-type"
_OPERATIONS: Final = "http://terminology.hl7.org/CodeSystem/v3-DataOperation"


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name something is written, for the Provenance."""

    software: str
    """Name and version."""
    on_behalf_of: str | None = None
    """Who accepted it, as a reference: ``Practitioner/7``. ``None``: nobody, a rule alone decided."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A new resource. Make it with `suggestion`."""

    key: Key
    run: str
    resource: Json
    """Complete: with id, identifier and tags. It refers to another suggestion as ``urn:uuid:`` and that one's id."""
    provenance: Json

    @property
    def needs(self) -> tuple[str, ...]:
        """The ids of the suggestions that must be on the server before this one."""
        return tuple(sorted(set(_urns(self.resource)) - {self.key.id}))


@dataclass(frozen=True, slots=True)
class Change:
    """Edits of a resource that is on the server. Make it with `change`."""

    key: Key
    run: str
    target: str
    """``Task/123``."""
    edits: tuple[Edit, ...]
    only_if: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Element → the values of which it must have one, or the change no longer fits and a person must look."""
    provenance: Json = field(default_factory=dict)

    @property
    def needs(self) -> tuple[str, ...]:
        """A change waits for nothing."""
        return ()


Intent = Suggestion | Change


def suggestion(key: Key, resource: Json, *, run: str, author: Author, recorded: datetime) -> Suggestion:
    """The ``resource`` under the names of ``key``, with tags and Provenance. Raises `NotWritable` if it is not fit to be written.

    ``resource`` has no id; other identifiers and tags of its own are kept. ``run`` names the run that decided it, ``recorded`` (with
    its zone) when.
    """
    check_subject(resource, key.type, key.patient)
    if "id" in resource:
        raise NotWritable(f"{key.type}.id is given by the key")
    if not _RUN.fullmatch(run):
        raise NotWritable("the name of a run is letters, digits, '.', ':', '_' and '-'")
    meta = resource.get("meta") or {}
    tags = [
        {"system": f"{key.system}:rule", "version": key.version, "code": key.rule},
        {"system": f"{key.system}:run", "code": run},
    ]
    complete = {
        "resourceType": key.type,
        "id": key.id,
        "meta": meta | {"tag": [*meta.get("tag", []), *tags]},
        "identifier": [key.identifier, *resource.get("identifier", [])],
        **{name: value for name, value in resource.items() if name not in ("resourceType", "meta", "identifier")},
    }
    check(complete)
    return Suggestion(key, run, complete, _provenance(key, f"{URN}{key.id}", "CREATE", run, author, recorded))


def change(
    key: Key,
    target: str,
    edits: Sequence[Edit],
    *,
    run: str,
    author: Author,
    recorded: datetime,
    only_if: Mapping[str, Sequence[Any]] | None = None,
) -> Change:
    """``edits`` of ``target`` (``Task/123``), which must be of the key's type and, when it is read, about the key's patient.

    The key's episode must say which change it is (``123 cancelled``): the same key is done once. Raises `NotWritable`.
    """
    found = _PLACE.fullmatch(target)
    if not found or found[1] != key.type or key.type not in WRITABLE or not edits:
        raise NotWritable("a change names a resource of the key's type, and at least one edit")
    if any(edit.path[0] in ("id", "resourceType", "meta", WRITABLE[key.type]) for edit in edits):
        raise NotWritable("id, type, meta and subject are not changed")
    if not _RUN.fullmatch(run):
        raise NotWritable("the name of a run is letters, digits, '.', ':', '_' and '-'")
    return Change(key, run, target, tuple(edits), dict(only_if or {}), _provenance(key, target, "UPDATE", run, author, recorded))


def _provenance(key: Key, target: str, operation: str, run: str, author: Author, recorded: datetime) -> Json:
    """Who wrote it, by which rule in which version, in which run. Its first entity carries our identifier: it is found by that."""
    if recorded.tzinfo is None:
        raise NotWritable("the time of a decision has a zone")
    agent: Json = {
        "type": {"coding": [{"system": _TYPES, "code": "author"}]},
        "who": {"identifier": {"system": f"{key.system}:software", "value": author.software}, "display": author.software},
    }
    if author.on_behalf_of is not None:
        agent["onBehalfOf"] = {"reference": author.on_behalf_of}
    names = ((key.system, key.value), (f"{key.system}:rule", f"{key.rule}|{key.version}"), (f"{key.system}:run", run))
    found: Json = {
        "resourceType": "Provenance",
        "id": provenance_id(key.id),
        "target": [{"reference": target}],
        "recorded": recorded.isoformat(timespec="milliseconds"),
        "activity": {"coding": [{"system": _OPERATIONS, "code": operation}]},
        "agent": [agent],
        "entity": [{"role": "source", "what": {"identifier": {"system": system, "value": value}}} for system, value in names],
    }
    check(found)
    return found


def _urns(value: Any) -> Iterator[str]:
    """The ids of the suggestions that a resource refers to."""
    if isinstance(value, dict):
        reference = value.get("reference")
        if isinstance(reference, str) and reference.startswith(URN):
            yield reference.removeprefix(URN)
        for item in value.values():
            yield from _urns(item)
    elif isinstance(value, list):
        for item in value:
            yield from _urns(item)


def referring(value: Any, places: Mapping[str, str]) -> Any:
    """``value`` with each ``urn:uuid:`` that ``places`` knows replaced by its place."""
    if isinstance(value, list):
        return [referring(item, places) for item in value]
    if not isinstance(value, dict):
        return value
    done = {name: referring(item, places) for name, item in value.items()}
    reference = done.get("reference")
    if isinstance(reference, str) and reference.startswith(URN):
        done["reference"] = places.get(reference.removeprefix(URN), reference)
    return done
