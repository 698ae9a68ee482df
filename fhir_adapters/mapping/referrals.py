"""ServiceRequest: referrals and orders."""

from collections.abc import Iterator

from fhir_adapters.codes import joined, read_codes
from fhir_adapters.dates import Moment
from fhir_adapters.mapping.requests import authored_event
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def referrals(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by what is asked for and by its categories."""
    codes = joined(read_codes(reading, resource.get("code"), "code"), read_codes(reading, resource.get("category"), "category"))
    yield authored_event("referrals", codes, resource, reading, updated)
