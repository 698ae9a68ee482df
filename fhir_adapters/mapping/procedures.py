"""Procedure: what was done for somebody, from surgery to help with an application."""

from collections.abc import Iterator

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def procedures(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event. Without a usable ``performed[x]`` its start is unknown: it may still lie ahead."""
    codes = read_codes(reading, resource.get("code"), "code")
    when = read_time(reading, resource, "performed")
    yield Event(
        "procedures",
        reading.source,
        codes=codes.found,
        status=read_status(reading, resource.get("status"), "status"),
        start=when.start,
        end=when.end,
        instant=when.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )
