"""One resource of any type: whose it is, and what it says."""

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

import orjson

from fhir_adapters import dates
from fhir_adapters.forms import Form, read_form
from fhir_adapters.mapping.allergies import allergies
from fhir_adapters.mapping.appointments import appointments
from fhir_adapters.mapping.careplans import careplans
from fhir_adapters.mapping.communications import communications
from fhir_adapters.mapping.conditions import conditions
from fhir_adapters.mapping.consents import consents
from fhir_adapters.mapping.coverages import coverages
from fhir_adapters.mapping.encounters import encounters
from fhir_adapters.mapping.goals import goals
from fhir_adapters.mapping.identities import Identity, identity
from fhir_adapters.mapping.immunizations import immunizations
from fhir_adapters.mapping.medications import (
    awaited_medication,
    medication_codes,
    medication_dispenses,
    medication_requests,
    medication_statements,
)
from fhir_adapters.mapping.observations import observations
from fhir_adapters.mapping.past import NO_PAST, Past
from fhir_adapters.mapping.people import DEFAULT_KEY, person
from fhir_adapters.mapping.procedures import procedures
from fhir_adapters.mapping.programmes import programmes
from fhir_adapters.mapping.questionnaires import questionnaire_answers
from fhir_adapters.mapping.referrals import referrals
from fhir_adapters.mapping.reports import reports
from fhir_adapters.mapping.tasks import tasks
from fhir_adapters.quarantine import Json, Quarantine, Reading, Reason
from fhir_adapters.references import NO_URLS, is_key, patient_among, patient_key
from rules.facts import NEVER, Coding, Event, Person

NOT_FHIR: Final = "not FHIR"
"""Stands for the type of a JSON object that has no ``resourceType``."""


class Outcome(StrEnum):
    """What became of one resource or line. Each has exactly one."""

    MAPPED = "mapped"
    IGNORED = "ignored"
    QUARANTINED = "quarantined"
    DUPLICATE = "duplicate"
    BLANK = "blank"
    OPENED = "opened"
    EXCLUDED = "excluded"
    NOT_NEEDED = "not needed"


class Version(NamedTuple):
    """Which of two versions of a resource is the newer one; a missing part counts as oldest."""

    updated: int = NEVER
    number: int = -1


_OLDEST: Final = Version()


class Mapped(NamedTuple):
    """What a resource says.

    ``patient`` is an id, or the key of an identifier (`fhir_adapters.references.Identifier`); empty unless it is mapped, or quarantined
    with an opaque event.
    """

    outcome: Outcome
    resource_type: str
    source: str = ""
    patient: str = ""
    version: Version = _OLDEST
    person: Person | None = None
    events: tuple[Event, ...] = ()
    identity: Identity | None = None
    """Of a Patient: which record of a person it is."""
    awaits: str = ""
    """``Medication/id``: the event is opaque until the codes of this Medication are known."""
    codes: tuple[Coding, ...] = ()
    """Of a Medication: what it is."""
    form: Form | None = None
    """Of a Questionnaire: its questions."""
    answers: str = ""
    """Of a QuestionnaireResponse: the canonical URL of its form, which may tell more about the answers."""


class _Type(NamedTuple):
    subject: str
    events: Callable[[Json, Reading, dates.Moment | None], Iterable[Event]]


_TYPES: Final = {
    "Observation": _Type("subject", observations),
    "QuestionnaireResponse": _Type("subject", questionnaire_answers),
    "Condition": _Type("subject", conditions),
    "Encounter": _Type("subject", encounters),
    "Procedure": _Type("subject", procedures),
    "ServiceRequest": _Type("subject", referrals),
    "Task": _Type("for", tasks),
    "Goal": _Type("subject", goals),
    "MedicationRequest": _Type("subject", medication_requests),
    "MedicationDispense": _Type("subject", medication_dispenses),
    "MedicationStatement": _Type("subject", medication_statements),
    "Immunization": _Type("patient", immunizations),
    "AllergyIntolerance": _Type("patient", allergies),
    "Coverage": _Type("beneficiary", coverages),
    "Appointment": _Type("participant", appointments),
    "Communication": _Type("subject", communications),
    "Consent": _Type("patient", consents),
    "CarePlan": _Type("subject", careplans),
    "EpisodeOfCare": _Type("patient", programmes),
    "DiagnosticReport": _Type("subject", reports),
}

MAPPED_TYPES: Final = frozenset({"Patient", *_TYPES})
"""Whose resources become people and events. A Medication is read too: what refers to it needs its codes."""
NAMED_TYPES: Final = frozenset({"Medication", "Questionnaire"})
"""Nobody's resources, to which those of people refer."""
READ_TYPES: Final = MAPPED_TYPES | NAMED_TYPES
"""What is not ignored."""
_MEDICATED: Final = frozenset({"MedicationRequest", "MedicationDispense", "MedicationStatement"})


def beside(types: Iterable[str]) -> frozenset[str]:
    """The types to which resources of ``types`` leave it to say what was given: a prescription may only refer to its Medication."""
    return frozenset({"Medication"}) if _MEDICATED & set(types) else frozenset()


_ID: Final = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)
_COUNTER: Final = re.compile(r"\d{1,18}", re.ASCII)
_TYPE_NAME: Final = re.compile(r"[A-Za-z]{1,64}", re.ASCII)


def map_resource(
    resource: Json, quarantine: Quarantine, urls: Mapping[str, str] = NO_URLS, *, household_key: bytes = DEFAULT_KEY, past: Past = NO_PAST
) -> Mapped:
    """A Patient or the events of another resource; none of one that lies in the ``past``, of which only whose it is counts.

    ``urls``: see `fhir_adapters.references.patient_id`.
    """
    name = resource.get("resourceType")
    if not isinstance(name, str) or name not in READ_TYPES:
        return Mapped(Outcome.IGNORED, name if isinstance(name, str) and _TYPE_NAME.fullmatch(name) else NOT_FHIR)
    reading = Reading(quarantine, name, _identity(resource))
    if "#" in reading.id:
        reading.bad("id", Reason.MISSING)
    updated, version = read_meta(resource, reading)
    if name == "Patient":
        return _patient(resource, reading, version, urls, household_key)
    if name in NAMED_TYPES:
        return _named(resource, reading, version)
    kind = _TYPES[name]
    patient = _whose(resource, kind, urls)
    if patient is None:
        reading.bad(kind.subject, Reason.NO_SUBJECT)
        return Mapped(Outcome.QUARANTINED, name, reading.source)
    if past.holds(resource, name):
        return Mapped(Outcome.EXCLUDED, name, reading.source, patient, version)
    events = tuple(kind.events(resource, reading, updated))
    unread = any(event.opaque and not event.part for event in events)
    awaits = awaited_medication(resource, reading, urls) if unread and name in _MEDICATED else ""
    outcome = Outcome.QUARANTINED if unread else Outcome.MAPPED
    form = resource.get("questionnaire") if name == "QuestionnaireResponse" else None
    answers = form.strip() if isinstance(form, str) else ""
    return Mapped(outcome, name, reading.source, patient, version, None, events, awaits=awaits, answers=answers)


def _named(resource: Json, reading: Reading, version: Version) -> Mapped:
    """A Medication or Questionnaire; ignored if it says nothing that what refers to it could use."""
    if reading.resource_type == "Medication":
        codes = medication_codes(resource, reading).found
        return Mapped(Outcome.MAPPED if codes else Outcome.IGNORED, "Medication", reading.source, version=version, codes=codes)
    form = read_form(resource, reading)
    used = form is not None and form.coded
    return Mapped(Outcome.MAPPED if used else Outcome.IGNORED, "Questionnaire", reading.source, version=version, form=form)


def subject_of(resource: Json) -> str | None:
    """The id of the Patient whom a resource of a mapped type is about; ``None`` if it does not say, or by an identifier only."""
    kind = _TYPES.get(str(resource.get("resourceType")))
    patient = None if kind is None else _whose(resource, kind)
    return None if patient is None or is_key(patient) else patient


def _whose(resource: Json, kind: _Type, urls: Mapping[str, str] = NO_URLS) -> str | None:
    """The subject; R5 calls that of a Consent so, and gives Appointments one."""
    find = patient_among if kind.subject == "participant" else patient_key
    return find(resource.get(kind.subject), urls, resource) or patient_key(resource.get("subject"), urls, resource)


def _patient(resource: Json, reading: Reading, version: Version, urls: Mapping[str, str], household_key: bytes) -> Mapped:
    if "#" in reading.id:
        return Mapped(Outcome.QUARANTINED, "Patient", reading.source)
    who = person(resource, reading, household_key)
    said = identity(resource, reading, urls)
    return Mapped(Outcome.MAPPED, "Patient", reading.source, reading.id, version, who, identity=said)


def _identity(resource: Json) -> str:
    """The resource's id; without a usable one, ``#`` and a hash of the content, so that the same content has the same name."""
    given = resource.get("id")
    if isinstance(given, str) and _ID.fullmatch(given):
        return given
    try:
        content = orjson.dumps(resource, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        return "#"
    return f"#{hashlib.sha256(content).hexdigest()[:16]}"


def read_meta(resource: Json, reading: Reading) -> tuple[dates.Moment | None, Version]:
    """When a resource was last updated, and which version of it that is."""
    meta: Any = resource.get("meta")
    if meta is None:
        return None, _OLDEST
    if not isinstance(meta, dict):
        reading.bad("meta", Reason.NOT_AN_OBJECT)
        return None, _OLDEST
    updated = dates.read_moment(reading, meta.get("lastUpdated"), "meta.lastUpdated")
    number = meta.get("versionId")
    counted = int(number) if isinstance(number, str) and _COUNTER.fullmatch(number) else -1
    return updated, Version(NEVER if updated is None else updated.instant, counted)
