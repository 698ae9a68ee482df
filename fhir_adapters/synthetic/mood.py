"""PHQ-9 scores and what was done about the high ones."""

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import Final

from fhir_adapters.synthetic.care import FOLLOW_UP, encounter, procedure, service_request
from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import (
    LOINC,
    SOCIAL_SERVICE,
    SURVEY,
    Resource,
    coding,
    loinc,
    quantity,
    snomed,
    us_core,
)
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment
from fhir_adapters.synthetic.observations import observation

HIGH: Final = 10
"""A PHQ-9 total from which follow-up is due."""

_TOTAL: Final = loinc("44261-6", "Patient Health Questionnaire 9 item (PHQ-9) total score [Reported]")
_ITEM_9: Final = loinc("44260-8", "Thoughts that you would be better off dead, or of hurting yourself in some way")
_NOT_AT_ALL: Final = coding(LOINC, "LA6568-5", "Not at all")
_HOW_OFTEN = Mix[Resource](
    (coding(LOINC, "LA6569-3", "Several days"), 70),
    (coding(LOINC, "LA6570-1", "More than half the days"), 20),
    (coding(LOINC, "LA6571-9", "Nearly every day"), 10),
)
_FORM = Mix[str](("quantity", 86), ("integer", 8), ("no unit", 5), ("text", 1))
_FOLLOW_UP = Mix[tuple[int, int] | None](((1, 14), 45), ((15, 60), 20), (None, 35))
_FOLLOWED_BY = Mix[str](("visit", 60), ("referral", 25), ("risk assessment", 15))
_SOCIAL_WORKER: Final = snomed("308440001", "Referral to social worker")
_RISK_ASSESSMENT: Final = snomed("225337009", "Suicide risk assessment")


def phq9s(person: Resident, rng: Random) -> Iterator[Resource]:
    """PHQ-9 of half of those aged 12 or more; high scores may be followed up and measured again."""
    if person.age < 12 or rng.random() >= 0.5:
        return
    nearest, farthest = (0, 355) if rng.random() < 0.8 else (375, 1000)
    day = days_before(rng, person.last_day, nearest, farthest)
    total = rng.randint(HIGH, 22) if person.low_mood else min(rng.randint(0, 9), rng.randint(0, 9))
    yield from _phq9(person, rng, day, 0, total)
    if total < HIGH:
        return
    yield from _follow_up(person, rng, day)
    again = day + timedelta(days=rng.randint(28, 84))
    if again <= person.last_day and rng.random() < 0.4:
        yield from _phq9(person, rng, again, 1, max(0, total - rng.randint(-2, 12)))


def _phq9(person: Resident, rng: Random, day: date, number: int, total: int) -> Iterator[Resource]:
    when = moment(rng, day, person.household.offset)
    score = _survey(person, rng, when, f"phq9-{number}", _TOTAL)
    yield score | _total(total, _FORM.draw(rng))
    if rng.random() < 0.8:
        answer = _HOW_OFTEN.draw(rng) if rng.random() < (0.3 if total >= HIGH else 0.01 if total else 0.0) else _NOT_AT_ALL
        yield _survey(person, rng, when, f"phq9-{number}-item9", _ITEM_9) | {"valueCodeableConcept": {"coding": [answer]}}


def _survey(person: Resident, rng: Random, when: Moment, name: str, code: Resource) -> Resource:
    return observation(person, rng, when, name, us_core("observation-screening-assessment"), [SURVEY], code)


def _total(total: int, form: str) -> Resource:
    if form == "integer":
        return {"valueInteger": total}
    if form == "text":
        return {"valueString": str(total)}
    return {"valueQuantity": quantity(total, None if form == "no unit" else "{score}")}


def _follow_up(person: Resident, rng: Random, day: date) -> Iterator[Resource]:
    delay = _FOLLOW_UP.draw(rng)
    if delay is None:
        return
    later = day + timedelta(days=rng.randint(*delay))
    if later > person.last_day:
        return
    when = moment(rng, later, person.household.offset)
    done = _FOLLOWED_BY.draw(rng)
    if done == "visit":
        yield encounter(person, rng, when, "phq9-follow-up", FOLLOW_UP)
    elif done == "referral":
        yield service_request(person, "phq9-referral", us_core("servicerequest"), [SOCIAL_SERVICE], _SOCIAL_WORKER, when, "active")
    else:
        yield procedure(person, "phq9-assessment", us_core("procedure"), _RISK_ASSESSMENT, when, "completed")
