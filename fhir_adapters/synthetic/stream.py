"""The population as a stream: household after household, each from its own seed, nothing kept."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import date
from itertools import count
from pathlib import Path
from random import Random
from typing import Final

import orjson

from fhir_adapters.synthetic.care import routine
from fhir_adapters.synthetic.conditions import conditions
from fhir_adapters.synthetic.draws import seeded
from fhir_adapters.synthetic.fragments import Resource
from fhir_adapters.synthetic.households import Resident, household, resident
from fhir_adapters.synthetic.mood import phq9s
from fhir_adapters.synthetic.observations import measurements
from fhir_adapters.synthetic.patients import patient
from fhir_adapters.synthetic.screening import screened, screenings
from fhir_adapters.synthetic.social_care import social_care

RESOURCE_TYPES: Final = (
    "Condition",
    "Encounter",
    "Goal",
    "Observation",
    "Patient",
    "Procedure",
    "QuestionnaireResponse",
    "ServiceRequest",
    "Task",
)
"""The types that the population is made of; each has a file, even if it is empty."""

ORPHAN_EVERY: Final = 2000
"""One event of an unknown Patient follows each 2,000th person."""

_REPEATED: Final = 0.002
_REPORT_EVERY: Final = 1000


def population(people: int, seed: int, as_of: date) -> Iterator[Resource]:
    """FHIR R4 resources of ``people`` synthetic persons as of a day; each Patient comes before its events.

    The same arguments give the same resources on any machine, and fewer people give a beginning of what more people give.
    Resources share pieces (categories, codings): copy one before changing it.

    Raises:
        ValueError: ``people`` is negative.
    """
    if people < 0:
        raise ValueError("people must not be negative")
    return _stream(people, seed, as_of)


def write_ndjson(directory: Path, people: int, seed: int, as_of: date, on_progress: Callable[[int], None] | None = None) -> dict[str, int]:
    """Write the population as Bulk Data files, ``<Type>.ndjson``, into ``directory`` (made if missing).

    ``on_progress`` hears the number of people begun, every 1,000 people and at the end. Returns the number of lines of each file.
    """
    directory.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(RESOURCE_TYPES, 0)
    with ExitStack() as stack:
        files = {kind: stack.enter_context((directory / f"{kind}.ndjson").open("wb")) for kind in RESOURCE_TYPES}
        for resource in population(people, seed, as_of):
            kind = resource["resourceType"]
            files[kind].write(orjson.dumps(resource, option=orjson.OPT_APPEND_NEWLINE))
            counts[kind] += 1
            if on_progress is not None and kind == "Patient" and counts[kind] % _REPORT_EVERY == 0:
                on_progress(counts[kind])
    if on_progress is not None and people % _REPORT_EVERY:
        on_progress(people)
    return counts


def _stream(people: int, seed: int, as_of: date) -> Iterator[Resource]:
    index = 0
    for number in count():
        home, ages = household(seed, number)
        for member, age in enumerate(ages):
            if index == people:
                return
            index += 1
            rng = seeded(seed, number, member)
            person = resident(home, member, age, as_of, rng)
            yield patient(person, rng)
            for event in _events(person, rng):
                yield event
                if rng.random() < _REPEATED:
                    yield _again(event, rng, person)
            if index % ORPHAN_EVERY == 0:
                yield _orphan(person)


def _events(person: Resident, rng: Random) -> Iterator[Resource]:
    yield from conditions(person, rng)
    yield from measurements(person, rng)
    yield from routine(person, rng)
    visits = screened(person, rng)
    yield from screenings(person, rng, visits)
    yield from social_care(person, rng, visits)
    yield from phq9s(person, rng)


def _again(event: Resource, rng: Random, person: Resident) -> Resource:
    """The same resource a second time: unchanged, or as a version of their last day."""
    if rng.random() < 0.5:
        return event
    return event | {"meta": event["meta"] | {"lastUpdated": f"{person.last_day.isoformat()}T23:59:59Z"}}


def _orphan(person: Resident) -> Resource:
    """An Encounter of a Patient who is not in the population."""
    return {
        "resourceType": "Encounter",
        "id": f"{person.id}-orphan",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{person.id}-nobody"},
        "period": {"start": person.last_day.isoformat()},
    }
