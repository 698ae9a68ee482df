"""Why a clinician may not follow a card: HL7's starter set of non-adherence reasons (value set ``non-adherence-reason-clinical``)."""

from typing import Final

from plugin.cds.texts import Texts

SYSTEM: Final = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"

REASONS: Final = (
    "patient-refuses",
    "action-completed",
    "service-not-available",
    "too-costly-uncovered",
    "recipient-does-not-understand",
    "patient-contraindication",
    "cds-not-applicable",
    "cds-suboptimal-context",
    "recipient-disagrees-evidence",
    "recipient-concerns-outcomes",
    "does-not-align-preferences",
    "not-convenient-feasible",
)
"""The codes, the ones most used in social care first."""


def codings(texts: Texts) -> list[dict[str, str]]:
    """The reasons as they stand on a card."""
    return [{"system": SYSTEM, "code": code, "display": texts.reasons[code]} for code in REASONS]
