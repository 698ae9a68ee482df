"""ServiceRequest: referrals and orders."""

from collections.abc import Iterator

from fhir_adapters.codes import joined, read_codes
from fhir_adapters.dates import Moment
from fhir_adapters.mapping.choices import either
from fhir_adapters.mapping.requests import authored_event, request_status
from fhir_adapters.mapping.tags import read_performer_type, read_tagged
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def referrals(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by what is asked for and by its categories."""
    category = read_tagged(reading, resource.get("category"), "category", "category")
    codes = joined(read_codes(reading, resource.get("code"), "code"), category.codes)
    why = either(resource, "reasonCode", "reason")
    reason = read_tagged(reading, resource.get(why), why, "reason")
    status = request_status(reading, resource)
    tags = category.tags + read_performer_type(reading, resource) + reason.tags
    yield authored_event("referrals", resource, reading, updated, codes, status, tags)
