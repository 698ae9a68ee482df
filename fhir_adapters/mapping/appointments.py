"""Appointment: booked, kept, missed."""

from collections.abc import Iterator

from fhir_adapters.codes import joined, read_codes, read_status
from fhir_adapters.dates import Moment, from_to, read_instant
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_category, read_reason
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def appointments(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by the service and the kind of appointment. Without a ``start`` it is not known when it takes place."""
    codes = joined(*(read_codes(reading, resource.get(name), name) for name in ("serviceType", "appointmentType")))
    status = read_status(reading, resource.get("status"), "status")
    tags = read_category(reading, resource, "serviceCategory") + read_reason(reading, resource, status, "cancelationReason")
    created = read_instant(reading, resource, "created")
    when = from_to(reading, read_instant(reading, resource, "start"), read_instant(reading, resource, "end"), "end")
    yield event("appointments", reading, codes, when, status, tags=tags, issued=created, updated=updated)
