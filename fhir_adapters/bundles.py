"""Bundles, taken apart: the resources they hold, and the names by which those refer to each other."""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Json, Quarantine, Reason
from fhir_adapters.references import NO_URLS
from fhir_adapters.report import Part

_DEEPEST: Final = 8
_URN: Final = "urn:uuid:"


class Loose(NamedTuple):
    """A resource on its own, with the ``fullUrl`` → ``Type/id`` of the Bundle it came from."""

    resource: Json
    urls: Mapping[str, str]


def resources_in(document: Any, part: Part, quarantine: Quarantine, depth: int = 0, urls: Mapping[str, str] = NO_URLS) -> Iterator[Loose]:
    """Every resource of a parsed document: itself, or what it holds if it is a Bundle. Containers and misfits are counted in ``part``."""
    if not isinstance(document, dict):
        quarantine.add("", "", "", Reason.NOT_AN_OBJECT)
        part.count(Outcome.QUARANTINED)
    elif document.get("resourceType") != "Bundle":
        yield Loose(document, urls)
    elif depth == _DEEPEST:
        quarantine.add("Bundle", _text(document.get("id")), "", Reason.NESTED_TOO_DEEP)
        part.count(Outcome.QUARANTINED, "Bundle")
    else:
        yield from _opened(document, part, quarantine, depth)


def _opened(bundle: Json, part: Part, quarantine: Quarantine, depth: int) -> Iterator[Loose]:
    entries = bundle.get("entry")
    if not (entries is None or isinstance(entries, list)):
        quarantine.add("Bundle", _text(bundle.get("id")), "entry", Reason.NOT_A_LIST)
        part.count(Outcome.QUARANTINED, "Bundle")
        return
    part.count(Outcome.OPENED, "Bundle")
    # A history runs from the newest version to the oldest; of two versions without a date, the later read one counts.
    ordered = list(reversed(entries or [])) if bundle.get("type") == "history" else entries or []
    urls = _urls(ordered)
    part.entries += len(ordered)
    for entry in ordered:
        resource = _resource(entry)
        if resource is not None:
            if resource.get("resourceType") != "Bundle":
                yield Loose(resource, urls)
            else:
                yield from resources_in(resource, part, quarantine, depth + 1, urls)
        else:
            _count_misfit(entry, bundle, part, quarantine)


def _count_misfit(entry: Any, bundle: Json, part: Part, quarantine: Quarantine) -> None:
    """An entry without a resource is fine in a response; a deletion is not carried out, and must be seen."""
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or entry.get("resource") is not None:
        reason = Reason.NOT_AN_OBJECT
    elif isinstance(request, dict) and request.get("method") == "DELETE":
        reason = Reason.DELETION
    else:
        part.count(Outcome.IGNORED, "Bundle")
        return
    quarantine.add("Bundle", _text(bundle.get("id")), "entry", reason)
    part.count(Outcome.QUARANTINED, "Bundle")


def _urls(entries: list[Any]) -> dict[str, str]:
    found = {}
    for entry in entries:
        url = entry.get("fullUrl") if isinstance(entry, dict) else None
        if isinstance(url, str) and (resource := _resource(entry)) is not None:
            found[url] = f"{resource.get('resourceType')}/{resource.get('id')}"
    return found


def _resource(entry: Any) -> Json | None:
    """The entry's resource, if it has one; one that has no id yet takes it from the ``urn:uuid:`` of the entry."""
    resource = entry.get("resource") if isinstance(entry, dict) else None
    if not isinstance(resource, dict):
        return None
    if resource.get("id") is None:
        url = entry.get("fullUrl")
        if isinstance(url, str) and url.startswith(_URN):
            return resource | {"id": url.removeprefix(_URN)}
    return resource


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
