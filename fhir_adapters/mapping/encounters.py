"""Encounter: visits, stays and contacts."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import NO_CODES, Codes, joined, read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, read_period
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def encounters(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its types and its class. A visit without a period may also lie ahead: its start is unknown."""
    codes = joined(read_codes(reading, resource.get("type"), "type"), _class(reading, resource.get("class")))
    period = read_period(reading, resource.get("period"), "period")
    yield Event(
        "encounters",
        reading.source,
        codes=codes.found,
        status=read_status(reading, resource.get("status"), "status"),
        start=period.start,
        end=period.end,
        instant=period.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def _class(reading: Reading, value: Any) -> Codes:
    if value is None:
        return NO_CODES
    defects = reading.defects
    coding = read_coding(reading, value, "class")
    return Codes(() if coding is None else (coding,), reading.defects > defects)
