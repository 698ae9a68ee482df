"""Generated people as FHIR resources, so that what engines of others read holds the same edge cases.

Not everything that an event may say has a place in FHIR (an observation has a number or an answer, not both); what matters is that
both sides read the same resource.
"""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, Final

from rules import days
from rules.facts import Coding, DateRange, Event, Person, PersonRecord

Json = dict[str, Any]

_THO: Final = "http://terminology.hl7.org/CodeSystem"
_VERIFICATION: Final = f"{_THO}/condition-ver-status"
_CLINICAL: Final = f"{_THO}/condition-clinical"
_HOUR: Final = 3_600_000_000


def resources_of(record: PersonRecord) -> tuple[Json, ...]:
    """The Patient and a resource for each event."""
    found = {}
    for number, event in enumerate(record.events):
        resource = _WRITERS[event.table](event, number)
        resource |= {"id": f"{record.person.id}-{number}", **_about(resource["resourceType"], record.person.id)}
        if event.updated is not None:
            resource["meta"] = {"lastUpdated": _tick(event.updated)}
        found[resource["id"]] = {name: value for name, value in resource.items() if value not in (None, [], {})}
    return (_patient(record.person), *found.values())


def _patient(person: Person) -> Json:
    found: Json = {"resourceType": "Patient", "id": person.id, "birthDate": _date(person.birth), "gender": person.sex}
    if person.deceased is None:
        found["_deceasedBoolean"] = {"id": "not-said"}
    elif person.deceased and person.died:
        found["deceasedDateTime"] = _date(person.died)
    elif person.deceased:
        found["deceasedBoolean"] = True
    if person.language:
        found["communication"] = [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": person.language}]}}]
    if person.postcode:
        found["address"] = [{"use": "old", "postalCode": "99999"}, {"postalCode": f" {person.postcode} "}]
    return {name: value for name, value in found.items() if value is not None}


# ---------------------------------------------------------------- events


def _observation(event: Event, number: int) -> Json:
    said = _value(event, number)
    found: Json = {
        "resourceType": "Observation",
        "status": event.status,
        "category": _concepts(_tags(event, "category")),
        "issued": None if event.issued is None else _tick(event.issued),
        **_when(event, "effective"),
    }
    code = _code(event)
    if event.part:
        other = {"code": {"text": "something else"}, "valueInteger": 1}
        return found | {"code": {"text": "a panel"}, "component": [other, {"code": code, **said}] if code else [other, said]}
    return found | {"code": code, **said}


def _value(event: Event, number: int) -> Json:
    if event.value is not None and (not event.answers or number % 2):
        return {"valueQuantity": {"value": event.value, **({"unit": event.unit} if event.unit else {})}}
    if event.answers:
        return {"valueCodeableConcept": _concept(event.answers)}
    reason = _tags(event, "reason")
    return {"dataAbsentReason": _concept(reason)} if reason else {}


def _condition(event: Event, number: int) -> Json:
    cancelled = event.status in ("refuted", "entered-in-error")
    status = None if event.status is None else [{"system": _VERIFICATION if cancelled else _CLINICAL, "code": event.status}]
    verified = [tag for tag in _tags(event, "verification") if tag.system == _VERIFICATION]
    return {
        "verificationStatus": _concept(tuple(verified)),
        "resourceType": "Condition",
        "code": _concept(event.codes),
        "category": _concepts(_tags(event, "category")),
        "verificationStatus" if cancelled else "clinicalStatus": None if status is None else {"coding": status},
        "recordedDate": None if event.issued is None or number % 2 else _tick(event.issued),
        "onsetDateTime": _begun(event),
        "abatementDateTime": _date(event.end),
    }


def _encounter(event: Event, number: int) -> Json:
    kind = _tags(event, "class")
    return {
        "resourceType": "Encounter",
        "status": event.status,
        "class": {"system": kind[0].system, "code": kind[0].code} if kind else None,
        "type": _concepts(event.codes),
        "participant": [{"type": [_concept((kind,))]} for kind in _tags(event, "performer")] or None,
        "reasonCode": _concepts(_tags(event, "reason")),
        "period": _period(event),
    }


def _procedure(event: Event, number: int) -> Json:
    reasons = _tags(event, "reason")
    return {
        "resourceType": "Procedure",
        "status": event.status,
        "code": _concept(event.codes),
        "category": _concept(_tags(event, "category")),
        "performer": [{"function": _concept((kind,))} for kind in _tags(event, "performer")] or None,
        "statusReason" if number % 2 else "reasonCode": _concept(reasons) if number % 2 else _concepts(reasons),
        **_when(event, "performed"),
    }


def _request(kind: str, event: Event, code: str = "code") -> Json:
    """A ServiceRequest, a Task, a MedicationRequest."""
    prohibited = event.status == "do-not-perform"
    reasons = _tags(event, "reason")
    return {
        "resourceType": kind,
        "status": "active" if prohibited else event.status,
        "doNotPerform": True if prohibited else None,
        code: _code(event),
        "category": None if kind == "Task" else _concepts(_tags(event, "category")),
        "intent": next((tag.code for tag in _tags(event, "intent")), None),
        "authoredOn": _begun(event),
        "reasonCode": _concept(reasons) if kind == "Task" else _concepts(reasons),
    }


def _prescription(event: Event) -> Json:
    """A MedicationRequest, with the day until which it is valid."""
    end = _date(event.end)
    valid = {"dispenseRequest": {"validityPeriod": {"end": end}}} if end else {}
    return _request("MedicationRequest", event, "medicationCodeableConcept") | valid


def _goal(event: Event, number: int) -> Json:
    begun = _begun(event)
    return {
        "resourceType": "Goal",
        "lifecycleStatus": event.status,
        "description": _code(event),
        "startDate": begun[:10] if begun else None,
    }


def _allergy(event: Event, number: int) -> Json:
    found = _condition(event, number)
    systems = {"verificationStatus": f"{_THO}/allergyintolerance-verification", "clinicalStatus": f"{_THO}/allergyintolerance-clinical"}
    for element, system in systems.items():
        if found.get(element):
            found[element] = {"coding": [{"system": system, "code": event.status}]}
    return found | {"resourceType": "AllergyIntolerance", "code": _code(event), "category": None, "abatementDateTime": None}


def _simple(kind: str, event: Event, code: str, *, several: bool = False, **when: Any) -> Json:
    """A resource that is little more than status, code and time."""
    concept = _code(event)
    return {"resourceType": kind, "status": event.status, code: [concept] if several and concept else concept, **when}


_WRITERS: Final[dict[str, Callable[[Event, int], Json]]] = {
    "observations": _observation,
    "conditions": _condition,
    "encounters": _encounter,
    "procedures": _procedure,
    "goals": _goal,
    "allergies": _allergy,
    "referrals": lambda event, _: _request("ServiceRequest", event),
    "tasks": lambda event, _: _request("Task", event),
    "medications": lambda event, _: _prescription(event),
    "immunizations": lambda event, _: _simple("Immunization", event, "vaccineCode", occurrenceDateTime=_begun(event)),
    "coverages": lambda event, _: _simple("Coverage", event, "type", period=_period(event)),
    "appointments": lambda event, _: _simple("Appointment", event, "appointmentType", start=_begun(event), end=_date(event.end)),
    "communications": lambda event, _: _simple("Communication", event, "topic", sent=_begun(event)),
    "consents": lambda event, _: _simple("Consent", event, "category", several=True, dateTime=_begun(event)),
    "careplans": lambda event, _: _simple("CarePlan", event, "category", several=True, period=_period(event)),
    "programmes": lambda event, _: _simple("EpisodeOfCare", event, "type", several=True, period=_period(event)),
    "reports": lambda event, _: _simple("DiagnosticReport", event, "code", **_when(event, "effective")),
}
_SUBJECTS: Final = {"Task": "for", "Coverage": "beneficiary"} | dict.fromkeys(
    ("Immunization", "AllergyIntolerance", "Consent", "EpisodeOfCare"), "patient"
)


def _about(kind: str, patient: str) -> Json:
    who = {"reference": f"Patient/{patient}"}
    return {"participant": [{"actor": who}]} if kind == "Appointment" else {_SUBJECTS.get(kind, "subject"): who}


# ---------------------------------------------------------------- pieces


def _tags(event: Event, role: str) -> tuple[Coding, ...]:
    return tuple(coding for of, coding in event.tags if of == role)


def _code(event: Event) -> Json | None:
    """What it is about; in words only if it has no code, and nothing at all if it could not be understood."""
    return None if event.opaque else _concept(event.codes) or {"text": "in words only"}


def _concept(codes: tuple[Coding, ...]) -> Json | None:
    return {"coding": [{"system": c.system, "code": c.code} for c in codes]} if codes else None


def _concepts(codes: tuple[Coding, ...]) -> list[Json]:
    """Each code a concept of its own."""
    return [{"coding": [{"system": c.system, "code": c.code}]} for c in codes]


def _when(event: Event, element: str) -> Json:
    if event.end is not None or (event.start is not None and event.start.low == date.min):
        return {f"{element}Period": _period(event)}
    return {f"{element}DateTime": _begun(event)}


def _period(event: Event) -> Json:
    if event.start is not None and event.start.low == date.min:
        return {"end": _date(DateRange(event.start.high, event.start.high))}
    return {name: value for name, value in (("start", _begun(event)), ("end", _date(event.end))) if value}


def _begun(event: Event) -> str | None:
    """The start as a FHIR dateTime that means the same days and the same instant; none if it has no first day."""
    if event.start is None or event.start.low == date.min:
        return None
    written = _date(event.start)
    hours = ((event.instant or 0) - days.midnight(event.start.low)) // _HOUR
    if hours == 0 or written is None or len(written) < len("2026-01-01"):
        return written
    offset = -14 if hours > 23 else 14 if hours < 0 else 0
    return f"{written}T{hours + offset:02}:00:00{f'{offset:+03}:00' if offset else 'Z'}"


def _date(range_: DateRange | None) -> str | None:
    if range_ is None:
        return None
    if range_.low == date.min:
        return None
    return days.shown(range_)


def _tick(number: int) -> str:
    """A moment for each small number, in their order, with an offset of its own."""
    moment = timedelta(milliseconds=number)
    return f"2001-01-0{number + 1}T00:00:00.{moment.microseconds // 1000:03}{('Z', '+02:00', '-05:00')[number % 3]}"
