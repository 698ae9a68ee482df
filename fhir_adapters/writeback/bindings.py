"""Codes that FHIR 4.0.1 requires. The models of fhir.resources know the structure but accept any text as a code."""

from collections.abc import Mapping
from typing import Final

_PRIORITY: Final = "routine urgent asap stat"
_UNITS: Final = "s min h d wk mo a"
_EVENT: Final = "preparation in-progress not-done on-hold stopped completed entered-in-error unknown"
_COMPARATOR: Final = "< <= >= >"

REQUIRED: Final[Mapping[str, frozenset[str]]] = {
    element: frozenset(codes.split())
    for element, codes in {
        "Communication.priority": _PRIORITY,
        "Communication.status": _EVENT,
        "Flag.status": "active inactive entered-in-error",
        "Provenance.entity.role": "derivation revision quotation source removal",
        "ServiceRequest.intent": "proposal plan directive order original-order reflex-order filler-order instance-order option",
        "ServiceRequest.priority": _PRIORITY,
        "ServiceRequest.status": "draft active on-hold revoked completed entered-in-error unknown",
        "Task.intent": "unknown proposal plan order original-order reflex-order filler-order instance-order option",
        "Task.priority": _PRIORITY,
        "Task.status": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error",
        "Address.type": "postal physical both",
        "Address.use": "home work temp old billing",
        "Age.comparator": _COMPARATOR,
        "ContactPoint.system": "phone fax email pager url sms other",
        "ContactPoint.use": "home work temp old mobile",
        "Duration.comparator": _COMPARATOR,
        "HumanName.use": "usual official temp nickname anonymous old maiden",
        "Identifier.use": "usual official temp secondary old",
        "Narrative.status": "generated extensions additional empty",
        "Quantity.comparator": _COMPARATOR,
        "RelatedArtifact.type": "documentation justification citation predecessor successor derived-from depends-on composed-of",
        "Timing.repeat.dayOfWeek": "mon tue wed thu fri sat sun",
        "Timing.repeat.durationUnit": _UNITS,
        "Timing.repeat.periodUnit": _UNITS,
        "Timing.repeat.when": "MORN MORN.early MORN.late NOON AFT AFT.early AFT.late EVE EVE.early EVE.late NIGHT PHS HS WAKE "
        "C CM CD CV AC ACM ACD ACV PC PCM PCD PCV",
    }.items()
}
"""Element of a resource that we write, or of a data type in it → its codes. Source: the definitions of FHIR 4.0.1 (a test compares)."""

WRITABLE: Final[Mapping[str, str]] = {"Communication": "subject", "Flag": "subject", "ServiceRequest": "subject", "Task": "for"}
"""Types that we write → the element that says whom they are about. A connection allows some of them."""

_ISSUES: Final = (
    "invalid structure required value invariant security login unknown expired forbidden suppressed processing not-supported duplicate "
    "multiple-matches not-found deleted too-long code-invalid extension too-costly business-rule conflict transient lock-error no-store "
    "exception timeout incomplete throttled informational"
)
ISSUE_TYPES: Final = frozenset(_ISSUES.split())
"""What may be in the code of an OperationOutcome's issue; anything else there is not repeated."""
