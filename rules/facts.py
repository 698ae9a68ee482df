"""The vocabulary: what an adapter hands over and what a rule can ask about.

An adapter turns FHIR resources into `Event` rows of a `Person`; engines reduce the events to *facts*, one nullable value each.
``None`` always means unknown, never no.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from operator import attrgetter
from typing import Final, NamedTuple

Value = bool | float | str | None
"""The value of a fact: yes/no, number, word, or unknown (``None``)."""

HOUSEHOLD: Final = "household"
"""In `PersonRecord.not_loaded`: the other members of the household were not read."""


class Coding(NamedTuple):
    """A code in its code system (canonical URI), as in FHIR ``Coding``."""

    system: str
    code: str


@dataclass(frozen=True, slots=True)
class DateRange:
    """The days, first to last, that a possibly partial date may mean: ``2026-03`` is 1 to 31 March."""

    low: date
    high: date


ROLES: Final = ("category", "class", "intent", "performer", "reason", "verification")
"""The coded properties of events, beside their code and answer, that a rule can ask for (`Event.tags`)."""


@dataclass(frozen=True, slots=True)
class Table:
    """A kind of event.

    ``counted`` are the statuses that count unless a rule's author names others, the usual one first; ``known`` are all statuses of
    FHIR R4's required binding (for conditions: clinical status, and of verification status what cancels a condition).
    """

    name: str
    singular: str
    resource_types: tuple[str, ...]
    usual: str
    counted: frozenset[str]
    known: frozenset[str]


def _table(name: str, singular: str, resource_types: str, counted: str, others: str) -> tuple[str, Table]:
    statuses = counted.split()
    known = frozenset(statuses) | frozenset(others.split())
    return name, Table(name, singular, tuple(resource_types.split()), statuses[0], frozenset(statuses), known)


TABLES: Final[dict[str, Table]] = dict(
    [
        _table(
            "observations",
            "observation",
            "Observation QuestionnaireResponse",
            "final amended corrected completed",
            "registered preliminary cancelled entered-in-error in-progress stopped",
        ),
        _table("conditions", "condition", "Condition", "active recurrence relapse", "inactive remission resolved refuted entered-in-error"),
        _table(
            "encounters", "encounter", "Encounter", "finished arrived triaged in-progress onleave", "planned cancelled entered-in-error"
        ),
        _table("procedures", "procedure", "Procedure", "completed in-progress", "preparation not-done on-hold stopped entered-in-error"),
        _table("referrals", "referral", "ServiceRequest", "active on-hold completed", "draft revoked do-not-perform entered-in-error"),
        _table(
            "tasks",
            "task",
            "Task",
            "requested received accepted ready in-progress on-hold completed",
            "draft rejected cancelled failed entered-in-error",
        ),
        _table("goals", "goal", "Goal", "active proposed planned accepted on-hold completed cancelled rejected", "entered-in-error"),
        _table(
            "medications",
            "medication",
            "MedicationRequest MedicationDispense MedicationStatement",
            "active completed on-hold",
            "draft intended preparation in-progress stopped cancelled declined not-taken do-not-perform entered-in-error",
        ),
        _table("immunizations", "immunization", "Immunization", "completed", "not-done entered-in-error"),
        _table("allergies", "allergy", "AllergyIntolerance", "active", "inactive resolved refuted entered-in-error"),
        _table("coverages", "coverage", "Coverage", "active", "draft cancelled entered-in-error"),
        _table(
            "appointments",
            "appointment",
            "Appointment",
            "fulfilled booked arrived checked-in",
            "proposed pending waitlist cancelled noshow entered-in-error",
        ),
        _table(
            "communications",
            "communication",
            "Communication",
            "completed in-progress",
            "preparation not-done on-hold stopped entered-in-error",
        ),
        _table("consents", "consent", "Consent", "active", "draft proposed rejected inactive entered-in-error"),
        _table("careplans", "careplan", "CarePlan", "active on-hold completed", "draft revoked entered-in-error"),
        _table("programmes", "programme", "EpisodeOfCare", "active onhold", "planned waitlist finished cancelled entered-in-error"),
        _table(
            "reports",
            "report",
            "DiagnosticReport",
            "final amended corrected appended",
            "registered partial preliminary cancelled entered-in-error",
        ),
    ]
)
"""Every event table. A status outside ``counted`` (entered-in-error, refuted, cancelled, draft …) does not count by default;
a missing status, or FHIR's ``unknown``, makes the event a *possible* one. ``do-not-perform`` stands for FHIR's ``doNotPerform``:
whatever its status, such a request asks that something be *not* done."""
NUMBERS: Final = {name: number for number, name in enumerate(TABLES)}
"""A number for each table: quicker to compare than its name."""


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to a person: a row of one of the `TABLES`.

    A missing piece is ``None`` (or an empty tuple) and makes answers unknown, never no. An ``opaque`` event stands for a resource
    that belongs to this person and table but could not be understood: it might be anything.
    """

    table: str
    source: str
    """The resource that says so: ``Observation/123``."""
    part: str = ""
    """The place inside the resource: ``component[2]`` or ``item[/88122-7]``; empty for the resource itself."""
    codes: tuple[Coding, ...] = ()
    answers: tuple[Coding, ...] = ()
    """Coded value: the answer to a screening question; for a goal, its lifecycle status."""
    tags: tuple[tuple[str, Coding], ...] = ()
    """Other coded properties, each with its role, one of `ROLES`."""
    value: float | None = None
    unit: str | None = None
    """UCUM code, spelt as `rules.units.canonical` spells it."""
    status: str | None = None
    start: DateRange | None = None
    """The day it began (as written, in the author's own time zone), as a range when the date is partial."""
    end: DateRange | None = None
    instant: int | None = None
    """Start in microseconds since 1970 UTC: orders events within a day."""
    issued: int | None = None
    """When it was made available (issued, recordedDate, authoredOn), microseconds since 1970 UTC."""
    updated: int | None = None
    """``meta.lastUpdated``, microseconds since 1970 UTC."""
    opaque: bool = False

    @property
    def order(self) -> tuple[int, int, int, str, str]:
        """Sort key of *latest*: start, then issued, then last updated, then id. Total, so that every engine agrees."""
        return (
            NEVER if self.instant is None else self.instant,
            NEVER if self.issued is None else self.issued,
            NEVER if self.updated is None else self.updated,
            self.source,
            self.part,
        )


NEVER: Final = -(2**62)
"""Sorts before every instant: stands for a missing time in `Event.order`."""


class Area(NamedTuple):
    """A small area that a home lies in, with its place in an index such as deprivation; ``vintage`` says which edition."""

    scheme: str
    vintage: str
    code: str
    level: float | None = None
    """The index value or decile; ``None`` if the table gives none."""


@dataclass(frozen=True, slots=True)
class Person:
    """Who the events belong to. Names and contact details are for the worklist only: rules cannot read them, logs never show them."""

    id: str
    birth: DateRange | None = None
    sex: str | None = None
    """FHIR administrative gender: female, male or other."""
    deceased: bool | None = None
    """``None`` when the record contradicts itself; a patient without any note of death counts as living."""
    died: DateRange | None = None
    language: str | None = None
    """BCP-47 code of the preferred language."""
    postcode: str | None = None
    household: str | None = None
    """A key shared by people at one address (a keyed hash, never the address); ``None`` if the address is unknown."""
    race: tuple[str, ...] = ()
    ethnicity: str | None = None
    name: str = field(default="", repr=False)
    phone: str = field(default="", repr=False)
    interpreter: bool | None = None
    contact: Coding | None = None
    """How they want to be reached; ``None``: not said."""
    tract: str | None = None
    """The census tract that the address was located in, if somebody did."""
    areas: tuple[Area, ...] = ()
    """Where the home lies, by the tables of areas that the site supplied."""
    email: str = field(default="", repr=False)
    """As the record has it: that they agreed to be written to there is not said."""


@dataclass(frozen=True, slots=True)
class PersonRecord:
    """A person, their events, and what could not be read about them."""

    person: Person
    events: tuple[Event, ...] = ()
    not_loaded: frozenset[str] = frozenset({HOUSEHOLD})
    """Names of tables that failed, were withheld or were not asked for (and `HOUSEHOLD`)."""
    household: tuple["PersonRecord", ...] = ()
    """The *other* people at the same address; meaningful only if `HOUSEHOLD` is loaded."""
    _ordered: list[Event] = field(default_factory=list, init=False, repr=False, compare=False)
    """The events from the first to the latest. Made, like ``_places``, when first asked for."""
    _places: dict[Coding | None, list[int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Code → places of its events in ``_ordered``; under ``None`` the opaque ones."""

    def ordered(self) -> Sequence[Event]:
        """The events in `Event.order`."""
        if len(self._ordered) < len(self.events):
            self._ordered[:] = sorted(self.events, key=attrgetter("order"))
        return self._ordered

    def having(self, codes: frozenset[Coding] | None) -> Iterable[Event]:
        """The events that carry one of ``codes`` (all events if ``None``), and the opaque ones, which might: in `Event.order`."""
        if codes is None:
            return self.ordered()
        places = self._places or self._index()
        known = codes & places.keys() if len(codes) < len(places) else {code for code in places if code in codes}
        found = set(places[None])
        found.update(*(places[code] for code in known))
        return [self._ordered[place] for place in sorted(found)]

    def _index(self) -> dict[Coding | None, list[int]]:
        places: dict[Coding | None, list[int]] = {None: []}
        for place, event in enumerate(self.ordered()):
            for code in (None,) if event.opaque else event.codes:
                places.setdefault(code, []).append(place)
        self._places.update(places)  # at one stroke: other threads may ask meanwhile
        return self._places

    def household_records(self) -> Iterator["PersonRecord"]:
        """This record and those of the other members of the household."""
        yield self
        yield from self.household


def with_households(records: Iterable[PersonRecord]) -> list[PersonRecord]:
    """The same records, each knowing the others at its address. Call it only with the whole population at hand.

    A person whose address is unknown keeps `HOUSEHOLD` among what is not loaded.
    """
    alone = [replace(r, not_loaded=r.not_loaded - {HOUSEHOLD}, household=()) for r in records]
    by_key: dict[str, list[PersonRecord]] = defaultdict(list)
    for record in alone:
        if record.person.household is not None:
            by_key[record.person.household].append(record)
    return [_with_household(r, by_key) for r in alone]


def _with_household(record: PersonRecord, by_key: dict[str, list[PersonRecord]]) -> PersonRecord:
    key = record.person.household
    if key is None:
        return replace(record, not_loaded=record.not_loaded | {HOUSEHOLD})
    return replace(record, household=tuple(other for other in by_key[key] if other is not record))
