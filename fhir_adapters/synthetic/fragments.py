"""The pieces that FHIR resources are made of: codings, concepts, profiles, categories."""

from typing import Any, Final

Resource = dict[str, Any]
"""A FHIR resource, or a piece of one, as plain JSON-able dicts and lists."""

LOINC: Final = "http://loinc.org"
SNOMED: Final = "http://snomed.info/sct"
ICD10CM: Final = "http://hl7.org/fhir/sid/icd-10-cm"
UCUM: Final = "http://unitsofmeasure.org"
TERMINOLOGY: Final = "http://terminology.hl7.org/CodeSystem"
US_CORE: Final = "http://hl7.org/fhir/us/core"
GRAVITY: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare"
GRAVITY_CODES: Final = f"{GRAVITY}/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"


def coding(system: str, code: str, display: str) -> Resource:
    """A FHIR Coding."""
    return {"system": system, "code": code, "display": display}


def concept(*codings: Resource) -> Resource:
    """A FHIR CodeableConcept of these codings; its text is the first display."""
    return {"coding": list(codings), "text": codings[0]["display"]}


def loinc(code: str, display: str) -> Resource:
    """A CodeableConcept from LOINC."""
    return concept(coding(LOINC, code, display))


def snomed(code: str, display: str) -> Resource:
    """A CodeableConcept from SNOMED CT."""
    return concept(coding(SNOMED, code, display))


def us_core(profile: str) -> str:
    """Canonical URL of a US Core profile: ``us_core("patient")``."""
    return f"{US_CORE}/StructureDefinition/us-core-{profile}"


def gravity(profile: str) -> str:
    """Canonical URL of a Gravity SDOH Clinical Care profile: ``gravity("Goal")``."""
    return f"{GRAVITY}/StructureDefinition/SDOHCC-{profile}"


def quantity(value: float, unit: str | None) -> Resource:
    """A FHIR Quantity in a UCUM unit; ``None``: the unit was not recorded."""
    if unit is None:
        return {"value": value}
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


FOOD: Final = concept(coding(GRAVITY_CODES, "food-insecurity", "Food Insecurity"))
HOUSING: Final = concept(coding(GRAVITY_CODES, "inadequate-housing", "Inadequate Housing"))
SOCIAL_SERVICE: Final = concept(coding(SNOMED, "410606002", "Social service procedure"))
SDOH: Final = concept(coding(f"{US_CORE}/CodeSystem/us-core-category", "sdoh", "SDOH"))
SURVEY: Final = concept(coding(f"{TERMINOLOGY}/observation-category", "survey", "Survey"))
LABORATORY: Final = concept(coding(f"{TERMINOLOGY}/observation-category", "laboratory", "Laboratory"))
VITAL_SIGNS: Final = concept(coding(f"{TERMINOLOGY}/observation-category", "vital-signs", "Vital Signs"))
SOCIAL_HISTORY: Final = concept(coding(f"{TERMINOLOGY}/observation-category", "social-history", "Social History"))
PROBLEM_LIST: Final = concept(coding(f"{TERMINOLOGY}/condition-category", "problem-list-item", "Problem List Item"))
HEALTH_CONCERN: Final = concept(coding(f"{US_CORE}/CodeSystem/condition-category", "health-concern", "Health Concern"))


def absent(reason: str) -> Resource:
    """A dataAbsentReason: why there is no value (``unknown``, ``not-performed`` …)."""
    return {"coding": [{"system": f"{TERMINOLOGY}/data-absent-reason", "code": reason}]}
