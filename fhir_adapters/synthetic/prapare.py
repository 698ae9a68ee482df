"""PRAPARE as one Observation with components, the way Synthea and some EHRs record it."""

from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import LOINC, SDOH, SURVEY, Resource, coding, loinc, us_core
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment
from fhir_adapters.synthetic.observations import observation

_PANEL: Final = loinc("93025-5", "Protocol for Responding to and Assessing Patients' Assets, Risks, and Experiences [PRAPARE]")
_NOT_ANSWERED: Final = coding(LOINC, "LA30122-8", "I choose not to answer this question")
_YES: Final = coding(LOINC, "LA33-6", "Yes")
_NO: Final = coding(LOINC, "LA32-8", "No")

_HOUSING: Final = loinc("71802-3", "Housing status")
_HAS_HOUSING: Final = coding(LOINC, "LA30189-7", "I have housing")
_NO_HOUSING: Final = coding(LOINC, "LA30190-5", "I do not have housing")
_MAY_LOSE_HOUSING: Final = loinc("93033-9", "Are you worried about losing your housing?")
_UNABLE_TO_GET: Final = loinc(
    "93031-3",
    "In the past year, have you or any family members you live with been unable to get any of the following when it was really needed?",
)
_FOOD: Final = coding(LOINC, "LA30125-1", "Food")
_UTILITIES: Final = coding(LOINC, "LA30124-4", "Utilities")
_MEDICINE: Final = coding(LOINC, "LA30128-5", "Medicine or Any Health Care")

_EMPLOYMENT: Final = loinc("67875-5", "What is your current work situation?")
_WORK = Mix[Resource](
    (coding(LOINC, "LA30136-8", "Full-time work"), 55),
    (coding(LOINC, "LA30138-4", "Part-time or temporary work"), 16),
    (coding(LOINC, "LA17956-6", "Unemployed"), 9),
    (coding(LOINC, "LA30137-6", "Otherwise unemployed but not seeking work"), 20),
)
_TRANSPORT: Final = loinc(
    "93030-5",
    "Has lack of transportation kept you from medical appointments, meetings, work, or from getting things needed for daily living?",
)
_TRAVEL = Mix[Resource](
    (_NO, 91),
    (coding(LOINC, "LA30133-5", "Yes, it has kept me from medical appointments or from getting my medications"), 5),
    (
        coding(LOINC, "LA30134-3", "Yes, it has kept me from non-medical meetings, appointments, work, or from getting things that I need"),
        4,
    ),
)
_CONTACT: Final = loinc("93029-7", "How often do you see or talk to people that you care about and feel close to?")
_COMPANY = Mix[Resource](
    (coding(LOINC, "LA27722-0", "Less than once a week"), 6),
    (coding(LOINC, "LA30130-1", "1 or 2 times a week"), 12),
    (coding(LOINC, "LA30131-9", "3 to 5 times a week"), 36),
    (coding(LOINC, "LA30132-7", "5 or more times a week"), 46),
)


def prapare(person: Resident, rng: Random, when: Moment, number: int, *, hungry: bool) -> Resource:
    """The panel; each question has a 4 % chance of *I choose not to answer*, and nothing to name leaves its component out."""
    answers = [
        (_HOUSING, _HAS_HOUSING if person.household.address_known or rng.random() < 0.5 else _NO_HOUSING),
        (_MAY_LOSE_HOUSING, _YES if rng.random() < 0.02 + 0.12 * person.household.deprivation else _NO),
        (_EMPLOYMENT, _WORK.draw(rng)),
        (_TRANSPORT, _TRAVEL.draw(rng)),
        (_CONTACT, _COMPANY.draw(rng)),
        *((_UNABLE_TO_GET, lack) for lack in _lacks(person, rng, hungry=hungry)),
    ]
    panel = observation(person, rng, when, f"prapare-{number}", us_core("observation-screening-assessment"), [SURVEY, SDOH], _PANEL)
    panel["component"] = [
        {"code": question, "valueCodeableConcept": {"coding": [_NOT_ANSWERED if rng.random() < 0.04 else answer]}}
        for question, answer in answers
    ]
    return panel


def _lacks(person: Resident, rng: Random, *, hungry: bool) -> list[Resource]:
    lacks = [_FOOD] if hungry else []
    for thing in (_UTILITIES, _MEDICINE):
        if rng.random() < 0.12 * person.household.deprivation:
            lacks.append(thing)
    return lacks
