"""Which kinds of personal data a rule uses (HTI-1, §170.315(b)(11)(iv)), computed from what it reads, so that it cannot be wrong.

A fact that reads every code of a table may meet data of any kind and is counted as using it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from rules.explain import short
from rules.facts import Coding
from rules.ir import EventFact, Fact, PatientFact, Program, Series
from rules.told import Told
from rules.valuesets import SYSTEMS

_HUNGER_VITAL_SIGN: Final = "88121-9 88122-7 88123-5 88124-3"
_PRAPARE: Final = (
    "93025-5 71802-3 93033-9 82589-3 67875-5 76437-3 63586-2 93031-3 93030-5 "
    "93029-7 93038-8 93028-9 93027-1 93026-3 76501-6 93034-7 93035-4"
)
_AHC_HRSN: Final = "96777-8 96778-6 96779-4 95618-5 95617-7 95616-9 95615-1 95614-4 76513-1 96780-2 93159-2 96782-8"
_MOOD: Final = (
    "44249-1 44250-9 44255-8 44259-0 44254-1 44251-7 44258-2 44252-5 44253-3 44260-8 69722-7 44261-6 55757-9 55758-7 89204-2 "
    "69737-5 69725-0 68509-9 69733-4 69734-2 69735-9 69689-8 69736-7 70274-6 73832-8 73831-0"
)
"""PHQ-9, PHQ-2, teen total; GAD-7; whether depression was screened for."""
_FUNCTION_AND_HABITS: Final = "96781-0 89555-7 68516-4 68517-2 96842-0 95530-2 68524-8 69858-9 69861-3 72166-2"

_SOCIAL_LOINC: Final = frozenset(f"{_HUNGER_VITAL_SIGN} {_PRAPARE} {_AHC_HRSN}".split())
_SURVEY_LOINC: Final = _SOCIAL_LOINC | frozenset(f"{_MOOD} {_FUNCTION_AND_HABITS}".split())
"""Social screening counts too: it is an assessment of health status in USCDI."""
_LANGUAGE_LOINC: Final = frozenset({"54899-0", "97027-7", "54588-9"})
_SOCIAL_SNOMED: Final = frozenset({"733423003", "1078229009", "710911006", "410606002"})
_SOCIAL_ICD10: Final = re.compile(r"Z(5[5-9]|6[0-5])(\..*)?")
"""ICD-10-CM Z55-Z65: persons with potential health hazards related to socioeconomic and psychosocial circumstances."""

_SOCIAL_TABLES: Final = frozenset({"observations", "conditions", "goals", "procedures", "referrals", "tasks"})
_SURVEY_TABLES: Final = frozenset({"observations"})


@dataclass(frozen=True, slots=True)
class Use:
    """A kind of data, and the facts that read it; none: the rule does not use it."""

    attribute: str
    facts: tuple[str, ...]


def uses(program: Program, rule: str) -> tuple[Use, ...]:
    """HTI-1 source attributes 5 to 13 of a rule, and which of its facts are behind each."""
    found: dict[str, list[str]] = {attribute: [] for attribute in ATTRIBUTES}
    for name in program.facts_behind(rule):
        for attribute in _kinds(program.by_name[name]):
            found[attribute].append(short(name))
    return tuple(Use(attribute, tuple(facts)) for attribute, facts in found.items())


ATTRIBUTES: Final[tuple[str, ...]] = (
    Told("race"),
    Told("ethnicity"),
    Told("language"),
    Told("sexual orientation"),
    Told("gender identity"),
    Told("sex"),
    Told("date of birth"),
    Told("social determinants of health"),
    Told("health status assessments"),
)
_OF_PATIENT: Final[Mapping[str, str]] = {
    "age": "date of birth",
    "birth": "date of birth",
    "sex": "sex",
    "language": "language",
    "postcode": "social determinants of health",
}
"""A postcode says where somebody lives, and with that much about how."""


def _kinds(fact: Fact) -> Iterator[str]:
    if isinstance(fact, PatientFact):
        if kind := _OF_PATIENT.get(fact.attribute):
            yield kind
    elif isinstance(fact, EventFact):
        for series in fact.series.nested():
            yield from _kinds_of_series(series)


def _kinds_of_series(series: Series) -> Iterator[str]:
    if _reads_social(series):
        yield "social determinants of health"
    if _reads_any(series, _SURVEY_LOINC):
        yield "health status assessments"
    if _reads_any(series, _LANGUAGE_LOINC):
        yield "language"


def _reads_social(series: Series) -> bool:
    if series.codes is None:
        return not _SOCIAL_TABLES.isdisjoint(series.tables)
    return any(map(_is_social, series.codes))


def _is_social(coding: Coding) -> bool:
    system, code = coding
    if system == SYSTEMS["icd10"]:
        return _SOCIAL_ICD10.fullmatch(code) is not None
    if system == SYSTEMS["snomed"]:
        return code in _SOCIAL_SNOMED
    return system == SYSTEMS["sdohcc"] or (system == SYSTEMS["loinc"] and code in _SOCIAL_LOINC)


def _reads_any(series: Series, loinc: frozenset[str]) -> bool:
    if series.codes is None:
        return not _SURVEY_TABLES.isdisjoint(series.tables)
    return any(system == SYSTEMS["loinc"] and code in loinc for system, code in series.codes)
