"""What each kind of partner is told: a list of what may go, and nothing else. What is not on it does not go, whoever asks."""

from dataclasses import dataclass
from typing import Any, Final

from fhir_adapters.errors import NotWritable

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Disclosure:
    """The data set of one kind of partner."""

    patient: frozenset[str]
    """Elements of Patient."""
    order: frozenset[str] = frozenset()
    """Elements of ServiceRequest besides those that every order has."""
    by_hand: bool = False
    """Only a person sends it, never a timer or a rule."""
    guardian: bool = False
    """The consent is a guardian's."""


_ORDER: Final = frozenset(
    {"resourceType", "id", "meta", "identifier", "status", "intent", "category", "code", "subject", "authoredOn", "requester"}
    | {"performer", "priority", "orderDetail", "supportingInfo", "basedOn"}
)
_TASK: Final = frozenset(
    {"resourceType", "id", "meta", "identifier", "status", "statusReason", "intent", "code", "focus", "for", "authoredOn", "requester"}
    | {"owner", "priority", "output", "partOf"}
)
_REACHED: Final = frozenset({"name", "telecom", "communication"})
_VISITED: Final = _REACHED | {"address"}
_KNOWN: Final = _VISITED | {"birthDate"}
_CARED_FOR: Final = _KNOWN | {"gender", "identifier"}
_WHY: Final = frozenset({"reasonReference", "extension", "note"})
_NOTE: Final = frozenset({"note"})

DISCLOSURES: Final = {
    "health provider": Disclosure(_CARED_FOR, _WHY),
    "public health": Disclosure(_CARED_FOR, _WHY),
    "social services": Disclosure(_KNOWN, _NOTE | {"extension"}),
    "council": Disclosure(_KNOWN, _NOTE),
    "housing association": Disclosure(_VISITED, _NOTE),
    "benefits advice": Disclosure(_KNOWN, _NOTE),
    "legal aid": Disclosure(_KNOWN, _NOTE),
    "employment service": Disclosure(_REACHED | {"birthDate"}, _NOTE),
    "voluntary sector": Disclosure(_VISITED, _NOTE),
    "transport": Disclosure(_VISITED, _NOTE),
    "food bank": Disclosure(_REACHED, _NOTE),
    "fire service": Disclosure(_VISITED, _NOTE),
    "school": Disclosure(frozenset({"name"}), _NOTE, guardian=True),
    "police": Disclosure(_VISITED, by_hand=True),
}
"""Each kind of partner with what it is told. Diagnoses and goals go to those who treat; a screening answer goes to nobody."""


def allowed(partner: str, resource: Json) -> frozenset[str]:
    """The elements of a Patient, ServiceRequest or Task that ``partner`` may be told."""
    told = DISCLOSURES[partner]
    by_type = {"Patient": told.patient | {"resourceType"}, "ServiceRequest": _ORDER | told.order, "Task": _TASK}
    return by_type.get(str(resource.get("resourceType")), frozenset())


def least(partner: str, resource: Json) -> Json:
    """``resource`` with what ``partner`` may be told of it."""
    return {name: value for name, value in resource.items() if name in allowed(partner, resource)}


def check(partner: str, resource: Json) -> None:
    """Raises `NotWritable` if there is anything in it that ``partner`` may not be told."""
    if more := sorted(set(resource) - allowed(partner, resource)):
        raise NotWritable(f"{resource.get('resourceType')}: {', '.join(more)} is not for the {partner}")
