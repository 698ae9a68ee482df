"""Code systems, their short names in a rule, and the check digits that catch a mistyped code."""

import re
from typing import Final

SYSTEMS: Final = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "icd10": "http://hl7.org/fhir/sid/icd-10-cm",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "cvx": "http://hl7.org/fhir/sid/cvx",
    "hcpcs": "http://www.cms.gov/Medicare/Coding/HCPCSReleaseCodeSets",
    "goal-status": "http://hl7.org/fhir/goal-status",
    "act-code": "http://terminology.hl7.org/CodeSystem/v3-ActCode",
    "condition-ver-status": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
    "allergyintolerance-verification": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
    "sdohcc": "http://hl7.org/fhir/us/sdoh-clinicalcare/CodeSystem/SDOHCC-CodeSystemTemporaryCodes",
}
"""Short name in YAML → canonical URI. A full URI may be written instead of a short name."""

_SHAPES: Final = {
    "loinc": re.compile(r"(LA)?[0-9]{1,7}-[0-9]"),
    "snomed": re.compile(r"[0-9]{6,18}"),
    "icd10": re.compile(r"[A-TV-Z][0-9][0-9A-Z](\.[0-9A-Z]{1,4})?"),
}


def _dihedral(a: int, b: int) -> int:
    """Multiplication in the dihedral group of order 10."""
    turned = (a + b) % 5 if a < 5 else (a - b) % 5
    return turned + 5 * (a // 5 ^ b // 5)


_PERMUTATION: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def problem_with(system: str, code: str) -> str:
    """What is wrong with ``code`` in ``system`` (a short name of `SYSTEMS`), or the empty string."""
    shape = _SHAPES.get(system)
    if shape is not None and not shape.fullmatch(code):
        return f"'{code}' is not shaped like a {system} code"
    if system == "loinc" and not code.startswith("LA") and not _loinc_digit_fits(code):
        return f"the check digit of LOINC {code} is wrong"
    if system == "snomed" and not _verhoeff_fits(code):
        return f"the check digit of SNOMED CT {code} is wrong"
    return ""


def _loinc_digit_fits(code: str) -> bool:
    """LOINC's mod-10 check digit. Answer codes (LA…) follow another rule and are not checked here."""
    body, digit = code.split("-")
    total = sum(sum(divmod(int(c) * (2 if i % 2 == 0 else 1), 10)) for i, c in enumerate(reversed(body)))
    return (10 - total % 10) % 10 == int(digit)


def _verhoeff_fits(code: str) -> bool:
    """SNOMED CT's Verhoeff check digit (the dihedral group of order 10)."""
    check = 0
    for i, digit in enumerate(reversed(code)):
        permuted = int(digit)
        for _ in range(i % 8):
            permuted = _PERMUTATION[permuted]
        check = _dihedral(check, permuted)
    return check == 0
