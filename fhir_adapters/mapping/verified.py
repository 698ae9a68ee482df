"""Clinical and verification status, which conditions and allergies share."""

from typing import Final

from fhir_adapters.codes import BINDINGS, read_codes
from fhir_adapters.quarantine import Json, Reading, Reason

_THO: Final = "http://terminology.hl7.org/CodeSystem"
_SYSTEMS: Final = {
    "Condition.clinicalStatus": f"{_THO}/condition-clinical",
    "Condition.verificationStatus": f"{_THO}/condition-ver-status",
    "AllergyIntolerance.clinicalStatus": f"{_THO}/allergyintolerance-clinical",
    "AllergyIntolerance.verificationStatus": f"{_THO}/allergyintolerance-verification",
}
_NOT_SO: Final = frozenset({"entered-in-error", "refuted"})


def verified_status(resource: Json, reading: Reading) -> str | None:
    """``entered-in-error`` or ``refuted`` if the verification says so, else the clinical status; ``None``: unknown."""
    verification = _code(resource, reading, "verificationStatus")
    if verification in _NOT_SO:
        return verification
    clinical = _code(resource, reading, "clinicalStatus")
    understood = verification is not None or resource.get("verificationStatus") is None
    return clinical if understood else None


def _code(resource: Json, reading: Reading, element: str) -> str | None:
    """The code from the required value set; ``None`` if absent or (reported) not in it."""
    if resource.get(element) is None:
        return None
    name = f"{reading.resource_type}.{element}"
    for system, code in read_codes(reading, resource[element], element).found:
        if system in ("", _SYSTEMS[name]) and code in BINDINGS[name]:
            return code
    reading.bad(element, Reason.NOT_IN_BINDING)
    return None
