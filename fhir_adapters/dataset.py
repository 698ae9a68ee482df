"""Mapped resources, gathered into one record for each person."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Final

from fhir_adapters.areas import AreaTable, located
from fhir_adapters.bundles import resources_in
from fhir_adapters.errors import WrongPatient
from fhir_adapters.forms import Form, named, understood
from fhir_adapters.linking import EXCLUDED_BY_DEFAULT, Excluded, Owners, exclusion, owners
from fhir_adapters.mapping import NO_PAST, Mapped, Outcome, Past, map_resource
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Json, Quarantine, Reason
from fhir_adapters.references import NO_URLS, is_key
from fhir_adapters.report import Part, Report
from rules.facts import HOUSEHOLD, TABLES, Coding, Event, Person, PersonRecord, with_households

FIRST_TYPES: Final = {table.resource_types[0]: table.name for table in TABLES.values()}
"""Resource type → the table that is loaded if this type was read."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """People, sorted by id, and the account of how they were read."""

    records: list[PersonRecord]
    report: Report


@dataclass(slots=True)
class Collector:
    """Takes resources in any order and keeps the newest version of each; says whose they are when all have been taken."""

    report: Report
    household_key: bytes = DEFAULT_KEY
    left_out: frozenset[Excluded] = EXCLUDED_BY_DEFAULT
    """Which Patients do not belong to a population."""
    past: Past = NO_PAST
    """What need not be mapped."""
    types: set[str] = field(default_factory=set)
    """Resource types of which at least one resource was seen, usable or not."""
    areas: list[AreaTable] = field(default_factory=list)
    """Tables that say where a home lies."""
    _kept: dict[str, tuple[Mapped, Part]] = field(default_factory=dict)
    _medications: dict[str, tuple[Coding, ...]] = field(default_factory=dict)
    _forms: dict[str, Form] = field(default_factory=dict)

    def add_document(self, document: Any, part: Part) -> None:
        """A parsed line or file: one resource, or a Bundle of any type."""
        for resource, urls in resources_in(document, part, self.report.quarantine):
            self.add(resource, part, urls)

    def add(self, resource: Json, part: Part, urls: Mapping[str, str] = NO_URLS) -> Mapped:
        """One resource: map it, give it its place in the account, keep it unless a newer version is there."""
        return self.keep(map_resource(resource, self.report.quarantine, urls, household_key=self.household_key, past=self.past), part)

    def keep(self, mapped: Mapped, part: Part) -> Mapped:
        """What a resource, or a row of another source, says."""
        self.types.add(mapped.resource_type)
        if mapped.codes:
            self._medications[mapped.source] = mapped.codes
        if mapped.form is not None:
            self._forms.update(dict.fromkeys(mapped.form.names, mapped.form))
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

    def awaited(self) -> list[str]:
        """The Medications (``Type/id``) that are referred to and did not come."""
        return sorted({mapped.awaits for mapped, _ in self._kept.values() if mapped.awaits} - self._medications.keys())

    def complete(self) -> None:
        """Give what refers to a Medication or a Questionnaire its codes, wherever those came in the stream."""
        for source, (mapped, part) in self._kept.items():
            form = named(self._forms, mapped.answers) if mapped.answers else None
            if form is not None:
                self._kept[source] = mapped._replace(events=understood(mapped.events, form)), part
            if not mapped.awaits:
                continue
            codes = self._medications.get(mapped.awaits)
            if codes is None:
                self.report.quarantine.add(mapped.resource_type, source.split("/", 1)[1], "medicationReference", Reason.NO_MEDICATION)
                self._kept[source] = mapped._replace(awaits=""), part
                continue
            events = tuple(replace(event, codes=codes, opaque=False) for event in mapped.events)
            self._kept[source] = mapped._replace(outcome=Outcome.MAPPED, events=events, awaits=""), part
            part.move(mapped.resource_type, mapped.outcome, Outcome.MAPPED)

    def arrivals(self) -> Iterator[tuple[str, Part]]:
        """Of each Patient whose it is, and the part of the account in which it first came."""
        whose = self.owners()
        for mapped, part in self._kept.values():
            owner = whose.of(mapped.patient) if mapped.person is not None else None
            if owner is not None:
                yield owner, part

    def owners(self) -> Owners:
        """Whose each record is, by what all Patients say."""
        identities = {mapped.patient: mapped.identity for mapped, _ in self._kept.values() if mapped.identity is not None}
        return owners(identities, {mapped.patient for mapped, _ in self._kept.values() if is_key(mapped.patient)})

    def people(self) -> dict[str, Person]:
        """Everybody whose Patient resource was read."""
        return {mapped.patient: mapped.person for mapped, _ in self._kept.values() if mapped.person is not None}

    def events(self, whose: Owners) -> dict[str | None, list[Event]]:
        """Events by patient, in an order that does not depend on how they arrived; under ``None`` those of nobody knows whom."""
        found: dict[str | None, list[Event]] = defaultdict(list)
        for mapped, _ in self._kept.values():
            found[whose.of(mapped.patient)].extend(mapped.events)
        for events in found.values():
            events.sort(key=attrgetter("table", "order"))
        return found

    def records(self, not_loaded: Collection[str], reasons: frozenset[Excluded] = frozenset()) -> list[PersonRecord]:
        """A record for each person, sorted by id, but for those whom one of the ``reasons`` leaves out.

        Events of people without a Patient resource move to the quarantine.
        """
        self.complete()
        whose, people = self.owners(), self.people()
        left_out = self._left_out(whose, reasons)
        self._report_merges(whose, people)
        self._move(whose, people, left_out)
        events = self.events(whose)
        present = sorted(id for id in people if id not in whose.survivor and id not in left_out)
        missing = frozenset(not_loaded) | {HOUSEHOLD}
        records = [PersonRecord(located(people[id], self.areas), tuple(events.get(id, ())), missing) for id in present]
        self._report_areas(records)
        self.report.people = len(records)
        self.report.events = sum(len(record.events) for record in records)
        return records

    def _left_out(self, whose: Owners, reasons: frozenset[Excluded]) -> frozenset[str]:
        """Ids of the people who do not belong to the population. A merged record is judged by its survivor."""
        found = {}
        for mapped, _ in self._kept.values():
            if mapped.identity is not None and mapped.patient not in whose.survivor:
                found[mapped.patient] = exclusion(mapped.identity, reasons)
        self.report.excluded.update(reason for reason in found.values() if reason is not None)
        return frozenset(id for id, reason in found.items() if reason is not None)

    def _report_merges(self, whose: Owners, people: Collection[str]) -> None:
        self.report.merged = sum(1 for id in people if id in whose.survivor)
        for id in sorted(whose.unclear):
            self.report.quarantine.add("Patient", id, "link", Reason.UNCLEAR_MERGE)

    def _move(self, whose: Owners, people: Collection[str], left_out: Collection[str]) -> None:
        """Say of what belongs to nobody, or to somebody who is left out, that it does not count."""
        orphans = set()
        for mapped, part in self._kept.values():
            owner = whose.of(mapped.patient)
            if owner in left_out:
                part.move(mapped.resource_type, mapped.outcome, Outcome.EXCLUDED)
            elif owner is None or owner not in people:
                orphans.add(mapped.patient)
                part.move(mapped.resource_type, mapped.outcome, Outcome.QUARANTINED)
        for id in sorted(orphans):
            self.report.quarantine.add("Patient", id, "", Reason.AMBIGUOUS if id in whose.shared else Reason.NO_PATIENT)
        self.report.orphans = len(orphans)

    def _report_areas(self, records: Sequence[PersonRecord]) -> None:
        """Whoever lies in no area of a table is unknown there, and counted."""
        for table in self.areas:
            known = sum(1 for record in records if any((a.scheme, a.vintage) == (table.name, table.vintage) for a in record.person.areas))
            self.report.notes.append(f"area {table.name} {table.vintage}: known of {known:,} of {len(records):,} people")

    def population(self, not_loaded: Collection[str]) -> Dataset:
        """Everybody who belongs to a population, each knowing the others at their address."""
        return Dataset(with_households(self.records(not_loaded, self.left_out)), self.report)


def records_from_resources(
    resources: Iterable[Json],
    patient_id: str,
    not_loaded: Collection[str],
    quarantine: Quarantine | None = None,
    past: Past = NO_PAST,
) -> PersonRecord:
    """One person's record from resources at hand (CDS Hooks prefetch); Bundles are opened.

    ``not_loaded`` are the tables that the caller could not get. Without a Patient resource everything about the person is unknown.
    What lies in the ``past`` is not in the record, but must be this person's too.
    Nobody is left out: whose chart is open is not ours to judge. What belongs to a record that was merged into this one belongs to it.
    Raises `WrongPatient` if any resource, however unusable otherwise, is another person's.
    """
    report = Report(quarantine=quarantine or Quarantine())
    collector = Collector(report, past=past)
    part = report.part("prefetch")
    for resource in resources:
        collector.add_document(resource, part)
    collector.complete()
    whose = collector.owners()
    merged = replace(whose, survivor={old: new for old, new in whose.survivor.items() if new == patient_id})
    events, people = collector.events(merged), collector.people()
    if events.pop(None, []):
        report.quarantine.add("Patient", "", "", Reason.NO_SUBJECT)
    if {merged.of(id) for id in (*people, *(id for id in events if id))} - {patient_id}:
        raise WrongPatient("resources of another patient came with this patient's data")
    person = people.get(patient_id, Person(patient_id))
    return PersonRecord(person, tuple(events.get(patient_id, ())), frozenset(not_loaded) | {HOUSEHOLD})
