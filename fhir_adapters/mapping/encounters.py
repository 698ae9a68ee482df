"""Encounter: visits, stays and contacts."""

from collections.abc import Iterator
from typing import Any

from fhir_adapters.codes import NO_CODES, Codes, joined, read_codes, read_coding, read_status
from fhir_adapters.dates import Moment, end_of, read_period
from fhir_adapters.mapping.choices import either
from fhir_adapters.mapping.tags import Tagged, Tags, read_tagged, tagged
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Event


def encounters(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its types and its class. A visit without a period may also lie ahead: its start is unknown."""
    kind = _class(reading, resource.get("class"))
    codes = joined(read_codes(reading, resource.get("type"), "type"), kind.codes)
    during = either(resource, "period", "actualPeriod")
    period = read_period(reading, resource.get(during), during)
    status = read_status(reading, resource.get("status"), "status")
    yield Event(
        "encounters",
        reading.source,
        codes=codes.found,
        tags=kind.tags + _reasons(reading, resource),
        status=status,
        start=period.start,
        end=end_of(period, over=status == "finished"),
        instant=period.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def _reasons(reading: Reading, resource: Json) -> Tags:
    """Why: codes in R4; in R5 ``reason`` holds what it was used for and, inside, the codes."""
    if "reasonCode" in resource or "reason" not in resource:
        return read_tagged(reading, resource.get("reasonCode"), "reasonCode", "reason").tags
    reasons = resource["reason"]
    if not isinstance(reasons, list) or not all(isinstance(item, dict) for item in reasons):
        reading.bad("reason", Reason.NOT_A_LIST)
        return ()
    values = [value for item in reasons for value in item.get("value") or []]
    return read_tagged(reading, values, "reason.value", "reason").tags


def _class(reading: Reading, value: Any) -> Tagged:
    """A Coding in R4, a list of concepts in R5."""
    if isinstance(value, list):
        return read_tagged(reading, value, "class", "class")
    if value is None:
        return tagged("class", NO_CODES)
    defects = reading.defects
    coding = read_coding(reading, value, "class")
    return tagged("class", Codes(() if coding is None else (coding,), reading.defects > defects))
