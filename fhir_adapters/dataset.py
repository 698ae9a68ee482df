"""Mapped resources, gathered into one record for each person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final

from fhir_adapters.bundles import resources_in
from fhir_adapters.errors import WrongPatient
from fhir_adapters.mapping import Mapped, Outcome, map_resource
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Json, Quarantine, Reason
from fhir_adapters.references import NO_URLS
from fhir_adapters.report import Part, Report
from rules.facts import HOUSEHOLD, TABLES, Event, Person, PersonRecord, with_households

FIRST_TYPES: Final = {table.resource_types[0]: table.name for table in TABLES.values()}
"""Resource type → the table that is loaded if this type was read."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """People, sorted by id, and the account of how they were read."""

    records: list[PersonRecord]
    report: Report


@dataclass(slots=True)
class Collector:
    """Takes resources in any order and keeps the newest version of each."""

    report: Report
    household_key: bytes = DEFAULT_KEY
    types: set[str] = field(default_factory=set)
    """Resource types of which at least one resource was seen, usable or not."""
    _kept: dict[str, tuple[Mapped, Part]] = field(default_factory=dict)

    def add_document(self, document: Any, part: Part) -> None:
        """A parsed line or file: one resource, or a Bundle of any type."""
        for resource, urls in resources_in(document, part, self.report.quarantine):
            self.add(resource, part, urls)

    def add(self, resource: Json, part: Part, urls: Mapping[str, str] = NO_URLS) -> Mapped:
        """One resource: map it, give it its place in the account, keep it unless a newer version is there."""
        mapped = map_resource(resource, self.report.quarantine, urls, household_key=self.household_key)
        self.types.add(mapped.resource_type)
        before = self._kept.get(mapped.source) if mapped.patient else None
        if before is None:
            part.count(mapped.outcome, mapped.resource_type)
            if mapped.patient:
                self._kept[mapped.source] = mapped, part
            return mapped
        part.count(Outcome.DUPLICATE, mapped.resource_type)
        self._settle(before[0], mapped, before[1])
        return mapped

    def _settle(self, old: Mapped, new: Mapped, part: Part) -> None:
        if (old.patient, old.person, old.events) != (new.patient, new.person, new.events):
            reason = Reason.DUPLICATE_ID if old.patient == new.patient else Reason.OTHER_SUBJECT
            self.report.quarantine.add(new.resource_type, new.source.split("/", 1)[1], "id", reason)
        if new.version >= old.version:
            self._kept[new.source] = new, part

    def people(self) -> dict[str, Person]:
        """Everybody whose Patient resource was read."""
        return {mapped.patient: mapped.person for mapped, _ in self._kept.values() if mapped.person is not None}

    def events(self) -> dict[str, list[Event]]:
        """Events by patient, in an order that does not depend on how they arrived."""
        found: dict[str, list[Event]] = defaultdict(list)
        for mapped, _ in self._kept.values():
            found[mapped.patient].extend(mapped.events)
        for events in found.values():
            events.sort(key=attrgetter("table", "order"))
        return found

    def records(self, not_loaded: Collection[str]) -> list[PersonRecord]:
        """A record for each person, sorted by id. Events of people without a Patient resource move to the quarantine."""
        people, events = self.people(), self.events()
        self._report_orphans(people)
        missing = frozenset(not_loaded) | {HOUSEHOLD}
        records = [PersonRecord(people[id], tuple(events.get(id, ())), missing) for id in sorted(people)]
        self.report.people = len(records)
        self.report.events = sum(len(record.events) for record in records)
        return records

    def _report_orphans(self, people: Mapping[str, Person]) -> None:
        orphans = set()
        for mapped, part in self._kept.values():
            if mapped.patient not in people:
                orphans.add(mapped.patient)
                part.tally[mapped.resource_type, mapped.outcome] -= 1
                part.count(Outcome.QUARANTINED, mapped.resource_type)
        for id in sorted(orphans):
            self.report.quarantine.add("Patient", id, "", Reason.NO_PATIENT)
        self.report.orphans = len(orphans)

    def population(self, not_loaded: Collection[str]) -> Dataset:
        """Everybody, each knowing the others at their address."""
        return Dataset(with_households(self.records(not_loaded)), self.report)


def records_from_resources(
    resources: Iterable[Json], patient_id: str, not_loaded: Collection[str], quarantine: Quarantine | None = None
) -> PersonRecord:
    """One person's record from resources at hand (CDS Hooks prefetch); Bundles are opened.

    ``not_loaded`` are the tables that the caller could not get. Without a Patient resource everything about the person is unknown.
    Raises `WrongPatient` if any resource, however unusable otherwise, is another person's.
    """
    report = Report(quarantine=quarantine or Quarantine())
    collector = Collector(report)
    part = report.part("prefetch")
    for resource in resources:
        collector.add_document(resource, part)
    events, people = collector.events(), collector.people()
    if (events.keys() | people.keys()) - {patient_id}:
        raise WrongPatient("resources of another patient came with this patient's data")
    person = people.get(patient_id, Person(patient_id))
    return PersonRecord(person, tuple(events.get(patient_id, ())), frozenset(not_loaded) | {HOUSEHOLD})
