"""Whole populations or single patients by REST search; nothing that a server says about completeness is taken on trust."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fhir_adapters.dataset import FIRST_TYPES, Collector, Dataset
from fhir_adapters.errors import EhrUnavailable, IncompleteSearch, WrongPatient
from fhir_adapters.mapping import MAPPED_TYPES, Outcome, subject_of
from fhir_adapters.mapping.people import DEFAULT_KEY
from fhir_adapters.quarantine import Json, Reason
from fhir_adapters.report import Part, Report
from fhir_adapters.transport import FhirServer

_EVENT_TYPES: Final = sorted(MAPPED_TYPES - {"Patient"})
_GONE: Final = frozenset({404, 410})
_MOST_EMPTY_PAGES: Final = 20


def read_patients(
    server: FhirServer | str,
    *,
    patient_ids: Collection[str] | None = None,
    types: Collection[str] = _EVENT_TYPES,
    page_size: int = 200,
    household_key: bytes = DEFAULT_KEY,
) -> Dataset:
    """Everybody on the server (an open one may be given by its address), or the patients named.

    Besides Patient only the ``types`` named are searched; a table whose first type is not among them is not loaded.
    A table whose search failed, or did not show what it said it had found, is among what is not loaded: with its reason in the
    report, and only for the patients concerned. The household is loaded only if everybody is read. Raises `EhrUnavailable` if the
    Patient resources themselves cannot be read.
    """
    report = Report()
    open_server = FhirServer(server) if isinstance(server, str) else server
    report.not_loaded |= {table: "not asked for" for first, table in FIRST_TYPES.items() if first not in types}
    unasked = frozenset(report.not_loaded)
    reader = _Reader(open_server, Collector(report, household_key), page_size, sorted(set(types) & set(_EVENT_TYPES)))
    if patient_ids is None:
        return reader.everybody()
    for id in sorted(set(patient_ids)):
        reader.one(id)
    records = [replace(r, not_loaded=r.not_loaded | reader.failed[r.person.id]) for r in reader.collector.records(unasked)]
    return Dataset(records, report)


@dataclass(slots=True)
class _Reader:
    server: FhirServer
    collector: Collector
    page_size: int
    types: list[str]
    failed: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    """Patient → tables that could not be read."""
    parts: dict[str, Part] = field(default_factory=dict)

    @property
    def report(self) -> Report:
        return self.collector.report

    def everybody(self) -> Dataset:
        _Search(self, "Patient").run()
        for name in self.types:
            self._attempt(name)
        return self.collector.population(self.report.not_loaded)

    def one(self, id: str) -> None:
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
        for name in self.types:
            self._attempt(name, id)

    def part(self, name: str) -> Part:
        """One account for each type: a name with the patient's id in it must not reach a log."""
        if name not in self.parts:
            self.parts[name] = self.report.part(name)
        return self.parts[name]

    def _attempt(self, name: str, patient: str | None = None) -> None:
        try:
            _Search(self, name, patient).run()
        except EhrUnavailable as error:
            reason = f"{name}: {error}"
            table = FIRST_TYPES.get(name)
            if table is None:
                # It only adds to a table, as QuestionnaireResponse does to the observations.
                self.report.notes.append(reason)
                return
            self.report.not_loaded[table] = reason
            if patient is not None:
                self.failed[patient].add(table)


@dataclass(slots=True)
class _Search:
    """One search, page by page."""

    reader: _Reader
    name: str
    patient: str | None = None
    seen: set[str] = field(default_factory=set)
    total: int | None = None
    empty_pages: int = 0

    def run(self) -> None:
        """Read all pages, or raise `EhrUnavailable`: an answer that may lack something is no answer."""
        query = ({} if self.patient is None else {"patient": self.patient}) | {"_count": str(self.reader.page_size)}
        url: str | None = f"{self.name}?{urlencode(query)}"
        visited: set[str] = set()
        while url is not None:
            url = self.reader.server.resolve(url)
            if url in visited:
                raise IncompleteSearch("the links to the next page run in a circle")
            page = self._page(url)
            if not visited:
                self._check_parameters(page)
            visited.add(url)
            self._take(page)
            url = self._next(page, url)
        if self.total is not None and self.total != len(self.seen):
            raise IncompleteSearch(f"the server said {self.total} and showed {len(self.seen)}")

    def _page(self, url: str) -> Json:
        try:
            page = self.reader.server.get(url, strict=True)
        except EhrUnavailable as error:
            if error.status != 400:
                raise
            page = self.reader.server.get(url)
        if page.get("resourceType") != "Bundle":
            raise IncompleteSearch("the answer is not a Bundle")
        return page

    def _check_parameters(self, page: Json) -> None:
        """A server that does not know ``patient`` leaves it out of its ``self`` link; what it found answers another question."""
        link = _link(page, "self")
        used = {name.split(":")[0] for name, _ in parse_qsl(urlsplit(link or "").query, keep_blank_values=True)}
        if self.patient is not None and used and not used & {"patient", "subject"}:
            raise IncompleteSearch("the server ignored the patient parameter")

    def _take(self, page: Json) -> None:
        part = self.reader.part(self.name)
        part.lines += 1
        part.count(Outcome.OPENED, "Bundle")
        before = len(self.seen)
        entries = [] if page.get("entry") is None else page["entry"]
        if not isinstance(entries, list):
            raise IncompleteSearch("the entries of the Bundle are not a list")
        matches, foreign = 0, False
        for entry in entries:
            part.entries += 1
            resource = entry.get("resource") if isinstance(entry, dict) else None
            if not isinstance(resource, dict) or resource.get("resourceType") != self.name:
                self._set_aside(resource, part)
                continue
            matches += 1
            self.seen.add(str(resource.get("id")))
            foreign |= self._keep(resource, part)
        if foreign:
            raise IncompleteSearch("the server returned data of other patients")
        if matches and len(self.seen) == before:
            raise IncompleteSearch("a page came twice")
        total = page.get("total")
        self.total = total if isinstance(total, int) and not isinstance(total, bool) else self.total
        self.empty_pages = 0 if matches else self.empty_pages + 1

    def _keep(self, resource: Json, part: Part) -> bool:
        """Whether it is another patient's; then it is not kept."""
        subject = subject_of(resource)
        if self.patient is None or subject is None or subject == self.patient:
            self.reader.collector.add(resource, part)
            return False
        self.reader.report.quarantine.add(self.name, str(resource.get("id")), "subject", Reason.OTHER_PATIENT)
        part.count(Outcome.QUARANTINED, self.name)
        return True

    def _set_aside(self, resource: Any, part: Part) -> None:
        """Includes and the server's remarks (OperationOutcome) are no matches; a remark is shown."""
        if isinstance(resource, dict) and isinstance(resource.get("resourceType"), str):
            part.count(Outcome.IGNORED, resource["resourceType"])
            if resource["resourceType"] == "OperationOutcome":
                self.reader.report.quarantine.add(self.name, "", "entry", Reason.SERVER_NOTE)
            return
        self.reader.report.quarantine.add("Bundle", "", "entry", Reason.NOT_AN_OBJECT)
        part.count(Outcome.QUARANTINED, "Bundle")

    def _next(self, page: Json, url: str) -> str | None:
        link = _link(page, "next")
        if link is None:
            return None
        if self.empty_pages > _MOST_EMPTY_PAGES:
            raise IncompleteSearch("page after page came empty")
        return self.reader.server.resolve(link, url)


def _link(page: Json, relation: str) -> str | None:
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == relation and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
