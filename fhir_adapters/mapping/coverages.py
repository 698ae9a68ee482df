"""Coverage: who pays, and since when."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, read_period
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import Tags
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Coding, Event

COVERAGE_KIND: Final = "http://hl7.org/fhir/coverage-kind"


def coverages(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by the type of coverage. Without a period it may also begin later: its start is unknown."""
    codes = read_codes(reading, resource.get("type"), "type")
    status = read_status(reading, resource.get("status"), "status")
    when = read_period(reading, resource.get("period"), "period")
    yield event("coverages", reading, codes, when, status, tags=_kind(resource), updated=updated)


def _kind(resource: Json) -> Tags:
    """R5 says what kind of coverage it is: insurance, self-pay …"""
    kind = resource.get("kind")
    return (("category", Coding(COVERAGE_KIND, kind)),) if isinstance(kind, str) else ()
