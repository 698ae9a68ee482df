"""Condition: problems, diagnoses, health concerns and social needs."""

from collections.abc import Iterator
from datetime import date
from typing import Final

from fhir_adapters.codes import BINDINGS, CONDITION_CLINICAL, CONDITION_VERIFICATION, read_codes
from fhir_adapters.dates import Moment, Span, before, read_instant
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import DateRange, Event

_SYSTEMS: Final = {"clinicalStatus": CONDITION_CLINICAL, "verificationStatus": CONDITION_VERIFICATION}
_NOT_SO: Final = frozenset({"entered-in-error", "refuted"})


def conditions(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event. Without a usable onset it began some time before it was recorded (or last updated)."""
    recorded = read_instant(reading, resource, "recordedDate")
    onset = _within(read_time(reading, resource, "onset"))
    if onset.start is None:
        onset = before(recorded or updated)
    codes = read_codes(reading, resource.get("code"), "code")
    yield Event(
        "conditions",
        reading.source,
        codes=codes.found,
        status=_status(resource, reading),
        start=onset.start,
        end=_within(read_time(reading, resource, "abatement")).start,
        instant=onset.instant,
        issued=recorded.instant if recorded else None,
        updated=updated.instant if updated else None,
        opaque=codes.lost,
    )


def _within(span: Span) -> Span:
    """An onset or abatement Period says *some time within*, not *from … to*."""
    if span.start is None or span.end is None:
        return span
    instant = None if span.start.low == date.min else span.instant
    return Span(DateRange(span.start.low, span.end.high), instant)


def _status(resource: Json, reading: Reading) -> str | None:
    """``entered-in-error`` or ``refuted`` if the verification says so, else the clinical status."""
    verification = _code(resource, reading, "verificationStatus")
    if verification in _NOT_SO:
        return verification
    clinical = _code(resource, reading, "clinicalStatus")
    understood = verification is not None or resource.get("verificationStatus") is None
    return clinical if understood else None


def _code(resource: Json, reading: Reading, element: str) -> str | None:
    """The code from the required value set; ``None`` if absent or (reported) not in it."""
    if resource.get(element) is None:
        return None
    codes = read_codes(reading, resource[element], element)
    allowed = BINDINGS[f"Condition.{element}"]
    for system, code in codes.found:
        if system in ("", _SYSTEMS[element]) and code in allowed:
            return code
    reading.bad(element, Reason.NOT_IN_BINDING)
    return None
