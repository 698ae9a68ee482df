"""AllergyIntolerance: what somebody does not tolerate, or surely tolerates, as its code says."""

from collections.abc import Iterator

from fhir_adapters.codes import required_code
from fhir_adapters.dates import Moment, before, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.conditions import some_time_within
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_allergy_categories
from fhir_adapters.mapping.verified import read_verified
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def allergies(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event without an end. Without a usable onset it began some time before it was recorded (or last updated)."""
    recorded = read_instant(reading, resource, "recordedDate")
    onset = some_time_within(read_time(reading, resource, "onset"))._replace(end=None)
    if onset.start is None:
        onset = before(recorded or updated)
    codes = required_code(reading, resource, "code")
    verified = read_verified(resource, reading)
    tags = (*read_allergy_categories(reading, resource), *verified.tags)
    yield event("allergies", reading, codes, onset, verified.status, tags=tags, issued=recorded, updated=updated)
