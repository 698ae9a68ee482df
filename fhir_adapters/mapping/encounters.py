"""Encounter: visits, stays and contacts."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import NO_CODES, Codes, joined, read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, end_of, read_period
from fhir_adapters.mapping.choices import renamed
from fhir_adapters.mapping.tags import Tagged, read_performers, read_tagged, tagged
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Event


def encounters(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its types and its class. A visit without a period may also lie ahead: its start is unknown."""
    resource = _older(resource, reading)
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


def _older(resource: Json, reading: Reading) -> Json:
    """R5's period, participants and reasons under R4's names; its ``reason`` holds what it was used for and, inside, the codes."""
    resource = renamed(resource, {"actualPeriod": "period"})
    if isinstance(taking_part := resource.get("participant"), list):
        named = [renamed(item, {"actor": "individual"}) if isinstance(item, dict) else item for item in taking_part]
        resource = resource | {"participant": named}
    reasons = resource.get("reason")
    if reasons is None or "reasonCode" in resource:
        return resource
    if not isinstance(reasons, list) or not all(isinstance(item, dict) for item in reasons):
        reading.bad("reason", Reason.NOT_A_LIST)
        return resource
    return resource | {"reasonCode": [value for item in reasons for value in item.get("value") or []]}


def _class(reading: Reading, value: Any) -> Tagged:
    """A Coding in R4, a list of concepts in R5."""
    if isinstance(value, list):
        return read_tagged(reading, value, "class", "class")
    if value is None:
        return tagged("class", NO_CODES)
    defects = reading.defects
    coding = read_coding(reading, value, "class")
    return tagged("class", Codes(() if coding is None else (coding,), reading.defects > defects))
