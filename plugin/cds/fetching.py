"""Reading from the EHR what a call did not bring along: side by side, within one deadline, and no more than was asked for.

Whatever goes wrong, the answer is there when the time is over: what was not read whole by then is partly read, or failed.
"""

import logging
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Protocol
from urllib.parse import quote

from fhir_adapters import FhirServer, Limits
from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.mapping import subject_of
from fhir_adapters.quarantine import Json
from fhir_adapters.search import Page, Query, pages
from fhir_adapters.search.batch import first_pages
from fhir_adapters.transport import Breaker, Given, Pace
from fhir_adapters.transport.deadline import deadline
from fhir_adapters.vendors import GENERIC, Vendor
from plugin.cds.availability import State, Supplied, remark
from plugin.cds.prefetch import Template
from plugin.cds.request import HookCall
from plugin.cds.trouble import logged
from plugin.cds.trust.places import is_trusted

LOG = logging.getLogger(__name__)

MOST: Final = 10_000
"""Resources kept for one key; of somebody with more, not everything was read."""
_BODY: Final = 10 << 20
_FAILURES: Final = 20
"""Answers in a row that did not come: those of two or three calls, because each asks several things at once."""
_REST: Final = 10.0
_LONGEST_ADDRESS: Final = 2_000
"""Characters; a longer search goes into the body of a POST."""


class Ehrs:
    """The FHIR servers that calls name: each is left alone for a while after it failed again and again."""

    def __init__(
        self,
        seconds: float,
        vendors: Mapping[str, Vendor] | None = None,
        aside: Callable[[], AbstractContextManager[None]] = nullcontext,
    ) -> None:
        """``seconds`` are for everything that is read for one call; ``vendors`` are the habits of servers, by base URL.

        What ``aside`` gives is entered while a server is waited for.
        """
        self._seconds, self._aside = seconds, aside
        self._vendors = {url.rstrip("/"): vendor for url, vendor in (vendors or {}).items()}
        self._breakers: dict[str, Breaker] = {}

    def named_by(self, call: HookCall, allowed: Iterable[str]) -> "Ehr | None":
        """The server of a call, for which the time begins now; ``None`` if it names none, or one that is not ``allowed``."""
        url = call.fhir_server
        if url is None or not is_trusted(url, allowed):
            return None
        base = url.rstrip("/")
        vendor = self._vendors.get(base, GENERIC)
        server = FhirServer(
            base,
            authority=None if (token := call.token) is None else Given(lambda: token),
            limits=Limits(connect=self._seconds, attempt=self._seconds, call=self._seconds, attempts=1, body=_BODY, redirects=0),
            pace=Pace(at_once=vendor.at_once),
            breaker=self._breakers.setdefault(base, Breaker(failures=_FAILURES, rest=_REST)),
        )
        return Ehr(server, time.monotonic() + self._seconds, vendor, self._aside)


class _Job(Protocol):
    def run(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ehr:
    """The FHIR server of one call, asked while a clinician waits: one attempt for each question, and a slow server counts as none."""

    server: FhirServer
    until: float
    """When the time is over, on the monotonic clock."""
    vendor: Vendor = GENERIC
    aside: Callable[[], AbstractContextManager[None]] = nullcontext

    @property
    def left(self) -> float:
        """Seconds that remain."""
        return max(self.until - time.monotonic(), 0.0)

    def read(self, templates: Sequence[Template], patient: str, today: date) -> dict[str, Supplied]:
        """What the server answers to each template, by key."""
        searches = [_Search(self, template, patient, tuple(_queries(self.vendor, template, patient, today))) for template in templates]
        with self.aside():
            self._give_first_pages(searches)
            self._side_by_side(searches)
        found = {search.template.key: search.answer() for search in searches}
        incomplete = ",".join(sorted(key for key, answer in found.items() if not answer.complete))
        LOG.info("ehr_read keys=%d incomplete=%s seconds_left=%.3f", len(found), incomplete, self.left)
        return found

    def medications(self, places: Collection[str]) -> list[Json]:
        """Those of the Medications (``Medication/id``) that could be read."""
        looks = [_Look(self, place) for place in sorted(places)]
        if looks:
            with self.aside():
                self._side_by_side(looks)
        return [look.found for look in looks if look.found is not None]

    def _side_by_side(self, jobs: Sequence[_Job]) -> None:
        """Run the jobs until the time is over. What has not begun then never will; what still waits for bytes gets no more."""
        pool = ThreadPoolExecutor(min(len(jobs), self.vendor.at_once), "ehr")
        running = [pool.submit(self._run, job) for job in jobs]
        wait(running, timeout=self.left)
        pool.shutdown(wait=False, cancel_futures=True)

    def _run(self, job: _Job) -> None:
        if self.left == 0.0:
            return
        try:
            with deadline(self.left):
                job.run()
        except EhrUnavailable as problem:
            LOG.warning("ehr_unavailable reason=%s", problem)
        except Exception as error:
            logged("ehr_read_failed", error)

    def _give_first_pages(self, searches: Sequence["_Search"]) -> None:
        """The first page of every search by one request, from servers that are known to take several at once."""
        queries = [query for search in searches for query in search.queries]
        if not self.vendor.batches or len(queries) < 2:
            return
        try:
            with deadline(self.left):
                answers = dict(zip(queries, first_pages(self.server, queries), strict=True))
        except EhrUnavailable as problem:
            LOG.warning("ehr_batch_unavailable reason=%s", problem)
            return
        for search in searches:
            search.firsts = {q: page for q in search.queries if not isinstance(page := answers[q], EhrUnavailable)}


# ---------------------------------------------------------------- one key


def _queries(vendor: Vendor, template: Template, patient: str, today: date) -> Iterator[Query]:
    """The searches that together answer a template; none for a read."""
    asked = template.parameters(patient, today)
    if not asked:
        return
    count = ("_count", str(vendor.page_size))
    split = vendor.splits.get(template.resource_type)
    narrowed = split is None or any(name == "code" for name, _ in asked)
    for extra in [()] if narrowed or split is None else [((split.parameter, value),) for value in split.values]:
        query = Query(template.resource_type, (*asked, *extra, count))
        by_post = template.resource_type in vendor.post_search or len(query.link) > _LONGEST_ADDRESS
        yield Query(query.type, query.parameters, by_post)


@dataclass(slots=True)
class _Search:
    """One template put to the server."""

    ehr: Ehr
    template: Template
    patient: str
    queries: tuple[Query, ...]
    firsts: Mapping[Query, Json] = field(default_factory=dict)
    found: list[Json] = field(default_factory=list)
    whole: bool = False
    """Set in the end, if everything was read."""

    def run(self) -> None:
        """Read, and keep what is the patient's. Raises `EhrUnavailable`."""
        if self.template.resource_type in self.ehr.vendor.without:
            raise EhrUnavailable(f"{self.ehr.vendor.title} does not offer {self.template.resource_type}")
        if not self.queries:
            self._read()
        for query in self.queries:
            for page in pages(self.ehr.server, query, self.firsts.get(query)):
                self._take(page)
        self.whole = True

    def answer(self) -> Supplied:
        """What it is worth by now."""
        whole, found = self.whole, tuple(self.found)
        if whole:
            return Supplied(self.template, State.PRESENT if found else State.EMPTY, found)
        return Supplied(self.template, State.PARTIAL if found else State.FAILED, found)

    def _read(self) -> None:
        resource = self.ehr.server.get(f"{self.template.resource_type}/{quote(self.patient, safe='')}")
        if (resource.get("resourceType"), resource.get("id")) != (self.template.resource_type, self.patient):
            raise IncompleteSearch("the server answered with another resource than the one asked for")
        self.found.append(resource)

    def _take(self, page: Page) -> None:
        own = [match for match in page.matches if subject_of(match) in (None, self.patient)]
        self.found += own
        if len(own) < len(page.matches):
            raise IncompleteSearch("the server returned data of other patients")
        if page.unreadable or any(remark(outcome) != "remark" for outcome in page.outcomes):
            raise IncompleteSearch("the server says that something is missing")
        if len(self.found) > MOST:
            raise IncompleteSearch(f"there are more than {MOST:,} resources")


@dataclass(slots=True)
class _Look:
    """One Medication that prescriptions refer to."""

    ehr: Ehr
    place: str
    found: Json | None = None

    def run(self) -> None:
        """Read it. Raises `EhrUnavailable`."""
        resource = self.ehr.server.get(self.place)
        if f"{resource.get('resourceType')}/{resource.get('id')}" == self.place:
            self.found = resource
