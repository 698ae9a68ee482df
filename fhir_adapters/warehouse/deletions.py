"""Files of deletions: Bundles of DELETE entries, as Bulk Data has them, and bare lists of references or of resources."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_adapters.mapping import MAPPED_TYPES, Outcome
from fhir_adapters.quarantine import Reason
from fhir_adapters.report import Part, Report

DELETIONS: Final = "(deletions)"
"""Stands for the resource type of deletions in an account."""

_REFERENCE: Final = re.compile(r"(?:.*/)?([A-Z][A-Za-z]{0,63}/[A-Za-z0-9\-._]{1,128})(?:/_history/[A-Za-z0-9\-._]+)?", re.ASCII)


@dataclass(slots=True)
class DeletionReader:
    """Takes the documents of such files. ``sources`` are the deleted resources, ``Type/id``."""

    report: Report
    sources: set[str] = field(default_factory=set)

    def add_document(self, document: Any, part: Part) -> None:
        """A Bundle, a list, a reference as object or text, or a resource of which at least type and id are there."""
        if isinstance(document, dict) and document.get("resourceType") == "Bundle":
            part.count(Outcome.OPENED, "Bundle")
            items = document.get("entry")
        elif isinstance(document, list):
            part.count(Outcome.OPENED, DELETIONS)
            items = document
        else:
            self._take(document, part)
            return
        for item in items if isinstance(items, list) else []:
            part.entries += 1
            self._take(item, part)

    def _take(self, item: Any, part: Part) -> None:
        source = next((found[1] for text in _names(item) if (found := _REFERENCE.fullmatch(text))), None)
        if source is None:
            self.report.quarantine.add("", "", "", Reason.DELETION)
            part.count(Outcome.QUARANTINED, DELETIONS)
        elif source.split("/")[0] not in MAPPED_TYPES:
            part.count(Outcome.IGNORED, DELETIONS)
        else:
            self.sources.add(source)
            part.count(Outcome.MAPPED, DELETIONS)


def _names(item: Any) -> Iterator[str]:
    """How an entry may name what was deleted, the most binding way first."""
    if isinstance(item, str):
        yield item
    if not isinstance(item, dict):
        return
    request, resource = item.get("request"), item.get("resource")
    if isinstance(request, dict):
        if request.get("method") == "DELETE" and isinstance(request.get("url"), str):
            yield request["url"]
        return
    for name in ("reference", "fullUrl", "url"):
        if isinstance(item.get(name), str):
            yield item[name]
    for described in (resource, item):
        if isinstance(described, dict):
            yield f"{described.get('resourceType')}/{described.get('id')}"
