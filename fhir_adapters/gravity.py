"""What Gravity SDOH Clinical Care 3.0.0 fixes about a referral."""

from typing import Final, NamedTuple

from rules.facts import Coding

SERVICE_REQUEST: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ServiceRequest"
"""The profile of a referral."""
TASK: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-TaskForReferralManagement"
"""The profile of the Task that goes with it."""
GOAL: Final = "http://hl7.org/fhir/StructureDefinition/resource-pertainsToGoal"
"""The extension of a referral that names the Goal it serves."""
CATEGORIES: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes"
CAPACITY_STATUS: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ExtensionHealthcareServiceCapacityStatus"
"""The extension of a HealthcareService that says whether somebody new can be taken."""
CAPACITIES: Final = ("capacity", "waitlist", "additional-assessment-required", "no-capacity")
"""Its codes, in `CATEGORIES`."""
APPOINTMENT_TELECOM: Final = (
    "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ExtensionHealthcareServiceTelecomAppointment"
)
"""The extension of a telecom that says that appointments can be made there."""
SDOH: Final = {"system": "http://hl7.org/fhir/us/core/CodeSystem/us-core-category", "code": "sdoh", "display": "SDOH"}
"""The category that marks what is about social care."""
SOCIAL_SERVICE: Final = {"system": "http://snomed.info/sct", "code": "410606002", "display": "Social service procedure"}

ASSESSMENT: Final = {"system": "http://snomed.info/sct", "code": "710824005", "display": "Assessment of health and social care needs"}
"""What a referral for assessment asks for: what came of it says what somebody needs."""

TASK_CODES: Final = "http://hl7.org/fhir/CodeSystem/task-code"
SDC_CODES: Final = "http://hl7.org/fhir/uv/sdc/CodeSystem/temp"
FULFILL: Final = {"system": TASK_CODES, "code": "fulfill", "display": "Fulfill the focal request"}
"""The Task that goes with a referral."""
COMPLETE_QUESTIONNAIRE: Final = {"system": SDC_CODES, "code": "complete-questionnaire", "display": "Complete Questionnaire"}
"""The Task that asks a patient to answer questions."""
QUESTIONNAIRE: Final = {"system": SDC_CODES, "code": "questionnaire", "display": "Questionnaire"}
"""The input of such a Task that names the questions."""


class Questionnaire(NamedTuple):
    """A set of questions that Gravity publishes."""

    url: str
    title: str
    codes: frozenset[str]
    """LOINC codes of its questions and of the panels that they stand in."""


def _questionnaire(name: str, title: str, codes: str) -> Questionnaire:
    url = f"http://hl7.org/fhir/us/sdoh-clinicalcare/Questionnaire/SDOHCC-Questionnaire{name}"
    return Questionnaire(url, title, frozenset(codes.split()))


QUESTIONNAIRES: Final = (
    _questionnaire("HungerVitalSign", "Hunger Vital Sign", "88122-7 88123-5 88124-3"),
    _questionnaire(
        "PRAPARE",
        "PRAPARE",
        "93025-5 93043-8 56051-6 32624-9 93035-4 93034-7 54899-0 93042-0 63512-8 71802-3 93033-9 56799-0 93041-2 82589-3 67875-5 "
        "76437-3 63586-2 93031-3 93030-5 93040-4 93029-7 93038-8 93039-6 93028-9 93027-1 93026-3 76501-6",
    ),
)
"""The shortest first."""


def own_code(code: str) -> dict[str, str]:
    """Another code of Gravity's own, such as ``resulting-activity``, as a Coding."""
    return {"system": CATEGORIES, "code": code, "display": category_display(code)}


def category(code: str) -> dict[str, str]:
    """A category as a Coding."""
    return {"system": CATEGORIES, "code": code, "display": category_display(code)}


def category_display(code: str) -> str:
    """The display of an SDOHCC category: its code in title case, as the code system has it."""
    return code.replace("-", " ").title().replace("Sdoh", "SDOH")


def service(code: Coding, display: str) -> dict[str, str]:
    """The service that a referral asks for, as a Coding."""
    return {"system": code.system, "code": code.code, "display": display}


DOMAINS: Final = (
    "sdoh-category-unspecified",
    *("food-insecurity", "housing-instability", "homelessness", "inadequate-housing", "transportation-insecurity"),
    *("financial-insecurity", "material-hardship", "educational-attainment", "employment-status", "veteran-status", "stress"),
    *("social-connection", "intimate-partner-violence", "elder-abuse", "personal-health-literacy"),
    *("health-insurance-coverage-status", "medical-cost-burden", "digital-literacy", "digital-access", "utility-insecurity"),
    *("incarceration-status", "language-access", "protective-factor"),
)
"""The categories of social need, as codes of `CATEGORIES`."""
