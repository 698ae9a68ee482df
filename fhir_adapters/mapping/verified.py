"""Clinical and verification status, which conditions and allergies share."""

from typing import Final, NamedTuple

from fhir_adapters.codes import BINDINGS, read_codes
from fhir_adapters.mapping.tags import Tags
from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Coding

_THO: Final = "http://terminology.hl7.org/CodeSystem"
_SYSTEMS: Final = {
    "Condition.clinicalStatus": f"{_THO}/condition-clinical",
    "Condition.verificationStatus": f"{_THO}/condition-ver-status",
    "AllergyIntolerance.clinicalStatus": f"{_THO}/allergyintolerance-clinical",
    "AllergyIntolerance.verificationStatus": f"{_THO}/allergyintolerance-verification",
}
_NOT_SO: Final = frozenset({"entered-in-error", "refuted"})


class Verified(NamedTuple):
    """What is known about whether it is so."""

    status: str | None
    """``entered-in-error`` or ``refuted`` if the verification says so, else the clinical status; ``None``: unknown."""
    tags: Tags
    """The verification status in the role ``verification``."""


def read_verified(resource: Json, reading: Reading) -> Verified:
    """The status of a condition or allergy."""
    verification = _code(resource, reading, "verificationStatus")
    clinical = _code(resource, reading, "clinicalStatus")
    if verification is None:
        return Verified(clinical if resource.get("verificationStatus") is None else None, ())
    tag = ("verification", Coding(_SYSTEMS[f"{reading.resource_type}.verificationStatus"], verification))
    return Verified(verification if verification in _NOT_SO else clinical, (tag,))


def _code(resource: Json, reading: Reading, element: str) -> str | None:
    """The code from the required value set; ``None`` if absent or (reported) not in it."""
    if resource.get(element) is None:
        return None
    name = f"{reading.resource_type}.{element}"
    for system, code in read_codes(reading, resource[element], element).found:
        if code == "unknown":
            return None
        if system in ("", _SYSTEMS[name]) and code in BINDINGS[name]:
            return code
    reading.bad(element, Reason.NOT_IN_BINDING)
    return None
