"""Procedure: what was done for somebody, from surgery to help with an application."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, brief, end_of, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.tags import read_category, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event

OVER: Final = frozenset({"completed", "stopped", "not-done", "entered-in-error"})
"""Statuses of what is not going on any more."""


def procedures(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event. Without a usable ``performed[x]`` (in R5: ``occurrence[x]``) its start is unknown: it may still lie ahead."""
    codes = read_codes(reading, resource.get("code"), "code")
    status = read_status(reading, resource.get("status"), "status")
    recorded = read_instant(reading, resource, "recorded")
    when = read_time(reading, resource, "occurrence" if any(name.startswith("occurrence") for name in resource) else "performed")
    yield Event(
        "procedures",
        reading.source,
        codes=codes.found,
        tags=read_category(reading, resource) + read_reason(reading, resource, status),
        status=status,
        start=when.start,
        end=end_of(when if _lasts(resource) else brief(when), over=status in OVER),
        instant=when.instant,
        issued=recorded.instant if recorded else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def _lasts(resource: Json) -> bool:
    return "performedPeriod" in resource or "occurrencePeriod" in resource
