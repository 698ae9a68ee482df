"""Procedure: what was done for somebody, from surgery to help with an application."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, brief, end_of, read_instant
from fhir_adapters.mapping.choices import read_time, renamed
from fhir_adapters.mapping.tags import read_category, read_performers, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event

_NEWER: Final = {f"occurrence{kind}": f"performed{kind}" for kind in ("DateTime", "Period", "Age", "Range", "String")}
OVER: Final = frozenset({"completed", "stopped", "not-done", "entered-in-error"})
"""Statuses of what is not going on any more."""


def procedures(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event. Without a usable ``performed[x]`` (in R5 ``occurrence[x]``) its start is unknown: it may still lie ahead."""
    resource = renamed(resource, _NEWER)
    recorded = read_instant(reading, resource, "recorded")
    codes = read_codes(reading, resource.get("code"), "code")
    status = read_status(reading, resource.get("status"), "status")
    when = read_time(reading, resource, "performed")
    performers = read_performers(reading, resource, "performer", "function", "actor")
    yield Event(
        "procedures",
        reading.source,
        codes=codes.found,
        tags=read_category(reading, resource) + performers + read_reason(reading, resource, status),
        status=status,
        start=when.start,
        end=end_of(when if resource.get("performedPeriod") is not None else brief(when), over=status in OVER),
        instant=when.instant,
        issued=recorded.instant if recorded else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )
