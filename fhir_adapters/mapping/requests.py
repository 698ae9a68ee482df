"""What ServiceRequest and Task share: they begin when they are authored."""

from fhir_adapters.codes import Codes, read_status
from fhir_adapters.dates import Moment, at, before, read_instant
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event


def authored_event(table: str, codes: Codes, resource: Json, reading: Reading, updated: Moment | None) -> Event:
    """The event of a request. Without ``authoredOn`` it was made some time before it was last updated."""
    authored = read_instant(reading, resource, "authoredOn")
    when = at(authored) if authored else before(updated)
    return Event(
        table,
        reading.source,
        codes=codes.found,
        status=read_status(reading, resource.get("status"), "status"),
        start=when.start,
        instant=when.instant,
        issued=when.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )
