"""Observation: one event for itself and one for each component."""

from collections.abc import Iterator
from dataclasses import replace

from fhir_adapters.codes import read_status, required_code
from fhir_adapters.dates import Moment, before, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.tags import Tags, read_absence, read_category
from fhir_adapters.quarantine import Json, Reading, Reason
from fhir_adapters.values import read_value
from rules.facts import Event


def observations(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """The observation first, then its components, which share its time and status.

    Without a usable ``effective[x]`` it was observed some time before it was issued (or last updated).
    """
    issued = read_instant(reading, resource, "issued")
    when = read_time(reading, resource, "effective")
    if when.start is None:
        when = before(issued or updated)
    measured = read_value(reading, resource, "")
    codes = required_code(reading, resource, "code")
    category = read_category(reading, resource)
    components = resource.get("component")
    readable = components is None or isinstance(components, list)
    if not readable:
        reading.bad("component", Reason.NOT_A_LIST)
    whole = Event(
        "observations",
        reading.source,
        codes=codes.found,
        answers=measured.answers,
        tags=category + read_absence(reading, resource, "", measured),
        value=measured.value,
        unit=measured.unit,
        status=read_status(reading, resource.get("status"), "status"),
        start=when.start,
        end=when.end or when.start,  # a measurement without a period is over at once
        instant=when.instant,
        issued=issued.instant if issued else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost or not readable,
    )
    yield whole
    if isinstance(components, list):
        yield from (_component(item, reading, whole, category, f"component[{i}]") for i, item in enumerate(components))


def _component(item: object, reading: Reading, whole: Event, category: Tags, part: str) -> Event:
    if not isinstance(item, dict):
        reading.bad(part, Reason.NOT_AN_OBJECT)
        return replace(whole, part=part, codes=(), answers=(), tags=category, value=None, unit=None, opaque=True)
    codes = required_code(reading, item, "code", f"{part}.")
    measured = read_value(reading, item, f"{part}.")
    return replace(
        whole,
        part=part,
        codes=codes.found,
        answers=measured.answers,
        tags=category + read_absence(reading, item, f"{part}.", measured),
        value=measured.value,
        unit=measured.unit,
        opaque=codes.lost,
    )
