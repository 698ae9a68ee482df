"""Immunization: vaccines given, and not given."""

from collections.abc import Iterator

from fhir_adapters.codes import read_status, required_code
from fhir_adapters.dates import Moment, before, brief, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_performers, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def immunizations(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event on one day; without a usable one, some day before it was recorded (or last updated)."""
    recorded = read_instant(reading, resource, "recorded")
    when = read_time(reading, resource, "occurrence")
    if when.start is None:
        when = before(recorded or updated)
    codes = required_code(reading, resource, "vaccineCode")
    status = read_status(reading, resource.get("status"), "status")
    tags = read_performers(reading, resource, "performer", "function", "actor") + read_reason(reading, resource, status)
    yield event("immunizations", reading, codes, brief(when), status, tags=tags, issued=recorded, updated=updated)
