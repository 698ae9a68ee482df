"""Units of measure: spellings of one UCUM unit, and conversions scoped to an analyte.

There is no general unit arithmetic on purpose: a general library turns HbA1c 48 mmol/mol into 4.8 %; the truth is 6.5 %.
What this table does not hold is unknown, never guessed.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from rules.facts import Coding

LOINC: Final = "http://loinc.org"

SPELLINGS: Final = {
    "percent": "%",
    "% hgb": "%",
    "mmol/mol{hb}": "mmol/mol",
    "mg/dl": "mg/dL",
    "gm/dl": "g/dL",
    "g/dl": "g/dL",
    "mmol/l": "mmol/L",
    "umol/l": "umol/L",
    "µmol/l": "umol/L",
    "mmhg": "mm[Hg]",
    "mm hg": "mm[Hg]",
    "kgs": "kg",
    "lbs": "[lb_av]",
    "lb": "[lb_av]",
    "score": "{score}",
    "points": "{score}",
    "{points}": "{score}",
}


def canonical(unit: str | None) -> str | None:
    """The UCUM spelling that the rules use for ``unit`` (``"mg/dl"`` → ``"mg/dL"``); unknown spellings pass unchanged.

    Annotations in braces are kept: ``mL/min/{1.73_m2}`` is not ``mL/min``.
    """
    if unit is None or not unit.strip():
        return None
    text = unit.strip()
    return SPELLINGS.get(text.lower(), text)


@dataclass(frozen=True, slots=True)
class Conversion:
    """``target = source * factor + offset``, for the codes of one analyte (for all, if ``codes`` is empty)."""

    analyte: str
    codes: frozenset[Coding]
    source: str | None
    target: str
    factor: float
    offset: float
    reference: str


def _loinc(*codes: str) -> frozenset[Coding]:
    return frozenset(Coding(LOINC, c) for c in codes)


HBA1C: Final = _loinc("4548-4", "17856-6", "17855-8", "59261-8")
_NGSP: Final = "NGSP: IFCC standardization, master equation, https://ngsp.org/ifcc.asp"

CONVERSIONS: Final = (
    Conversion("HbA1c", HBA1C, "mmol/mol", "%", 0.09148, 2.152, _NGSP),
    Conversion("HbA1c", HBA1C, "%", "mmol/mol", 10.93, -23.50, _NGSP),
    Conversion("any", frozenset(), "1", "{score}", 1.0, 0.0, "UCUM: an annotation is a dimensionless unity"),
    Conversion("any", frozenset(), None, "{score}", 1.0, 0.0, "A score without a unit is a score"),
    Conversion("any", frozenset(), "g", "kg", 0.001, 0.0, "UCUM prefix k"),
    Conversion("any", frozenset(), "[lb_av]", "kg", 0.45359237, 0.0, "UCUM [lb_av]"),
    Conversion("any", frozenset(), "[in_i]", "cm", 2.54, 0.0, "UCUM [in_i]"),
    Conversion("any", frozenset(), "m", "cm", 100.0, 0.0, "UCUM prefix c"),
)


def conversions(codes: Iterable[Coding], target: str) -> tuple[Conversion, ...]:
    """Every way to reach ``target`` that is valid for *all* of ``codes`` (the identity first).

    An analyte's row applies only if no code lies outside the analyte: a mixed value set converts nothing.
    """
    wanted = frozenset(codes)
    rows = [Conversion("any", frozenset(), target, target, 1.0, 0.0, "identity")]
    rows += [c for c in CONVERSIONS if c.target == target and (not c.codes or (wanted and wanted <= c.codes))]
    return tuple(rows)
