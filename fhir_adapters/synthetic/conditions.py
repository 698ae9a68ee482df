"""Conditions: the diagnoses that rules ask about, and the doubts that records have about them."""

from collections.abc import Iterator
from datetime import date
from random import Random
from typing import Final

from fhir_adapters.synthetic.draws import Mix
from fhir_adapters.synthetic.fragments import (
    ICD10CM,
    PROBLEM_LIST,
    SNOMED,
    TERMINOLOGY,
    Resource,
    coding,
    concept,
    quantity,
    us_core,
)
from fhir_adapters.synthetic.households import Resident
from fhir_adapters.synthetic.moments import Moment, days_before, moment, partial

_DIABETES: Final = (
    coding(SNOMED, "44054006", "Diabetes mellitus type 2"),
    coding(ICD10CM, "E11.9", "Type 2 diabetes mellitus without complications"),
)
_ASTHMA: Final = (coding(SNOMED, "195967001", "Asthma"), coding(ICD10CM, "J45.909", "Unspecified asthma, uncomplicated"))
_COPD: Final = (
    coding(SNOMED, "13645005", "Chronic obstructive pulmonary disease"),
    coding(ICD10CM, "J44.9", "Chronic obstructive pulmonary disease, unspecified"),
)
_DEPRESSION: Final = (coding(SNOMED, "370143000", "Major depressive disorder"),)

_VERIFICATION = Mix[str](("confirmed", 920), ("unconfirmed", 40), ("provisional", 10), ("refuted", 15), ("entered-in-error", 15))
_CODED = Mix[str](("all", 62), ("first", 20), ("last", 15), ("text", 3))
_ONSET = Mix[str](("day", 48), ("time", 14), ("month", 12), ("year", 10), ("recorded only", 12), ("age", 2), ("nothing", 2))


def conditions(person: Resident, rng: Random) -> Iterator[Resource]:
    """Clinical Conditions of ``person``; a few true ones go unrecorded, a few false ones were recorded and taken back."""
    for name, codes, true, recovery in (
        ("diabetes", _DIABETES, person.diabetes, 0.0),
        ("asthma", _ASTHMA, person.asthma, 0.06),
        ("copd", _COPD, person.copd, 0.0),
        ("depression", _DEPRESSION, person.low_mood and rng.random() < 0.5, 0.2),
    ):
        if rng.random() < (0.02 if true else 0.996):
            continue
        begun = person.after_birth(days_before(rng, person.last_day, 30, 365 * max(1, min(12, person.age))))
        now = course(person, rng, begun, recovery) if true else _state(rng.choice(("refuted", "entered-in-error")), "inactive")
        yield condition(person, rng, name, codes, begun, us_core("condition-problems-health-concerns"), [PROBLEM_LIST]) | now


def condition(
    person: Resident, rng: Random, name: str, codes: tuple[Resource, ...], begun: date, profile: str, category: list[Resource]
) -> Resource:
    """A Condition that began on ``begun``, without its statuses (see `course`)."""
    recorded = moment(rng, person.soon_after(begun, rng.randint(0, 30)), person.household.offset, exact=True)
    return {
        "resourceType": "Condition",
        "id": f"{person.id}-{name}",
        "meta": {"lastUpdated": recorded.instant, "profile": [profile]},
        "category": category,
        "code": _coded(rng, codes),
        "subject": person.reference,
        **_onset(person, rng, begun, recorded),
    }


def course(person: Resident, rng: Random, begun: date, recovery: float) -> Resource:
    """What became of a Condition: its statuses, and when it ended. ``recovery`` is the chance that it is over."""
    verification = _VERIFICATION.draw(rng)
    if rng.random() >= recovery:
        return _state(verification, "active" if rng.random() < 0.97 else "recurrence")
    over = person.soon_after(begun, rng.randint(20, 900))
    return _state(verification, "resolved") | ({} if verification == "entered-in-error" else {"abatementDateTime": over.isoformat()})


def _coded(rng: Random, codes: tuple[Resource, ...]) -> Resource:
    form = _CODED.draw(rng)
    if form == "text":
        return {"text": codes[0]["display"]}
    return concept(*{"all": codes, "first": codes[:1], "last": codes[-1:]}[form])


def _onset(person: Resident, rng: Random, begun: date, recorded: Moment) -> Resource:
    """When it began and when that was written down; one of the two, both, or neither is known."""
    form = _ONSET.draw(rng)
    if form == "nothing":
        return {}
    dates: Resource = {"recordedDate": recorded.instant} if form in ("recorded only", "age") or rng.random() < 0.5 else {}
    if form == "age":
        dates["onsetAge"] = quantity((begun - person.birth).days // 365, "a")
    elif form != "recorded only":
        dates["onsetDateTime"] = partial(begun, form, f"{begun.isoformat()}T08:00:00{person.household.offset}")
    return dates


def _state(verification: str, clinical: str) -> Resource:
    """Both statuses; FHIR forbids a clinical status on what was entered in error (constraint con-5)."""
    state: Resource = {"verificationStatus": {"coding": [{"system": f"{TERMINOLOGY}/condition-ver-status", "code": verification}]}}
    if verification != "entered-in-error":
        state["clinicalStatus"] = {"coding": [{"system": f"{TERMINOLOGY}/condition-clinical", "code": clinical}]}
    return state
