"""What follows a social screening: a concern, a wish (Goal), a referral, the partner's Task, and what was done. Gravity shapes.

A Goal says whether the person wants help: proposed, accepted, active or completed means yes, rejected means no, none means that
nobody asked. 53 % of those at risk want help, and 9 % of the others.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from fhir_adapters.synthetic.care import CLINIC, procedure, service_request
from fhir_adapters.synthetic.conditions import condition, course
from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import (
    FOOD,
    GRAVITY_CODES,
    HEALTH_CONCERN,
    HOUSING,
    ICD10CM,
    LOINC,
    SDOH,
    SNOMED,
    SOCIAL_SERVICE,
    Resource,
    coding,
    concept,
    gravity,
    loinc,
    snomed,
)
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment
from fhir_adapters.synthetic.screening import Screened


@dataclass(frozen=True, slots=True)
class Domain:
    """A social domain: its Gravity category, the codes of a concern, the goal, and the services that may help."""

    name: str
    category: Resource
    concerns: Mix[tuple[Resource, ...]]
    goal: Resource
    target: tuple[Resource, ...]
    services: Mix[Resource]


_FOOD: Final = Domain(
    name="food",
    category=FOOD,
    concerns=Mix(((coding(SNOMED, "733423003", "Food insecurity"), coding(ICD10CM, "Z59.41", "Food insecurity")), 1)),
    goal=snomed("1078229009", "Food security"),
    target=(
        {
            "measure": loinc("88124-3", "Food insecurity risk [HVS]"),
            "detailCodeableConcept": {"coding": [coding(LOINC, "LA19983-8", "No risk")]},
        },
    ),
    services=Mix(
        (snomed("467771000124109", "Assistance with application for food pantry program"), 70),
        (snomed("713109004", "Referral to community meals service"), 30),
    ),
)
_HOUSING: Final = Domain(
    name="housing",
    category=HOUSING,
    concerns=Mix(
        ((coding(ICD10CM, "Z59.11", "Inadequate housing environmental temperature"),), 35),
        ((coding(ICD10CM, "Z59.10", "Inadequate housing, unspecified"),), 30),
        ((coding(ICD10CM, "Z77.120", "Contact with and (suspected) exposure to mold (toxic)"),), 35),
    ),
    goal={"text": "A warm and dry home"},
    target=(),
    services=Mix((snomed("710911006", "Referral to housing service"), 1)),
)

_WISH = Mix[str](("proposed", 25), ("accepted", 25), ("active", 48), ("entered-in-error", 2))
_REFERRAL = Mix[str](("active", 54), ("on-hold", 8), ("completed", 26), ("revoked", 6), ("draft", 4), ("entered-in-error", 2))
_TASK: Final = {
    "active": Mix[str](("requested", 40), ("accepted", 25), ("in-progress", 20), ("rejected", 15)),
    "on-hold": Mix[str](("on-hold", 1)),
    "completed": Mix[str](("completed", 1)),
    "revoked": Mix[str](("cancelled", 60), ("failed", 40)),
    "draft": Mix[str](("draft", 1)),
    "entered-in-error": Mix[str](("entered-in-error", 1)),
}
_REASONS: Final = {
    "rejected": "At capacity",
    "on-hold": "Waiting list",
    "cancelled": "No longer needed",
    "failed": "Could not reach the person",
}
_FULFILL: Final = {"coding": [coding("http://hl7.org/fhir/CodeSystem/task-code", "fulfill", "Fulfill the focal request")]}
_RESULT: Final = {"coding": [coding(GRAVITY_CODES, "resulting-activity", "Resulting Activity")]}


def social_care(person: Resident, rng: Random, visits: list[Screened]) -> Iterator[Resource]:
    """Concerns, wishes and referrals about food and home; without a visit only a concern may be known."""
    home = person.household
    if visits:
        said = visits[-1]
        yield from _answered(person, rng, _FOOD, said.when, at_risk=said.hungry)
        yield from _answered(person, rng, _HOUSING, said.when, at_risk=said.damp)
        return
    for domain, true in ((_FOOD, home.hungry), (_HOUSING, home.damp)):
        if true and rng.random() < 0.15:
            day = person.after_birth(days_before(rng, person.last_day, 0, 700))
            yield _concern(person, rng, domain, moment(rng, day, home.offset))


def _answered(person: Resident, rng: Random, domain: Domain, when: Moment, *, at_risk: bool) -> Iterator[Resource]:
    reason = None
    if at_risk and rng.random() < 0.4:
        concern = _concern(person, rng, domain, when)
        reason = {"reference": f"Condition/{concern['id']}"}
        yield concern
    wants = rng.random() < (0.53 if at_risk else 0.09)
    referral = _REFERRAL.draw(rng) if wants and rng.random() < (0.45 if at_risk else 0.1) else None
    if wants:
        yield _goal(person, domain, when, "completed" if referral == "completed" else _WISH.draw(rng), reason)
    elif rng.random() < (0.6 if at_risk else 0.03):
        yield _goal(person, domain, when, "rejected", reason)
    if referral is not None:
        yield from _referred(person, rng, domain, when, referral, reason)


def _concern(person: Resident, rng: Random, domain: Domain, when: Moment) -> Resource:
    category = [HEALTH_CONCERN, SDOH, domain.category]
    codes = domain.concerns.draw(rng)
    concern = condition(person, rng, f"{domain.name}-concern", codes, when.day, gravity("Condition"), category)
    return concern | course(person, rng, when.day, 0.15)


def _goal(person: Resident, domain: Domain, when: Moment, lifecycle: str, reason: Resource | None) -> Resource:
    day = when.day.isoformat()
    goal: Resource = {
        "resourceType": "Goal",
        "id": f"{person.id}-{domain.name}-goal",
        "meta": {"lastUpdated": when.instant, "profile": [gravity("Goal")]},
        "lifecycleStatus": lifecycle,
        "category": [domain.category],
        "description": domain.goal,
        "subject": person.reference,
        "startDate": day,
        "statusDate": day,
        "expressedBy": person.reference,
    }
    if domain.target and lifecycle != "rejected":
        goal["target"] = list(domain.target)
    if reason is not None:
        goal["addresses"] = [reason]
    return goal


def _referred(person: Resident, rng: Random, domain: Domain, when: Moment, status: str, reason: Resource | None) -> Iterator[Resource]:
    offset = person.household.offset
    authored = moment(rng, person.soon_after(when.day, rng.randint(0, 14)), offset, exact=True)
    service = domain.services.draw(rng)
    category = [SOCIAL_SERVICE, domain.category]
    request = service_request(person, f"{domain.name}-referral", gravity("ServiceRequest"), category, service, authored, status)
    yield request if reason is None else request | {"reasonReference": [reason]}
    if rng.random() < 0.12:
        return
    changed = moment(rng, person.soon_after(authored.day, rng.randint(1, 40)), offset, exact=True)
    task = _task(person, f"{domain.name}-task", _TASK[status].draw(rng), request["id"], authored, changed)
    if status == "completed":
        both = concept(*SOCIAL_SERVICE["coding"], *domain.category["coding"])
        done = procedure(person, f"{domain.name}-help", gravity("Procedure"), service, changed, "completed")
        task["output"] = [{"type": _RESULT, "valueReference": {"reference": f"Procedure/{done['id']}"}}]
        yield done | {"category": both, "basedOn": [{"reference": f"ServiceRequest/{request['id']}"}]}
    yield task


def _task(person: Resident, name: str, status: str, request: str, authored: Moment, changed: Moment) -> Resource:
    task: Resource = {
        "resourceType": "Task",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": changed.instant, "profile": [gravity("TaskForReferralManagement")]},
        "status": status,
        "intent": "order",
        "code": _FULFILL,
        "focus": {"reference": f"ServiceRequest/{request}"},
        "for": person.reference,
        "authoredOn": authored.instant,
        "lastModified": changed.instant,
        "requester": CLINIC,
        "owner": {"display": "Example Partner Agency"},
    }
    if status in _REASONS:
        task["statusReason"] = {"text": _REASONS[status]}
    return task
