"""Social screening: Hunger Vital Sign and problems with the home, as Observations, as a questionnaire, or as PRAPARE.

About 60 % of people were screened in the last year, 20 % longer ago, 20 % never. Answers follow the truth of the household mostly;
some are refused, some contradict each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from fhir_adapters.synthetic.care import CHECK_UP, encounter, procedure
from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import (
    FOOD,
    GRAVITY,
    HOUSING,
    LOINC,
    SDOH,
    SURVEY,
    TERMINOLOGY,
    Resource,
    coding,
    concept,
    gravity,
    loinc,
    snomed,
    us_core,
)
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment
from fhir_adapters.synthetic.observations import observation
from fhir_adapters.synthetic.prapare import prapare

_WORRIED: Final = loinc(
    "88122-7", "Within the past 12 months we worried whether our food would run out before we got money to buy more [U.S. FSS]"
)
_RAN_OUT: Final = loinc(
    "88123-5", "Within the past 12 months the food we bought just didn't last and we didn't have money to get more [U.S. FSS]"
)
_FOOD_RISK: Final = loinc("88124-3", "Food insecurity risk [HVS]")
_OFTEN: Final = coding(LOINC, "LA28397-0", "Often true")
_SOMETIMES: Final = coding(LOINC, "LA6729-3", "Sometimes true")
_NEVER: Final = coding(LOINC, "LA28398-8", "Never true")
_REFUSED: Final = coding(LOINC, "LA15775-2", "Don't know/refused")
_AT_RISK: Final = coding(LOINC, "LA19952-3", "At risk")
_NO_RISK: Final = coding(LOINC, "LA19983-8", "No risk")
_HUNGRY_ANSWERS = Mix[tuple[Resource, Resource]](
    ((_OFTEN, _OFTEN), 20), ((_OFTEN, _SOMETIMES), 15), ((_SOMETIMES, _SOMETIMES), 40), ((_SOMETIMES, _NEVER), 20), ((_OFTEN, _REFUSED), 5)
)
_FED_ANSWERS = Mix[tuple[Resource, Resource]](((_NEVER, _NEVER), 95), ((_NEVER, _REFUSED), 3), ((_REFUSED, _REFUSED), 2))

_HOME_PROBLEMS: Final = loinc("96778-6", "Problems with place where you live")
_PESTS: Final = coding(LOINC, "LA31996-4", "Pests such as bugs, ants, or mice")
_MOLD: Final = coding(LOINC, "LA28580-1", "Mold")
_NO_HEAT: Final = coding(LOINC, "LA31998-0", "Lack of heat")
_NO_SMOKE_DETECTOR: Final = coding(LOINC, "LA32000-4", "Smoke detectors missing or not working")
_LEAKS: Final = coding(LOINC, "LA32001-2", "Water leaks")
_NONE: Final = coding(LOINC, "LA9-3", "None of the above")
_DAMP_ANSWERS = Mix[tuple[Resource, ...]](
    ((_MOLD,), 30),
    ((_NO_HEAT,), 22),
    ((_MOLD, _LEAKS), 20),
    ((_LEAKS,), 10),
    ((_MOLD, _NO_HEAT, _PESTS), 12),
    ((_MOLD, _NONE), 3),
    ((_NO_HEAT, _LEAKS), 3),
)
_DRY_ANSWERS = Mix[tuple[Resource, ...]](((_NONE,), 92), ((_PESTS,), 5), ((_NO_SMOKE_DETECTOR,), 3))

_POSITIVE: Final = concept(coding(f"{TERMINOLOGY}/v3-ObservationInterpretation", "POS", "Positive"))
_NEGATIVE: Final = concept(coding(f"{TERMINOLOGY}/v3-ObservationInterpretation", "NEG", "Negative"))

_NEEDS_ASSESSMENT: Final = snomed("710824005", "Assessment of health and social care needs")
_PROCEDURE_STATUS = Mix[str](("completed", 92), ("in-progress", 2), ("not-done", 4), ("entered-in-error", 2))
_COVERAGE = Mix[str](("recent", 60), ("old", 20), ("never", 20))
_FORM = Mix[str](("observations", 72), ("questionnaire", 14), ("prapare", 14))
_RESPONSE_STATUS = Mix[str](("completed", 94), ("amended", 3), ("in-progress", 2), ("entered-in-error", 1))


@dataclass(frozen=True, slots=True)
class Screened:
    """A social screening: when, and what the person said."""

    when: Moment
    hungry: bool
    damp: bool


def screened(person: Resident, rng: Random) -> list[Screened]:
    """When ``person`` was screened and what they said, oldest first: mostly once, for some twice or never, rarely in the future."""
    coverage = _COVERAGE.draw(rng)
    if coverage == "never":
        return []
    nearest, farthest = (0, 355) if coverage == "recent" else (375, 1100)
    latest = days_before(rng, person.last_day, nearest, farthest)
    if not person.dead and rng.random() < 0.005:
        latest = person.last_day + timedelta(days=rng.randint(1, 60))
    days = [latest - timedelta(days=rng.randint(180, 500)), latest] if rng.random() < 0.25 else [latest]
    return [Screened(moment(rng, person.after_birth(day), person.household.offset), *_said(person, rng)) for day in days]


def screenings(person: Resident, rng: Random, visits: list[Screened]) -> Iterator[Resource]:
    """Everything recorded at those visits."""
    for number, said in enumerate(visits):
        yield encounter(person, rng, said.when, f"screening-{number}", CHECK_UP)
        if rng.random() < 0.2:
            status = _PROCEDURE_STATUS.draw(rng)
            yield procedure(person, f"assessment-{number}", us_core("procedure"), _NEEDS_ASSESSMENT, said.when, status)
        yield from _recorded(person, rng, said, number)


def _said(person: Resident, rng: Random) -> tuple[bool, bool]:
    """Hungry and damp, as answered: a few deny it, very few claim it."""
    hungry = rng.random() < (0.94 if person.household.hungry else 0.01)
    return hungry, rng.random() < (0.95 if person.household.damp else 0.01)


def _recorded(person: Resident, rng: Random, said: Screened, number: int) -> Iterator[Resource]:
    form = _FORM.draw(rng)
    if form == "prapare" and person.adult:
        yield prapare(person, rng, said.when, number, hungry=said.hungry)
        return
    food = (_HUNGRY_ANSWERS if said.hungry else _FED_ANSWERS).draw(rng)
    home = (_DAMP_ANSWERS if said.damp else _DRY_ANSWERS).draw(rng)
    if form == "questionnaire":
        yield _hunger_questionnaire(person, rng, said.when, number, food)
        yield _home_questionnaire(person, rng, said.when, number, home)
        return
    yield from _hunger_observations(person, rng, said.when, number, food)
    for place, answer in enumerate(home):
        yield _answer(person, rng, said.when, f"home-{number}-{place}", HOUSING, _HOME_PROBLEMS, answer)


def _risk(food: tuple[Resource, Resource]) -> Resource | None:
    """The derived risk; none if both questions went unanswered."""
    if _OFTEN in food or _SOMETIMES in food:
        return _AT_RISK
    return None if food == (_REFUSED, _REFUSED) else _NO_RISK


def _hunger_observations(person: Resident, rng: Random, when: Moment, number: int, food: tuple[Resource, Resource]) -> Iterator[Resource]:
    yield _answer(person, rng, when, f"worried-{number}", FOOD, _WORRIED, food[0])
    yield _answer(person, rng, when, f"ranout-{number}", FOOD, _RAN_OUT, food[1])
    if rng.random() < 0.005:
        yield _answer(person, rng, when, f"worried-{number}-again", FOOD, _WORRIED, _NEVER if food[0] is _OFTEN else _OFTEN)
    risk = _risk(food)
    if risk is None or rng.random() < 0.1:
        return
    if rng.random() < 0.005:
        risk = _NO_RISK if risk is _AT_RISK else _AT_RISK
    derived = _answer(person, rng, when, f"foodrisk-{number}", FOOD, _FOOD_RISK, risk)
    derived["interpretation"] = [_POSITIVE if risk is _AT_RISK else _NEGATIVE]
    yield derived


def _answer(person: Resident, rng: Random, when: Moment, name: str, domain: Resource, question: Resource, answer: Resource) -> Resource:
    resource = observation(person, rng, when, name, gravity("ObservationScreeningResponse"), [SURVEY, SDOH, domain], question)
    resource["performer"] = [person.reference]
    resource["valueCodeableConcept"] = {"coding": [answer]}
    return resource


def _hunger_questionnaire(person: Resident, rng: Random, when: Moment, number: int, food: tuple[Resource, Resource]) -> Resource:
    items = [_item("88122-7", food[0]), _item("88123-5", food[1])]
    risk = _risk(food)
    if risk is not None:
        items.append(_item("88124-3", risk))
    return _response(person, rng, when, f"hvs-{number}", f"{GRAVITY}/Questionnaire/SDOHCC-QuestionnaireHungerVitalSign", items)


def _home_questionnaire(person: Resident, rng: Random, when: Moment, number: int, home: tuple[Resource, ...]) -> Resource:
    return _response(person, rng, when, f"ahc-{number}", "http://loinc.org/q/96777-8", [_item("96778-6", *home)])


def _item(code: str, *answers: Resource) -> Resource:
    return {"linkId": f"/{code}", "answer": [{"valueCoding": answer} for answer in answers]}


def _response(person: Resident, rng: Random, when: Moment, name: str, questionnaire: str, items: list[Resource]) -> Resource:
    return {
        "resourceType": "QuestionnaireResponse",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": when.instant, "profile": ["http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaireresponse"]},
        "questionnaire": questionnaire,
        "status": _RESPONSE_STATUS.draw(rng),
        "subject": person.reference,
        **when.dated("authored"),
        "source": person.reference,
        "item": items,
    }
