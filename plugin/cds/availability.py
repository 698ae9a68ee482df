"""What a call brought along, key by key: *no data* is not the same as *not told*."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from plugin.cds.prefetch import Template

Json = dict[str, Any]


class State(StrEnum):
    """Whether a prefetch key answers its query."""

    PRESENT = "present"
    EMPTY = "known empty"
    FAILED = "failed"
    """An OperationOutcome, or something that does not answer this query."""
    WITHHELD = "withheld"
    """The key is absent."""
    PARTIAL = "partial"
    """There is more than was sent."""


@dataclass(frozen=True, slots=True)
class Supplied:
    """One key: how well it is answered, and the document that came with it (what an incomplete answer holds is still true)."""

    template: Template
    state: State
    document: Json | None = None

    @property
    def complete(self) -> bool:
        """Whether what is not there does not exist. That there is no Patient is no answer to who it is."""
        return self.state is State.PRESENT or (self.state is State.EMPTY and self.template.resource_type != "Patient")


def supplied(template: Template, prefetch: Mapping[str, Any]) -> Supplied:
    """What ``prefetch`` says to one template. ``null`` means *none found*: our templates need nothing but CDS Hooks 2.0."""
    if template.key not in prefetch:
        return Supplied(template, State.WITHHELD)
    value = prefetch[template.key]
    if value is None:
        return Supplied(template, State.EMPTY)
    if not isinstance(value, dict) or value.get("resourceType") == "OperationOutcome":
        return Supplied(template, State.FAILED)
    return Supplied(template, _state(template, value), value)


def _state(template: Template, document: Json) -> State:
    is_bundle = document.get("resourceType") == "Bundle"
    if template.resource_type == "Patient":
        candidates = [_resource(e) for e in _entries(document) or ()] if is_bundle else [document]
        return State.PRESENT if any(_is_patient(c) for c in candidates) else State.FAILED
    if not is_bundle:
        # One resource where a search was asked for: it exists, but nobody said that it is the only one.
        return State.PARTIAL if document.get("resourceType") == template.resource_type else State.FAILED
    return _state_of_bundle(template, document)


def _is_patient(resource: Any) -> bool:
    return isinstance(resource, dict) and resource.get("resourceType") == "Patient" and isinstance(resource.get("id"), str)


def _state_of_bundle(template: Template, bundle: Json) -> State:
    entries = _entries(bundle)
    if entries is None:
        return State.FAILED
    kinds = [_kind(entry, template.resource_type) for entry in entries]
    if "trouble" in kinds:
        return State.FAILED
    matches, total = kinds.count("match"), bundle.get("total")
    if _has_next(bundle) or (isinstance(total, int) and total > matches):
        return State.PARTIAL
    return State.PRESENT if matches else State.EMPTY


def _kind(entry: Any, resource_type: str) -> str:
    """What an entry is to the search: a match, a remark, an include, or trouble."""
    resource = _resource(entry)
    if resource is None:
        return "trouble"
    name, search = resource.get("resourceType"), entry.get("search")
    if name == resource_type:
        return "match"
    if name == "OperationOutcome":
        return "trouble" if _is_error(resource) else "remark"
    return "include" if isinstance(search, dict) and search.get("mode") == "include" else "trouble"


def _is_error(outcome: Json) -> bool:
    """Epic says *no results* by a warning inside the Bundle; only an error means that the search failed."""
    issues = outcome.get("issue")
    if not isinstance(issues, list) or not issues:
        return True
    return any(not isinstance(i, dict) or i.get("severity") not in ("warning", "information") for i in issues)


def _entries(bundle: Json) -> list[Any] | None:
    entries = bundle.get("entry", [])
    return entries if isinstance(entries, list) else None


def _resource(entry: Any) -> Json | None:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return resource if isinstance(resource, dict) else None


def _has_next(bundle: Json) -> bool:
    links = bundle.get("link")
    return any(isinstance(each, dict) and each.get("relation") == "next" for each in (links if isinstance(links, list) else ()))
