"""Whole populations or single patients by REST search."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import quote

from fhir_adapters.dataset import FIRST_TYPES, Collector, Dataset
from fhir_adapters.errors import EhrUnavailable, IncompleteSearch, WrongPatient
from fhir_adapters.mapping import MAPPED_TYPES, Outcome, subject_of
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Json, Reason
from fhir_adapters.references import patient_id
from fhir_adapters.report import Part, Report
from fhir_adapters.search.batch import first_pages
from fhir_adapters.search.plan import Plan
from fhir_adapters.search.query import Page, Query, find, pages
from fhir_adapters.transport import FhirServer
from rules.facts import with_households

_EVENT_TYPES: Final = sorted(MAPPED_TYPES - {"Patient"})
_GONE: Final = frozenset({404, 410})
_PLAN: Final = Plan()
NO_PAGES: Final[Mapping[Query, Json]] = {}


def read_patients(
    server: FhirServer | str,
    *,
    patient_ids: Collection[str] | None = None,
    cohort: Mapping[str, str] | None = None,
    group: str | None = None,
    types: Collection[str] = _EVENT_TYPES,
    plan: Plan = _PLAN,
    household_key: bytes = DEFAULT_KEY,
) -> Dataset:
    """Everybody on the server (an open one may be given by its address), the patients named, those of a cohort, or of a Group.

    A ``cohort`` is a search for patients: ``{"_has:Condition:patient:code": "44054006"}``. Besides Patient only the ``types`` named are
    searched; a table whose first type is not among them is not loaded. A table whose search failed, or did not show what it said it
    had found, is among what is not loaded: with its reason in the report, and only for the patients concerned. The household is loaded
    only if everybody is read. Raises `EhrUnavailable` if the Patient resources themselves cannot be read.
    """
    report = Report()
    open_server = FhirServer(server) if isinstance(server, str) else server
    report.not_loaded |= {table: "not asked for" for first, table in FIRST_TYPES.items() if first not in types}
    unasked = frozenset(report.not_loaded)
    reader = _Reader(open_server, Collector(report, household_key), plan, sorted(set(types) & set(_EVENT_TYPES)))
    if patient_ids is None and cohort is None and group is None and plan.vendor.whole_population:
        return reader.everybody()
    for id in sorted(set(patient_ids) if patient_ids is not None else _listed(open_server, plan, cohort or {}, group)):
        reader.one(id)
    reader.look_up()
    records = [replace(r, not_loaded=r.not_loaded | reader.failed[r.person.id]) for r in reader.collector.records(unasked)]
    whole = patient_ids is None and cohort is None and group is None
    return Dataset(with_households(records) if whole else records, report)


def _listed(server: FhirServer, plan: Plan, cohort: Mapping[str, str], group: str | None) -> set[str]:
    """The ids of the patients of a Group, or of those whom a search finds."""
    if group is None:
        query = Query("Patient", (*cohort.items(), ("_count", str(plan.page_size or plan.vendor.page_size))))
        return {str(patient["id"]) for patient in find(server, query, lambda patient: isinstance(patient.get("id"), str))}
    members = server.get(f"Group/{quote(group, safe='')}").get("member")
    entities = [member.get("entity") for member in members if isinstance(member, dict)] if isinstance(members, list) else []
    return {id for id in (patient_id(entity) for entity in entities) if id is not None}


@dataclass(slots=True)
class _Reader:
    server: FhirServer
    collector: Collector
    plan: Plan
    types: list[str]
    failed: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Patient → tables that could not be read."""
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def report(self) -> Report:
        return self.collector.report

    def everybody(self) -> Dataset:
        """Type after type, page after page: no more than a page is held at a time."""
        for page in self._pages("Patient"):
            self._take(page, "Patient")
        for name in self.types:
            try:
                for page in self._pages(name):
                    self._take(page, name)
            except EhrUnavailable as error:
                self._missed(name, error)
        self.look_up()
        return self.collector.population(self.report.not_loaded)

    def look_up(self) -> None:
        """Read what prescriptions only refer to, each Medication once. One that cannot be had leaves them unknown."""
        places = self.collector.awaited()
        if not places:
            return
        part = self.part("Medication")
        with ThreadPoolExecutor(self.plan.vendor.at_once) as threads:
            found = list(threads.map(self._medication, places))
        for resource in found:
            if resource is not None:
                part.lines += 1
                self.collector.add(resource, part)
        missing = sum(resource is None for resource in found)
        if missing:
            self.report.notes.append(f"Medication: {missing} of {len(places)} that prescriptions refer to could not be read")

    def _medication(self, place: str) -> Json | None:
        try:
            resource = self.server.get(place)
        except EhrUnavailable:
            return None
        return resource if f"{resource.get('resourceType')}/{resource.get('id')}" == place else None

    def one(self, id: str) -> None:
        """One patient: the types side by side, as many at once as the server may be asked."""
        try:
            patient = self.server.get(f"Patient/{quote(id, safe='')}")
        except EhrUnavailable as error:
            if error.status not in _GONE:
                raise
            self.report.quarantine.add("Patient", id, "", Reason.NO_PATIENT)
            return
        if patient.get("resourceType") != "Patient" or patient.get("id") != id:
            raise WrongPatient("the server answered with another patient than the one asked for")
        part = self.part("Patient")
        part.lines += 1
        self.collector.add(patient, part)
        firsts = self._first_pages(id)
        with ThreadPoolExecutor(self.plan.vendor.at_once) as threads:
            found = threads.map(lambda name: self._found(name, id, firsts), self.types)
            for name, (shown, failure) in zip(self.types, found, strict=True):
                foreign = [self._take(page, name, id) for page in shown]
                reason = IncompleteSearch("the server returned data of other patients") if any(foreign) else failure
                if reason is not None:
                    self._missed(name, reason, id)

    def _first_pages(self, patient: str) -> dict[Query, Json]:
        """The first pages that one batch gives; those that it does not give are asked for one by one."""
        if not self.plan.vendor.batches:
            return {}
        queries = [query for name in self.types if not self.plan.refuses(name) for query in self.plan.queries(name, patient)]
        try:
            answers = first_pages(self.server, queries)
        except EhrUnavailable as error:
            self.report.notes.append(f"batch: {error}")
            return {}
        return {query: page for query, page in zip(queries, answers, strict=True) if not isinstance(page, EhrUnavailable)}

    def _found(self, name: str, patient: str, firsts: Mapping[Query, Json]) -> tuple[list[Page], EhrUnavailable | None]:
        """The pages that could be had, and what went wrong then. Changes nothing: it runs in a thread of its own."""
        found: list[Page] = []
        try:
            found.extend(self._pages(name, patient, firsts))
        except EhrUnavailable as error:
            return found, error
        return found, None

    def _pages(self, name: str, patient: str | None = None, firsts: Mapping[Query, Json] = NO_PAGES) -> Iterator[Page]:
        refusal = self.plan.refuses(name)
        if refusal:
            raise EhrUnavailable(refusal)
        for query in self.plan.queries(name, patient):
            yield from pages(self.server, query, firsts.get(query))

    def part(self, name: str) -> Part:
        """One account for each type: a name with the patient's id in it must not reach a log."""
        if name not in self.parts:
            self.parts[name] = self.report.part(name)
        return self.parts[name]

    def _missed(self, name: str, error: EhrUnavailable, patient: str | None = None) -> None:
        reason = f"{name}: {error}"
        table = FIRST_TYPES.get(name)
        if table is None:
            # It only adds to a table, as QuestionnaireResponse does to the observations.
            self.report.notes.append(reason)
            return
        self.report.not_loaded[table] = reason
        if patient is not None:
            self.failed[patient].add(table)

    def _take(self, page: Page, name: str, patient: str | None = None) -> bool:
        """Keep what a page shows; whether some of it is another patient's, which is not kept."""
        part = self.part(name)
        part.lines += 1
        part.count(Outcome.OPENED, "Bundle")
        part.entries += page.entries
        for resource in page.included:
            part.count(Outcome.IGNORED, str(resource["resourceType"]))
        for _ in range(page.remarks):
            part.count(Outcome.IGNORED, "OperationOutcome")
            self.report.quarantine.add(name, "", "entry", Reason.SERVER_NOTE)
        for _ in range(page.unreadable):
            part.count(Outcome.QUARANTINED, "Bundle")
            self.report.quarantine.add("Bundle", "", "entry", Reason.NOT_AN_OBJECT)
        return any([self._is_foreign(resource, part, patient) for resource in page.matches])

    def _is_foreign(self, resource: Json, part: Part, patient: str | None) -> bool:
        """Whether it is another patient's; if not, it is kept."""
        subject = subject_of(resource)
        if patient is None or subject is None or subject == patient:
            self.collector.add(resource, part)
            return False
        name = str(resource["resourceType"])
        self.report.quarantine.add(name, str(resource.get("id")), "subject", Reason.OTHER_PATIENT)
        part.count(Outcome.QUARANTINED, name)
        return True
