"""Encounter: visits, stays and contacts."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import NO_CODES, Codes, joined, read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, end_of, read_period
from fhir_adapters.mapping.tags import Tagged, read_performers, read_tagged, tagged
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def encounters(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its types and its class. A visit without a period may also lie ahead: its start is unknown."""
    kind = _class(reading, resource.get("class"))
    codes = joined(read_codes(reading, resource.get("type"), "type"), kind.codes)
    period = read_period(reading, resource.get("period"), "period")
    performers = read_performers(reading, resource, "participant", "type", "individual")
    status = read_status(reading, resource.get("status"), "status")
    yield Event(
        "encounters",
        reading.source,
        codes=codes.found,
        tags=kind.tags + performers + read_tagged(reading, resource.get("reasonCode"), "reasonCode", "reason").tags,
        status=status,
        start=period.start,
        end=end_of(period, over=status == "finished"),
        instant=period.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def _class(reading: Reading, value: Any) -> Tagged:
    if value is None:
        return tagged("class", NO_CODES)
    defects = reading.defects
    coding = read_coding(reading, value, "class")
    return tagged("class", Codes(() if coding is None else (coding,), reading.defects > defects))
