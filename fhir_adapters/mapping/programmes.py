"""EpisodeOfCare: somebody is (or was, or waits to be) in the care of a programme."""

from collections.abc import Iterator
from typing import Final

from fhir_adapters.codes import read_codes, read_status
from fhir_adapters.dates import Moment, before, read_period, some_day_from
from fhir_adapters.mapping.event import event
from fhir_adapters.quarantine import Json, Reading
from rules.facts import Event

_OVER: Final = frozenset({"finished", "cancelled"})


def programmes(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event over its period, coded by its types. Without a type it might be any programme.

    Without a period it began some time before it was last updated. Without an end it is still going on; if its status says
    otherwise, nobody knows when it ended.
    """
    kinds = read_codes(reading, resource.get("type"), "type")
    status = read_status(reading, resource.get("status"), "status")
    when = read_period(reading, resource.get("period"), "period")
    if when.start is None:
        when = before(updated)
    if when.end is None and status in _OVER:
        when = when._replace(end=some_day_from(when.start))
    yield event("programmes", reading, kinds._replace(lost=not kinds.found), when, status, updated=updated)
