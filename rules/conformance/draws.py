"""Draws from one seeded source, and the small world that programs and people share, so that matches really happen."""

from collections.abc import Sequence
from datetime import date
from random import Random
from typing import Final, TypeVar

from rules.facts import Coding
from rules.units import LOINC

_T = TypeVar("_T")

SNOMED: Final = "http://snomed.info/sct"
ICD10: Final = "http://hl7.org/fhir/sid/icd-10-cm"
HBA1C: Final = (Coding(LOINC, "4548-4"), Coding(LOINC, "17856-6"))
CODES: Final = (
    *HBA1C,
    Coding(LOINC, "44261-6"),
    Coding(LOINC, "88124-3"),
    Coding(LOINC, "96778-6"),
    Coding(SNOMED, "44054006"),
    Coding(ICD10, "Z59.41"),
)
ANSWERS: Final = tuple(Coding(LOINC, code) for code in ("LA28397-0", "LA6729-3", "LA28398-8", "LA15775-2", "LA19952-3", "LA9-3"))
STRANGE_ANSWER: Final = Coding(LOINC, "LA32-8")
"""Means none of the words of any question."""
WORDS: Final = ("at risk", "no risk", "declined", "it's O'Brien's")
LANGUAGES: Final = ("en", "es", "pt-BR")
POSTCODES: Final = ("02139", "10001")
IFCC_48: Final = 48 * 0.09148 + 2.152
"""HbA1c 48 mmol/mol in %, with all the digits that the conversion gives."""
NUMBERS: Final = (-1.0, 0.0, 0.00001, 0.1 + 0.2, 1.0, 4.0, 6.5, IFCC_48, 9.0, 9.000001, 9.6, 48.0, 75.0, 86.0, 123456.789, 1e15)
UNITS: Final = ("%", "mmol/mol", "{score}", "1", "mg/dL", "kg", "g", "[lb_av]")
DAYS: Final = tuple(
    map(
        date.fromisoformat, ("2024-02-29", "2025-02-28", "2026-03-31", "2025-12-31", "2026-06-30", "2024-03-31", "2026-01-01", "2026-07-15")
    )
)
"""Days of evaluation: leap day, ends of months and years, and an ordinary one."""


class Draws(Random):
    """A seeded random source with the few kinds of draw that generators need."""

    def chance(self, share: float) -> bool:
        """Yes, in ``share`` of all draws."""
        return self.random() < share

    def some(self, items: Sequence[_T], most: int, least: int = 1) -> tuple[_T, ...]:
        """Between ``least`` and ``most`` different items."""
        return tuple(self.sample(items, self.randint(least, min(most, len(items)))))

    def maybe(self, item: _T, share: float) -> _T | None:
        """The item, in ``share`` of all draws; else nothing."""
        return item if self.chance(share) else None
