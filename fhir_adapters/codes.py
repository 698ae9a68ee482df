"""Codings, and the required value sets that rules rest on."""

import re
from functools import lru_cache
from typing import Any, Final, NamedTuple

from fhir_adapters.quarantine import Json, Reading, Reason
from rules.facts import Coding
from rules.units import LOINC

UCUM: Final = "http://unitsofmeasure.org"
GOAL_STATUS: Final = "http://hl7.org/fhir/goal-status"
DATA_ABSENT: Final = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
CONSENT_PROVISION: Final = "http://hl7.org/fhir/consent-provision-type"
REQUEST_INTENT: Final = "http://hl7.org/fhir/request-intent"
ALLERGY_CATEGORY: Final = "http://hl7.org/fhir/allergy-intolerance-category"

YES: Final = Coding(LOINC, "LA33-6")
NO: Final = Coding(LOINC, "LA32-8")

_ORDERS: Final = "order original-order reflex-order filler-order instance-order"
BINDINGS: Final = {
    element: frozenset(codes.split())
    for element, codes in {
        "Observation.status": "registered preliminary final amended corrected cancelled entered-in-error unknown",
        "QuestionnaireResponse.status": "in-progress completed amended entered-in-error stopped",
        "Condition.clinicalStatus": "active recurrence relapse inactive remission resolved",
        "Condition.verificationStatus": "unconfirmed provisional differential confirmed refuted entered-in-error",
        "Encounter.status": "planned arrived triaged in-progress onleave finished cancelled entered-in-error unknown",
        "Procedure.status": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
        "ServiceRequest.status": "draft active on-hold revoked completed entered-in-error unknown",
        "Task.status": "draft requested received accepted rejected ready cancelled in-progress on-hold failed completed entered-in-error",
        "Goal.lifecycleStatus": "proposed planned accepted active on-hold completed cancelled entered-in-error rejected",
        "MedicationRequest.status": "active on-hold cancelled completed entered-in-error stopped draft unknown",
        "MedicationDispense.status": ("preparation in-progress cancelled on-hold completed entered-in-error stopped declined unknown"),
        "MedicationStatement.status": "active completed entered-in-error intended stopped on-hold unknown not-taken",
        "Immunization.status": "completed entered-in-error not-done",
        "AllergyIntolerance.clinicalStatus": "active inactive resolved",
        "AllergyIntolerance.verificationStatus": "unconfirmed confirmed refuted entered-in-error",
        "AllergyIntolerance.category": "food medication environment biologic",
        "Coverage.status": "active cancelled draft entered-in-error",
        "Appointment.status": ("proposed pending booked arrived fulfilled cancelled noshow entered-in-error checked-in waitlist"),
        "Communication.status": "preparation in-progress not-done on-hold stopped completed entered-in-error unknown",
        "Consent.status": "draft proposed active rejected inactive entered-in-error",
        "Consent.provision.type": "deny permit",
        "CarePlan.status": "draft active on-hold revoked completed entered-in-error unknown",
        "EpisodeOfCare.status": "planned waitlist active onhold finished cancelled entered-in-error",
        "CarePlan.intent": "proposal plan order option",
        "DiagnosticReport.status": ("registered partial preliminary final amended corrected appended cancelled entered-in-error unknown"),
        "ServiceRequest.intent": f"proposal plan directive {_ORDERS} option",
        "MedicationRequest.intent": f"proposal plan {_ORDERS} option",
        "Task.intent": f"unknown proposal plan {_ORDERS} option",
        "Patient.gender": "male female other unknown",
    }.items()
}
"""FHIR R4's required value sets, by element."""

_NEWER: Final[dict[str, dict[str, str | None]]] = {
    "Encounter.status": {"completed": "finished", "discharged": "finished", "on-hold": "onleave", "discontinued": None},
    "MedicationRequest.status": {"ended": "completed"},
    "MedicationStatement.status": {"recorded": None, "draft": "draft"},
    "Consent.status": {"not-done": "rejected", "unknown": None},
    "DiagnosticReport.status": {"modified": "amended"},
}
"""R5's new codes, by what R4 calls them; ``None``: R4 has no word for it, and it is unknown."""

# Four digits at least: shorter LOINC codes exist, but so do link ids such as "1-8" that pass the check digit by chance.
_LOINC_FORM: Final = re.compile(r"[1-9]\d{3,6}-\d", re.ASCII)


class Codes(NamedTuple):
    """The codings of one or more concepts. ``lost``: something was there, and none of it could be understood."""

    found: tuple[Coding, ...] = ()
    lost: bool = False


NO_CODES: Final = Codes()


@lru_cache(maxsize=1 << 16)
def shared(system: str, code: str) -> Coding:
    """One object for each coding: a registry holds few different ones, many times."""
    return Coding(system, code)


def read_coding(reading: Reading, value: Any, path: str) -> Coding | None:
    """A Coding; ``None`` if it has no code (not an error) or (reported) cannot be understood."""
    if not isinstance(value, dict):
        reading.bad(path, Reason.NOT_AN_OBJECT)
        return None
    code, system = value.get("code"), value.get("system")
    if code is None:
        return None
    if not isinstance(code, str) or not (system is None or isinstance(system, str)):
        reading.bad(path, Reason.WRONG_TYPE)
        return None
    if not code.strip():
        reading.bad(path, Reason.EMPTY)
        return None
    return shared((system or "").strip(), code.strip())


def read_codes(reading: Reading, value: Any, path: str) -> Codes:
    """Every coding of a CodeableConcept (in R5 also of a CodeableReference), or of a list of them, each once.

    Text alone gives none; so does absence.
    """
    if value is None:
        return NO_CODES
    before = reading.defects
    found = _codings(reading, value, f"{path}.coding")
    return Codes(tuple(dict.fromkeys(found)) if len(found) > 1 else tuple(found), not found and reading.defects > before)


def required_code(reading: Reading, element: Json, name: str, path: str = "") -> Codes:
    """The CodeableConcept that says what it is. Lost (and reported) if there is none: it might be anything."""
    if element.get(name) is None:
        reading.bad(path + name, Reason.MISSING)
        return Codes(lost=True)
    return read_codes(reading, element[name], path + name)


def _codings(reading: Reading, value: Any, path: str) -> list[Coding]:
    found: list[Coding] = []
    for concept in value if isinstance(value, list) else [value]:
        if not isinstance(concept, dict):
            reading.bad(path.removesuffix(".coding"), Reason.NOT_AN_OBJECT)
            continue
        codings = concept.get("coding")
        if codings is None and isinstance(concept.get("concept"), dict):
            # R5 writes many concepts as a CodeableReference: the concept, or where it is written down.
            codings = concept["concept"].get("coding")
        if codings is None:
            continue
        for item in codings if isinstance(codings, list) else [codings]:
            coding = read_coding(reading, item, path)
            if coding is not None:
                found.append(coding)
    return found


def joined(*codes: Codes) -> Codes:
    """All of them as one. Lost if any is: a readable category does not say what an unreadable code was."""
    return Codes(tuple(dict.fromkeys(coding for part in codes for coding in part.found)), any(part.lost for part in codes))


def read_status(reading: Reading, value: Any, element: str) -> str | None:
    """A code from the required value set of ``element`` of this resource; ``None`` if missing, invalid (reported) or ``unknown``.

    A code that only R5 has becomes R4's.
    """
    if value is None:
        reading.bad(element, Reason.MISSING)
        return None
    name = f"{reading.resource_type}.{element}"
    if not isinstance(value, str) or value not in BINDINGS[name]:
        newer = _NEWER.get(name, {})
        if isinstance(value, str) and value in newer:
            return newer[value]
        reading.bad(element, Reason.NOT_IN_BINDING)
        return None
    return None if value == "unknown" else value


def loinc_item(text: str) -> str | None:
    """The LOINC code that a link id (``/88122-7``, ``/93043-8/56051-6``) ends in, if its form and check digit are right."""
    code = text.rsplit("/", 1)[-1]
    if _LOINC_FORM.fullmatch(code) and _check_digit(code[:-2]) == int(code[-1]):
        return code
    return None


def _check_digit(digits: str) -> int:
    """Mod 10 (Luhn), as LOINC defines it for its numeric codes."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled // 10 + doubled % 10
    return -total % 10
