"""What a reader asks of the findings: which people, in which order, which page. Never who: names stay out of addresses."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Final

from plugin.findings.index import Facets, ListedRule, SweepIndex
from plugin.translations import marked
from rules.grammar import LEVELS

PAGE_SIZE: Final = 50
VIEWS: Final = {"act": marked("To act on"), "ask": marked("Could not tell")}
SORTS: Final = {"priority": marked("Priority"), "name": marked("Name")}
NO_LANGUAGE: Final = "unknown"
LEVEL_NAMES: Final = {"act": marked("act"), "watch": marked("watch"), "prevent": marked("prevent")}
"""The levels of rules, which staff read as well."""


@dataclass(frozen=True, slots=True)
class Query:
    """Filters, order and page. An empty filter lets everybody pass."""

    view: str = "act"
    rule: str = ""
    level: str = ""
    language: str = ""
    sort: str = "priority"
    page: int = 1

    @property
    def filtered(self) -> bool:
        """Whether a filter narrows the list."""
        return bool(self.rule or self.level or self.language)

    @property
    def arguments(self) -> dict[str, str | int]:
        """Those that are not the default, for a link."""
        usual = asdict(Query())
        return {key: value for key, value in asdict(self).items() if value != usual[key]}

    def but(self, **changes: str | int) -> dict[str, str | int]:
        """The arguments of a link to the same list with ``changes``; the first page unless they name one."""
        return replace(self, **({"page": 1} | changes)).arguments  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows."""

    rows: tuple[int, ...]
    total: int
    number: int
    pages: int

    @property
    def first(self) -> int:
        """Place of the first row among all, from 1; 0 if there is none."""
        return (self.number - 1) * PAGE_SIZE + 1 if self.rows else 0

    @property
    def last(self) -> int:
        """Place of the last row among all."""
        return self.first + len(self.rows) - 1 if self.rows else 0


def query_from(arguments: Mapping[str, str]) -> Query:
    """What the address asks for. Whatever has no meaning counts as not asked."""
    page = arguments.get("page", "")
    return Query(
        view=_known(arguments, "view", VIEWS, "act"),
        rule=arguments.get("rule", ""),
        level=_known(arguments, "level", LEVELS, ""),
        language=arguments.get("language", ""),
        sort=_known(arguments, "sort", SORTS, "priority"),
        page=max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 10 else 1,
    )


def _known(arguments: Mapping[str, str], key: str, allowed: Mapping[str, str] | tuple[str, ...], default: str) -> str:
    value = arguments.get(key, default)
    return value if value in allowed else default


def page_of(index: SweepIndex, query: Query) -> Page:
    """The page that ``query`` asks for; the last one if it asks for more."""
    found = tuple(_rows(index, query))
    pages = max(1, -(-len(found) // PAGE_SIZE))
    number = min(query.page, pages)
    return Page(found[(number - 1) * PAGE_SIZE : number * PAGE_SIZE], len(found), number, pages)


def _rows(index: SweepIndex, query: Query) -> Iterator[int]:
    matching = frozenset(number for number, facets in enumerate(index.facets) if matches(facets, query, index.rules))
    order = index.by_name if query.sort == "name" else index.by_priority
    return (row for row in order if index.facets_of[row] in matching)


def matches(facets: Facets, query: Query, rules: Mapping[str, ListedRule]) -> bool:
    """Whether people with these facets belong on the list. One finding has to fit both rule and level."""
    if facets.to_act != (query.view == "act"):
        return False
    if query.language and query.language != (facets.language or NO_LANGUAGE):
        return False
    if not (query.rule or query.level):
        return True
    findings = facets.yes if query.view == "act" else facets.unknown
    return any(rule == (query.rule or rule) and rules[rule].level == (query.level or rules[rule].level) for rule in findings)


def counts(index: SweepIndex) -> dict[str, int]:
    """View → how many people stand in it."""
    total = dict.fromkeys(VIEWS, 0)
    for number in index.facets_of:
        total["act" if index.facets[number].to_act else "ask"] += 1
    return total
