"""Why a clinician may not follow a card: HL7's starter set of non-adherence reasons (value set ``non-adherence-reason-clinical``)."""

from typing import Final

SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"

REASONS: Final = (
    ("patient-refuses", "Patient refuses/declines (no context given)*"),
    ("action-completed", "Recommended action was already completed"),
    ("service-not-available", "Treatment or service is not practically available"),
    ("too-costly-uncovered", "Recommended action is too costly or not covered by insurance"),
    ("recipient-does-not-understand", "Recipient does not understand the recommended action or know how to perform the recommended action"),
    ("patient-contraindication", "Patient has contraindication to recommended action"),
    ("cds-not-applicable", "PC CDS does not apply to patient"),
    ("cds-suboptimal-context", "PC CDS delivered in suboptimal context"),
    ("recipient-disagrees-evidence", "Recipient disagrees with recommendation because of issues with the evidence"),
    ("recipient-concerns-outcomes", "Recipient has concerns regarding potential health outcomes"),
    ("does-not-align-preferences", "Recommendation does not align with patient preferences or values"),
    ("not-convenient-feasible", "Recommendation is not convenient or feasible"),
)
"""(code, display), the ones most used in social care first."""


def codings() -> list[dict[str, str]]:
    """The reasons as they stand on a card."""
    return [{"system": SYSTEM, "code": code, "display": display} for code, display in REASONS]
