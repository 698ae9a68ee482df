"""MedicationRequest, MedicationDispense and MedicationStatement: what was prescribed, handed over, taken."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import date, timedelta
from math import ceil
from typing import Any, Final

from fhir_adapters.codes import Codes, read_codes, read_status
from fhir_adapters.dates import Moment, at, before, brief, read_instant, read_period, some_day_from
from fhir_adapters.mapping.choices import read_time
from fhir_adapters.mapping.event import event
from fhir_adapters.mapping.requests import authored_event, request_status
from fhir_adapters.mapping.tags import read_category, read_performer_type, read_performers, read_reason
from fhir_adapters.quarantine import Json, Reading, Reason
from fhir_adapters.references import contained, literal
from fhir_adapters.values import Measured, read_quantity
from rules.facts import DateRange, Event

_DAYS: Final = frozenset({None, "1", "d", "day", "days"})
"""How the unit of ``daysSupply`` is written."""
_LONGEST: Final = 10_000
_ADHERENCE: Final = {
    "taking": "active",
    "on-hold": "on-hold",
    "on-hold-as-directed": "on-hold",
    "on-hold-not-as-directed": "on-hold",
    "stopped": "stopped",
    "stopped-as-directed": "stopped",
    "stopped-not-as-directed": "stopped",
    "not-taking": "not-taken",
}
"""R5's adherence codes, as R4's statuses. *Taking, not as directed* and *unknown* are neither."""
_OVER: Final = frozenset({"completed", "stopped", "cancelled", "not-taken"})


def medication_requests(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event from the day it was authored to the last day on which it is valid or, unless that is given, to be taken."""
    status = request_status(reading, resource)
    tags = read_category(reading, resource) + read_performer_type(reading, resource) + read_reason(reading, resource, status)
    written = authored_event("medications", resource, reading, updated, _medication(resource, reading), status, tags)
    yield _ended(replace(written, end=_valid_until(resource, reading) or _taken_until(resource, reading)))


def medication_dispenses(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event from the day on which it was handed over (else made ready, else last updated or before) for the days that it lasts.

    Without a supply in days it is an event of one day.
    """
    handed = read_instant(reading, resource, "whenHandedOver") or read_instant(reading, resource, "whenPrepared")
    status = read_status(reading, resource.get("status"), "status")
    tags = read_category(reading, resource) + read_reason(reading, resource, status, "statusReasonCodeableConcept")
    tags += read_performers(reading, resource, "performer", "function", "actor")
    when = brief(at(handed) if handed else before(updated))
    if resource.get("daysSupply") is not None and when.start:
        when = when._replace(end=_supplied_until(when.start, read_quantity(reading, resource["daysSupply"], "daysSupply")))
    yield event("medications", reading, _medication(resource, reading), when, status, tags=tags, updated=updated)


def medication_statements(resource: Json, reading: Reading, updated: Moment | None) -> Iterator[Event]:
    """One event over the time in which it is said to be taken; without one, it began some time before that was said."""
    asserted = read_instant(reading, resource, "dateAsserted")
    when = read_time(reading, resource, "effective")
    if when.start is None:
        when = before(asserted or updated)._replace(end=when.end)
    status = _taken(resource, reading)
    tags = read_category(reading, resource) + read_reason(reading, resource, status)
    codes = _medication(resource, reading)
    yield _ended(event("medications", reading, codes, when, status, tags=tags, issued=asserted, updated=updated))


def _taken(resource: Json, reading: Reading) -> str | None:
    """The status of a statement; R5 says in ``adherence`` whether the medication is taken, if at all."""
    status = read_status(reading, resource.get("status"), "status")
    adherence = resource.get("adherence")
    if status is not None or not isinstance(adherence, dict):
        return status
    said = [_ADHERENCE.get(coding.code) for coding in read_codes(reading, adherence.get("code"), "adherence.code").found]
    return said[0] if said else None


def _ended(taken: Event) -> Event:
    """Without a stated end it is still going on; if its status says otherwise, nobody knows when it ended."""
    return replace(taken, end=some_day_from(taken.start)) if taken.end is None and taken.status in _OVER else taken


# ---------------------------------------------------------------- which


def medication_codes(resource: Json, reading: Reading) -> Codes:
    """What a Medication resource is."""
    return read_codes(reading, resource.get("code"), "code")


def awaited_medication(resource: Json, reading: Reading, urls: Mapping[str, str]) -> str:
    """``Medication/id`` if the codes stand in a resource of its own, which has to be found first. Otherwise they are lost (reported)."""
    concept, reference = _given(resource)
    if concept is not None or reference is None:
        return ""
    target = literal(reference, urls)
    if target is not None and target.type == "Medication":
        return str(target)
    reading.bad("medicationReference", Reason.NO_MEDICATION)
    return ""


def _given(resource: Json) -> tuple[Any, Any]:
    """The concept and the reference of a medication, from ``medication[x]`` (R4) or ``medication`` (R5); either may be missing."""
    both = resource.get("medication")
    if isinstance(both, dict):
        return both.get("concept"), both.get("reference")
    return resource.get("medicationCodeableConcept"), resource.get("medicationReference")


def _medication(resource: Json, reading: Reading) -> Codes:
    """The codes of the medication, given here or in a contained Medication. Lost as long as it has to be looked up elsewhere."""
    concept, reference = _given(resource)
    if concept is not None and reference is not None and "medication" not in resource:
        reading.bad("medication[x]", Reason.MORE_THAN_ONE)
        return Codes(lost=True)
    if concept is not None:
        return read_codes(reading, concept, "medicationCodeableConcept")
    if reference is None:
        reading.bad("medication[x]", Reason.MISSING)
        return Codes(lost=True)
    inside = contained(resource, reference, "Medication")
    codes = read_codes(reading, None if inside is None else inside.get("code"), "contained.code")
    return codes if codes.found else Codes(lost=True)


# ---------------------------------------------------------------- until when


def _supplied_until(start: DateRange, supply: Measured) -> DateRange:
    """The last day of a supply; any day from the first one if it cannot be told how long it lasts."""
    if supply.value is None or not 0 < supply.value < _LONGEST or supply.unit not in _DAYS:
        return some_day_from(start)
    more = timedelta(days=ceil(supply.value) - 1)
    return DateRange(min(start.low, date.max - more) + more, min(start.high, date.max - more) + more)


def _valid_until(resource: Json, reading: Reading) -> DateRange | None:
    dispense = resource.get("dispenseRequest")
    if dispense is None:
        return None
    if not isinstance(dispense, dict):
        reading.bad("dispenseRequest", Reason.NOT_AN_OBJECT)
        return None
    return read_period(reading, dispense.get("validityPeriod"), "dispenseRequest.validityPeriod").end


def _taken_until(resource: Json, reading: Reading) -> DateRange | None:
    """The last day of the last dosage; ``None`` if one of them has no end."""
    doses = resource.get("dosageInstruction")
    ends = [_dose_end(dose, reading, f"dosageInstruction[{i}]") for i, dose in enumerate(doses if isinstance(doses, list) else [])]
    known = [end for end in ends if end is not None]
    return max(known, key=lambda end: (end.high, end.low)) if known and len(known) == len(ends) else None


def _dose_end(dose: Any, reading: Reading, path: str) -> DateRange | None:
    timing = dose.get("timing") if isinstance(dose, dict) else None
    repeat = timing.get("repeat") if isinstance(timing, dict) else None
    bounds = repeat.get("boundsPeriod") if isinstance(repeat, dict) else None
    return read_period(reading, bounds, f"{path}.timing.repeat.boundsPeriod").end
