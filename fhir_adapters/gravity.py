"""What Gravity SDOH Clinical Care 3.0.0 fixes about a referral."""

from typing import Final

from rules.facts import Coding

SERVICE_REQUEST: Final = "http://hl7.org/fhir/us/sdoh-clinicalcare/StructureDefinition/SDOHCC-ServiceRequest"
"""The profile of a referral."""
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
