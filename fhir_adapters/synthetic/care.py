"""What is done for people: the frames of Encounter, Procedure and ServiceRequest, and routine ambulatory visits."""

from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import TERMINOLOGY, Resource, coding, snomed, us_core
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment

CLINIC: Final = {"display": "Example Clinic"}
CHECK_UP: Final = snomed("185349003", "Encounter for check up")
FOLLOW_UP: Final = snomed("390906007", "Follow-up encounter")
_PROBLEM: Final = snomed("185347001", "Encounter for problem")
_WELL_CHILD: Final = snomed("410620009", "Well child visit")

_AMBULATORY: Final = coding(f"{TERMINOLOGY}/v3-ActCode", "AMB", "ambulatory")
_STATUS = Mix[str](("finished", 940), ("cancelled", 35), ("in-progress", 8), ("entered-in-error", 10), ("unknown", 7))
_VISITS = Mix[int]((0, 25), (1, 35), (2, 25), (3, 15))


def encounter(person: Resident, rng: Random, when: Moment, name: str, kind: Resource) -> Resource:
    """An ambulatory Encounter; planned if it lies after the last day of ``person``."""
    return {
        "resourceType": "Encounter",
        "id": f"{person.id}-enc-{name}",
        "meta": {"lastUpdated": when.instant, "profile": [us_core("encounter")]},
        "status": "planned" if when.day > person.last_day else _STATUS.draw(rng),
        "class": _AMBULATORY,
        "type": [kind],
        "subject": person.reference,
        **({"period": period} if (period := when.dated("start")) else {}),
    }


def procedure(person: Resident, name: str, profile: str, code: Resource, performed: Moment, status: str) -> Resource:
    """A Procedure. A missing ``performedDateTime`` means that nobody wrote down when."""
    return {
        "resourceType": "Procedure",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": performed.instant, "profile": [profile]},
        "status": status,
        "code": code,
        "subject": person.reference,
        **performed.dated("performedDateTime"),
    }


def service_request(
    person: Resident, name: str, profile: str, category: list[Resource], service: Resource, authored: Moment, status: str
) -> Resource:
    """A ServiceRequest. A missing ``authoredOn`` means that nobody wrote down when."""
    return {
        "resourceType": "ServiceRequest",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": authored.instant, "profile": [profile]},
        "status": status,
        "intent": "order",
        "category": category,
        "code": service,
        "subject": person.reference,
        **authored.dated("authoredOn"),
        "requester": CLINIC,
    }


def routine(person: Resident, rng: Random) -> Iterator[Resource]:
    """Visits of the last two years, and for a few living people one that is planned."""
    for number in range(_VISITS.draw(rng)):
        day = person.after_birth(days_before(rng, person.last_day, 0, 730))
        kind = _PROBLEM if rng.random() < 0.4 else CHECK_UP if person.adult else _WELL_CHILD
        yield encounter(person, rng, moment(rng, day, person.household.offset), f"visit-{number}", kind)
    if not person.dead and rng.random() < 0.03:
        day = person.last_day + timedelta(days=rng.randint(1, 60))
        yield encounter(person, rng, moment(rng, day, person.household.offset), "planned", FOLLOW_UP)
