"""Task: steps of a referral, and requests to the patient."""

from collections.abc import Iterator

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment
from fhir_adapters.mapping.requests import authored_event
from fhir_adapters.mapping.tags import read_performer_type, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def tasks(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by the kind of task."""
    codes = read_codes(reading, resource.get("code"), "code")
    status = read_status(reading, resource.get("status"), "status")
    tags = read_performer_type(reading, resource) + read_reason(reading, resource, status)
    yield authored_event("tasks", resource, reading, updated, codes, status, tags)
