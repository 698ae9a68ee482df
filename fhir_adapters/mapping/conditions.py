"""Condition: problems, diagnoses, health concerns and social needs."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from fhir_adapters.codes import read_codes
from fhir_adapters.dates import Moment, Span, before, end_of, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.tags import read_category
from fhir_adapters.mapping.verified import read_verified
from fhir_adapters.quarantine import Json, Reading
from rules.facts import DateRange, Event

OVER: Final = frozenset({"resolved", "inactive", "remission"})
"""Clinical statuses of what is not going on any more."""


def conditions(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event. Without a usable onset it began some time before it was recorded (or last updated)."""
    recorded = read_instant(reading, resource, "recordedDate")
    onset = some_time_within(read_time(reading, resource, "onset"))
    if onset.start is None:
        onset = before(recorded or updated)
    abated = some_time_within(read_time(reading, resource, "abatement")).start
    codes = read_codes(reading, resource.get("code"), "code")
    verified = read_verified(resource, reading)
    yield Event(
        "conditions",
        reading.source,
        codes=codes.found,
        tags=(*read_category(reading, resource), *verified.tags),
        status=verified.status,
        start=onset.start,
        end=end_of(Span(onset.start, onset.instant, abated), over=verified.status in OVER),
        instant=onset.instant,
        issued=recorded.instant if recorded else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def some_time_within(span: Span) -> Span:
    """The meaning of an onset or abatement: a Period says *some time within*, not *from … to*."""
    if span.start is None or span.end is None:
        return span
    instant = None if span.start.low == date.min else span.instant
    return Span(DateRange(span.start.low, span.end.high), instant)
