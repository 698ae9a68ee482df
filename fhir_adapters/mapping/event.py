"""One event made of its read parts."""

from fhir_adapters.codes import Codes
from fhir_adapters.dates import Moment, Span
from fhir_adapters.mapping.tags import Tags
from fhir_adapters.quarantine import Reading
from rules.facts import Coding, Event


def event(
    table: str,
    reading: Reading,
    codes: Codes,
    when: Span,
    status: str | None,
    *,
    tags: Tags = (),
    answers: tuple[Coding, ...] = (),
    issued: Moment | None = None,
    updated: Moment | None = None,
) -> Event:
    """The event that stands for a whole resource; opaque if it could not be understood what it is about."""
    return Event(
        table,
        reading.source,
        codes=codes.found,
        answers=answers,
        tags=tags,
        status=status,
        start=when.start,
        end=when.end,
        instant=when.instant,
        issued=issued.instant if issued else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )
