"""DiagnosticReport: findings of laboratories, imaging and other examinations, as a whole."""

from collections.abc import Iterator

from fhir_adapters.codes import read_codes, read_status, required_code
from fhir_adapters.dates import Moment, before, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_category
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def reports(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, answered by its coded conclusions. Without a usable ``effective[x]`` it is from before it was issued."""
    issued = read_instant(reading, resource, "issued")
    when = read_time(reading, resource, "effective")
    if when.start is None:
        when = before(issued or updated)
    codes = required_code(reading, resource, "code")
    answers = read_codes(reading, resource.get("conclusionCode"), "conclusionCode").found
    status = read_status(reading, resource.get("status"), "status")
    tags = read_category(reading, resource)
    yield event("reports", reading, codes, when, status, tags=tags, answers=answers, issued=issued, updated=updated)
