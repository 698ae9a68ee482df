"""People with something in every event table, as FHIR resources."""

from typing import Any

LOINC = "http://loinc.org"
GRAVITY = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"


def concept(system: str, code: str) -> dict[str, Any]:
    """A CodeableConcept with one coding."""
    return {"coding": [{"system": system, "code": code}]}


def about(id: str) -> dict[str, str]:
    """A reference to a Patient."""
    return {"reference": f"Patient/{id}"}


def person(id: str) -> list[dict[str, Any]]:
    """A patient with something in every table."""
    home = {"use": "home", "line": ["1 High St"], "postalCode": "01940"}
    often = {"valueCoding": {"system": LOINC, "code": "LA28397-0"}}
    return [
        {"resourceType": "Patient", "id": id, "birthDate": "1957-03-04", "gender": "female", "address": [home]},
        *(
            {
                "resourceType": "Observation",
                "id": f"{id}-a1c-{i}",
                "status": "final",
                "code": concept(LOINC, "4548-4"),
                "subject": about(id),
                "effectiveDateTime": f"2024-05-{i + 1:02}T09:00:00-05:00",
                "valueQuantity": {"value": 7.1 + i, "unit": "%", "system": "http://unitsofmeasure.org", "code": "%"},
            }
            for i in range(7)
        ),
        {
            "resourceType": "QuestionnaireResponse",
            "id": f"{id}-q",
            "status": "completed",
            "questionnaire": "http://example.org/Questionnaire/hvs",
            "subject": about(id),
            "authored": "2024-05-01T10:00:00Z",
            "item": [{"linkId": "/88122-7", "answer": [often]}],
        },
        {
            "resourceType": "Condition",
            "id": f"{id}-c",
            "clinicalStatus": concept("http://terminology.hl7.org/CodeSystem/condition-clinical", "active"),
            "code": concept("http://hl7.org/fhir/sid/icd-10-cm", "Z59.41"),
            "subject": about(id),
            "onsetDateTime": "2024",
        },
        {
            "resourceType": "Encounter",
            "id": f"{id}-e",
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": about(id),
            "period": {"start": "2024-05-01T09:00:00Z", "end": "2024-05-01T09:30:00Z"},
        },
        {"resourceType": "Procedure", "id": f"{id}-p", "status": "completed", "subject": about(id), "performedDateTime": "2024-05-03"},
        {
            "resourceType": "ServiceRequest",
            "id": f"{id}-s",
            "status": "active",
            "intent": "order",
            "category": [concept(GRAVITY, "food-insecurity")],
            "subject": about(id),
            "authoredOn": "2024-05-04",
        },
        {"resourceType": "Task", "id": f"{id}-t", "status": "requested", "intent": "order", "for": about(id), "authoredOn": "2024-05-04"},
        {
            "resourceType": "Goal",
            "id": f"{id}-g",
            "lifecycleStatus": "active",
            "description": concept("http://snomed.info/sct", "1078229009"),
            "subject": about(id),
            "startDate": "2024-05-05",
        },
    ]


HAND_MADE = [*person("ann"), *person("bob"), {"resourceType": "Patient", "id": "cleo"}]
