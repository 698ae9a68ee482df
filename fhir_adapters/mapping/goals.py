"""Goal: what the patient and the team want to reach."""

from collections.abc import Iterator

from fhir_adapters.codes import GOAL_STATUS, joined, read_status, required_code
from fhir_adapters.dates import Moment, at, read_instant
from fhir_adapters.mapping.tags import read_tagged
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Coding, Event


def goals(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event, coded by its description and categories, answered by its lifecycle status.

    It starts on its start date, else on the date of its status; without either the start is unknown.
    """
    status = read_status(reading, resource.get("lifecycleStatus"), "lifecycleStatus")
    when = at(read_instant(reading, resource, "startDate") or read_instant(reading, resource, "statusDate"))
    category = read_tagged(reading, resource.get("category"), "category", "category")
    codes = joined(required_code(reading, resource, "description"), category.codes)
    yield Event(
        "goals",
        reading.source,
        codes=codes.found,
        tags=category.tags,
        answers=() if status is None else (Coding(GOAL_STATUS, status),),
        status=status,
        start=when.start,
        instant=when.instant,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )
