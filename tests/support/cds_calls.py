"""Hook calls about one hand-made person: diabetes, HbA1c 9.6 %, hunger, a wish for help, and mould at home with asthma."""

from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

AS_OF: Final = "2026-06-30"
HOOK: Final = "patient-view"
SERVICE_ID: Final = "almoner-patient-view"
PATIENT: Final = "p1"
LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
_SUBJECT: Final = {"reference": f"Patient/{PATIENT}"}


def concept(system: str, code: str) -> Json:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code}]}


def searchset(*resources: Json, **members: Any) -> Json:
    """The answer to a search."""
    entries = [{"resource": resource, "search": {"mode": "match"}} for resource in resources]
    return {"resourceType": "Bundle", "type": "searchset", "total": len(resources), "entry": entries} | members


def patient(**members: Any) -> Json:
    """The person."""
    return {"resourceType": "Patient", "id": PATIENT, "gender": "female", "birthDate": "1970-02-01"} | members


def condition(id: str, code: str, **members: Any) -> Json:
    """An active condition, coded in SNOMED CT."""
    status = concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active")
    found = {"resourceType": "Condition", "id": id, "subject": _SUBJECT, "clinicalStatus": status, "code": concept(SNOMED, code)}
    return found | {"category": [_category("condition-category", "problem-list-item")], "onsetDateTime": "2012-01-01"} | members


def observation(id: str, code: str, day: str, **members: Any) -> Json:
    """A final observation, coded in LOINC."""
    found = {"resourceType": "Observation", "id": id, "subject": _SUBJECT, "status": "final", "code": concept(LOINC, code)}
    return found | {"category": [_category("observation-category", "survey")], "effectiveDateTime": day} | members


def answer(id: str, question: str, said: str, day: str) -> Json:
    """A coded answer to a screening question."""
    return observation(id, question, day, valueCodeableConcept=concept(LOINC, said))


def referral(id: str, service: str, status: str = "active") -> Json:
    """A ServiceRequest."""
    return {
        "resourceType": "ServiceRequest",
        "id": id,
        "subject": _SUBJECT,
        "status": status,
        "intent": "order",
        "code": concept(SNOMED, service),
        "authoredOn": "2026-05-05",
    }


def goal(id: str, status: str = "active") -> Json:
    """The goal of food security: while it is pursued, help is wanted."""
    return {
        "resourceType": "Goal",
        "id": id,
        "subject": _SUBJECT,
        "lifecycleStatus": status,
        "description": concept(SNOMED, "1078229009"),
        "startDate": "2026-04-01",
    }


def _category(system: str, code: str) -> Json:
    return concept(f"http://terminology.hl7.org/CodeSystem/{system}", code)


def _hba1c(value: float) -> Json:
    quantity = {"value": value, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"}
    return observation("hba1c", "4548-4", "2026-05-02", valueQuantity=quantity)


def prefetch(**keys: Any) -> Json:
    """Everything about the person, but for the keys given; ``...`` leaves a key out."""
    whole: Json = {
        "patient": patient(),
        "condition": searchset(condition("dm", "44054006"), condition("asthma", "195967001")),
        "encounter": None,
        "goal": searchset(goal("food")),
        "observation": searchset(
            _hba1c(9.6), answer("hunger", "88122-7", "LA28397-0", "2026-04-01"), answer("home", "96778-6", "LA28580-1", "2026-05-02")
        ),
        "procedure": None,
        "questionnaireResponse": None,
        "serviceRequest": searchset(),
    }
    return {key: value for key, value in (whole | keys).items() if value is not ...}


def resources(keys: Mapping[str, Any]) -> list[Json]:
    """What the keys of a prefetch hold, for a FHIR server."""
    found: list[Json] = []
    for value in keys.values():
        if value is not None:
            found += [entry["resource"] for entry in value["entry"]] if value["resourceType"] == "Bundle" else [value]
    return found


def hook_call(keys: Json | None = None, **members: Any) -> Json:
    """A call of the hook; without ``keys`` it brings no prefetch at all."""
    call = {"hook": HOOK, "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "fhirVersion": "R4"}
    context = {"userId": "Practitioner/example", "patientId": PATIENT}
    return call | {"context": context} | ({} if keys is None else {"prefetch": keys}) | members
