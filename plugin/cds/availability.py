"""What a call brought along, key by key: *no data* is not the same as *not told*."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Literal

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
    """One key: how well it is answered, and the documents that came (what an incomplete answer holds is still true)."""

    template: Template
    state: State
    documents: tuple[Json, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether what is not there does not exist. That there is no Patient is no answer to who it is."""
        return self.state is State.PRESENT or (self.state is State.EMPTY and self.template.resource_type != "Patient")


def supplied(template: Template, prefetch: Mapping[str, Any], null_means: Literal["empty", "unknown"] = "empty") -> Supplied:
    """What ``prefetch`` says to one template.

    ``null`` means *none found* if the client says so, and only where it must have understood the query: one with tokens of 3.0 is
    answered ``null`` by clients that do not know them.
    """
    null = State.EMPTY if null_means == "empty" and template.is_safe else State.WITHHELD
    values = [prefetch[key] for key in (template.key, f"-{template.key}") if key in prefetch]  # Epic's analysts may begin a name so
    if not values:
        return Supplied(template, State.WITHHELD)
    states = [_state_of(template, value, null) for value in values]
    # The same key twice: what one of them lacks, nobody knows.
    state = states[0] if len(set(states)) == 1 else State.PARTIAL
    documents = (value for value in values if isinstance(value, dict) and value.get("resourceType") != "OperationOutcome")
    return Supplied(template, state, tuple(documents))


def _state_of(template: Template, value: Any, null: State) -> State:
    if value is None:
        return null
    if not isinstance(value, dict) or value.get("resourceType") == "OperationOutcome":
        return State.FAILED
    return _state(template, value)


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
    others = [_kind(entry) for entry in entries if not _is_match(entry, template.resource_type)]
    if "trouble" in others:
        return State.FAILED
    matches, total = len(entries) - len(others), bundle.get("total")
    if "held back" in others or _has_next(bundle) or (isinstance(total, int) and total > matches):
        return State.PARTIAL
    return State.PRESENT if matches else State.EMPTY


def _is_match(entry: Any, resource_type: str) -> bool:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return isinstance(resource, dict) and resource.get("resourceType") == resource_type


def _kind(entry: Any) -> str:
    """What an entry is to the search that does not match it: a remark, an include, trouble, or the remark that something was held back."""
    resource = _resource(entry)
    if resource is None:
        return "trouble"
    if resource.get("resourceType") == "OperationOutcome":
        return remark(resource)
    search = entry.get("search")
    return "include" if isinstance(search, dict) and search.get("mode") == "include" else "trouble"


def remark(outcome: Json) -> Literal["trouble", "held back", "remark"]:
    """What an OperationOutcome among the matches says. Epic says *no results* by a warning; only an error means that the search failed.

    A warning may also say that something was held back: then what was not found may exist.
    """
    issues = outcome.get("issue")
    if not isinstance(issues, list) or not issues:
        return "trouble"
    if any(not isinstance(issue, dict) or issue.get("severity") not in ("warning", "information") for issue in issues):
        return "trouble"
    return "held back" if any(str(issue.get("code")) in _HELD_BACK and not _is_harmless(issue) for issue in issues) else "remark"


_HELD_BACK: Final = frozenset(
    {
        *("suppressed", "incomplete", "forbidden", "security", "login", "expired"),
        *("timeout", "throttled", "transient", "too-costly", "too-long", "exception", "no-store", "lock-error"),
    }
)
"""Types of issue (FHIR's issue-type) for which something may be missing although the search went through."""
_HARMLESS: Final = frozenset({"4101", "4119"})
"""Epic's codes for *no results* and for the general reservation that it adds to every answer."""


def _is_harmless(issue: Json) -> bool:
    details = issue.get("details")
    codings = details.get("coding") if isinstance(details, dict) else None
    return any(isinstance(c, dict) and str(c.get("code")) in _HARMLESS for c in (codings if isinstance(codings, list) else ()))


def _entries(bundle: Json) -> list[Any] | None:
    entries = bundle.get("entry", [])
    return entries if isinstance(entries, list) else None


def _resource(entry: Any) -> Json | None:
    resource = entry.get("resource") if isinstance(entry, dict) else None
    return resource if isinstance(resource, dict) else None


def _has_next(bundle: Json) -> bool:
    links = bundle.get("link")
    return any(isinstance(each, dict) and each.get("relation") == "next" for each in (links if isinstance(links, list) else ()))
