"""What requests share: they begin when they are authored, and they may ask that something be *not* done."""

from fhir_adapters.codes import Codes, read_status
from fhir_adapters.dates import Moment, at, before, read_instant
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import Tags, read_intent
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Event


def authored_event(
    table: str, resource: Json, reading: Reading, updated: Moment | None, codes: Codes, status: str | None, tags: Tags
) -> Event:
    """The event of a request, tagged with its intent too. Without ``authoredOn`` it was made some time before it was last updated."""
    authored = read_instant(reading, resource, "authoredOn")
    when = at(authored) if authored else before(updated)
    return event(table, reading, codes, when, status, tags=tags + read_intent(reading, resource), issued=authored, updated=updated)


def request_status(reading: Reading, resource: Json) -> str | None:
    """The status of a request; ``do-not-perform`` if it is one not to do something. ``None``: unknown."""
    status = read_status(reading, resource.get("status"), "status")
    prohibited = resource.get("doNotPerform")
    if not (prohibited is None or isinstance(prohibited, bool)):
        reading.bad("doNotPerform", Reason.WRONG_TYPE)
        return None
    return "do-not-perform" if prohibited and status != "entered-in-error" else status
