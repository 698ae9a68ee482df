"""CarePlan: how somebody is to be cared for."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import read_status
from fhir_adapters.dates import Moment, before, read_instant, read_period, some_day_from
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.tags import read_intent, read_tagged
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event

_OVER: Final = frozenset({"completed", "revoked"})


def careplans(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event over its period, coded by its categories.

    Without a period it began some time before it was last updated. Without an end it is still going on; if its status says
    otherwise, nobody knows when it ended.
    """
    category = read_tagged(reading, resource.get("category"), "category", "category")
    status = read_status(reading, resource.get("status"), "status")
    created = read_instant(reading, resource, "created")
    when = read_period(reading, resource.get("period"), "period")
    if when.start is None:
        when = before(updated)
    if when.end is None and status in _OVER:
        when = when._replace(end=some_day_from(when.start))
    tags = category.tags + read_intent(reading, resource)
    yield event("careplans", reading, category.codes, when, status, tags=tags, issued=created, updated=updated)
