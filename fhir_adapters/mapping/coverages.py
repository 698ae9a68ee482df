"""Coverage: who pays, and since when."""

from collections.abc import Iterator

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, read_period
from fhir_adapters.mapping.event import event
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def coverages(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by the type of coverage. Without a period it may also begin later: its start is unknown."""
    codes = read_codes(reading, resource.get("type"), "type")
    status = read_status(reading, resource.get("status"), "status")
    yield event("coverages", reading, codes, read_period(reading, resource.get("period"), "period"), status, updated=updated)
