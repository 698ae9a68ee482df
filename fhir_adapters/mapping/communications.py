"""Communication: what was said to somebody, or about them."""

from collections.abc import Iterator

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, at, before, brief, read_instant
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_category, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def communications(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its topic, on the day on which it was sent; else some day before it was received (or last updated)."""
    sent = read_instant(reading, resource, "sent")
    received = read_instant(reading, resource, "received")
    codes = read_codes(reading, resource.get("topic"), "topic")
    status = read_status(reading, resource.get("status"), "status")
    tags = read_category(reading, resource) + read_reason(reading, resource, status)
    when = brief(at(sent) if sent else before(received or updated))
    yield event("communications", reading, codes, when, status, tags=tags, updated=updated)
