"""One search, page by page, with what shows that an answer lacks something, or answers another question."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import FhirServer

_GONE: Final = frozenset({404, 410})
_MOST_EMPTY_PAGES: Final = 20
_MOST_RESTARTS: Final = 2
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_SYNONYMS: Final = {"patient": "subject", "subject": "patient"}
_RESULT_PARAMETERS: Final = frozenset(
    {"_count", "_elements", "_format", "_include", "_offset", "_pretty", "_revinclude", "_sort", "_summary", "_total"}
)
"""They say how to show what was found, not what to find: a server may leave them out of its ``self`` link."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is searched for: resources of a type, by search parameters in order."""

    type: str
    parameters: tuple[tuple[str, str], ...] = ()
    by_post: bool = False
    """Send the parameters in the body: an address ends up in logs, and these may name a patient."""

    @property
    def link(self) -> str:
        """As a GET."""
        return f"{self.type}?{urlencode(self.parameters)}" if self.parameters else self.type


@dataclass(frozen=True, slots=True)
class Page:
    """The entries of one page."""

    matches: tuple[Json, ...]
    included: tuple[Json, ...]
    """Resources that came along because of ``_include`` or ``_revinclude``."""
    outcomes: tuple[Json, ...]
    """OperationOutcomes among the entries."""
    unreadable: int
    """Entries without a resource."""

    @property
    def remarks(self) -> int:
        """How many OperationOutcomes there are."""
        return len(self.outcomes)

    @property
    def entries(self) -> int:
        """All of them."""
        return len(self.matches) + len(self.included) + self.remarks + self.unreadable


def find(server: FhirServer, query: Query, keep: Callable[[Json], bool]) -> list[Json]:
    """All matches that ``keep`` says were really asked for: a lenient server may have left a parameter out.

    Raises `EhrUnavailable`, and `IncompleteSearch` if something may be missing.
    """
    return [match for page in pages(server, query) for match in page.matches if keep(match)]


def pages(server: FhirServer, query: Query, first: Json | None = None) -> Iterator[Page]:
    """The pages of a search, ``first`` if it is at hand already. A match may come twice if pages were gone and had to be read again.

    Raises `EhrUnavailable`, and `IncompleteSearch` (after what could be shown) if the answer may lack something.
    """
    for restart in range(_MOST_RESTARTS + 1):
        run = _Run(server, query)
        try:
            yield from run.pages(first if restart == 0 else None)
            return
        except EhrUnavailable as error:
            if error.status not in _GONE or not run.visited or restart == _MOST_RESTARTS:
                raise
    raise IncompleteSearch("the pages of the search were gone again and again")


@dataclass(slots=True)
class _Run:
    """One pass through the pages."""

    server: FhirServer
    query: Query
    visited: set[str] = field(default_factory=set)
    seen: set[str] = field(default_factory=set)
    total: int | None = None
    empty: int = 0

    def pages(self, first: Json | None) -> Iterator[Page]:
        url: str | None = self.server.resolve(self.query.link)
        while url is not None:
            if url in self.visited:
                raise IncompleteSearch("the links to the next page run in a circle")
            bundle = first if first is not None and not self.visited else self._ask(url)
            if bundle.get("resourceType") != "Bundle":
                raise IncompleteSearch("the answer is not a Bundle")
            if not self.visited:
                self._check_parameters(bundle)
            self.visited.add(url)
            yield self._read(bundle)
            url = self._next(bundle, url)
        if self.total is not None and self.total != len(self.seen):
            raise IncompleteSearch(f"the server said {self.total} and showed {len(self.seen)}")

    def _ask(self, url: str) -> Json:
        """A page; strictly first, so that a server refuses parameters that it does not know instead of leaving them out."""
        try:
            return self._page(url, strict=True)
        except EhrUnavailable as error:
            if error.status != 400:
                raise
            return self._page(url, strict=False)

    def _page(self, url: str, *, strict: bool) -> Json:
        if self.query.by_post and not self.visited:
            headers = _FORM | ({"Prefer": "handling=strict"} if strict else {})
            body = urlencode(self.query.parameters).encode()
            return self.server.ask("POST", f"{self.query.type}/_search", body, headers=headers, repeatable=True).body or {}
        return self.server.get(url, strict=strict)

    def _check_parameters(self, bundle: Json) -> None:
        """A server that does not know a parameter leaves it out of its ``self`` link; what it found answers another question."""
        used = {_name(name) for name, _ in parse_qsl(urlsplit(_link(bundle, "self") or "").query, keep_blank_values=True)}
        if not used:
            return
        for name in (_name(each) for each, _ in self.query.parameters):
            if name not in _RESULT_PARAMETERS and name not in used and _SYNONYMS.get(name) not in used:
                raise IncompleteSearch(f"the server ignored the {name} parameter")

    def _read(self, bundle: Json) -> Page:
        entries = [] if bundle.get("entry") is None else bundle["entry"]
        if not isinstance(entries, list):
            raise IncompleteSearch("the entries of the Bundle are not a list")
        resources = [entry.get("resource") if isinstance(entry, dict) else None for entry in entries]
        usable = [r for r in resources if isinstance(r, dict) and isinstance(r.get("resourceType"), str)]
        outcomes = tuple(r for r in usable if r["resourceType"] == "OperationOutcome")
        matches = tuple(r for r in usable if r["resourceType"] == self.query.type)
        included = tuple(r for r in usable if r["resourceType"] not in (self.query.type, "OperationOutcome"))
        self._note(matches, bundle.get("total"))
        return Page(matches, included, outcomes, len(resources) - len(usable))

    def _note(self, matches: tuple[Json, ...], total: Any) -> None:
        before = len(self.seen)
        self.seen.update(str(match.get("id")) for match in matches)
        if matches and len(self.seen) == before:
            raise IncompleteSearch("a page came twice")
        self.total = total if isinstance(total, int) and not isinstance(total, bool) else self.total
        self.empty = 0 if matches else self.empty + 1

    def _next(self, bundle: Json, url: str) -> str | None:
        link = _link(bundle, "next")
        if link is None:
            return None
        if self.empty > _MOST_EMPTY_PAGES:
            raise IncompleteSearch("page after page came empty")
        return self.server.resolve(link, url, rebase=True)


def _name(parameter: str) -> str:
    """Without modifier and chain: ``subject:Patient.name`` asks by ``subject``."""
    return parameter.split(":")[0].split(".")[0]


def _link(page: Json, relation: str) -> str | None:
    links = page.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == relation and isinstance(link.get("url"), str):
            return str(link["url"])
    return None
