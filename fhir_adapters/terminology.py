"""Value sets spelled out by a FHIR terminology server (``ValueSet/$expand``), page by page; what is not certainly whole is refused.

A set that lacks codes misses people without a word, so nothing that a server says about completeness is taken on trust.
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal
from urllib.parse import urlencode

from fhir_adapters.errors import EhrUnavailable, ExpansionRefused
from fhir_adapters.outcomes import plain_words
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import FhirServer
from rules.facts import Coding

PAGE: Final = 1000
"""Codes asked for at a time."""
_MOST: Final = 1_000_000
_EXPAND: Final = "ValueSet/$expand"
_MARKS: Final = {
    "http://hl7.org/fhir/StructureDefinition/valueset-toocostly": "the server shows only a part of it, because the whole is too large",
    "http://hl7.org/fhir/StructureDefinition/valueset-unclosed": "the server says that it cannot list the whole of it",
}
"""Extensions by which a server says that the expansion is not the whole set."""
_KEPT: Final[tuple[str, ...]] = (
    *("url", "version", "name", "title", "status", "date"),
    *("publisher", "copyright", "effectivePeriod", "extension"),
)
"""What is kept of a value set beside its expansion."""

Operator = Literal["is-a", "descendent-of"]


@dataclass(frozen=True, slots=True)
class Expansion:
    """A value set, whole. Abstract and inactive codes are left out."""

    names: dict[Coding, str]
    """Code → its display, empty if the server gave none; sorted by system and code."""
    version: str
    """What the server said it expanded: the value set's version, or ``system|version`` of the code systems."""
    inactive: int
    """How many codes were left out because they are inactive."""
    resource: Json
    """The same as a FHIR ValueSet."""

    def text(self) -> str:
        """`resource` as the text of a file, one code a line, so that two versions can be compared."""
        lines = [json.dumps(entry, ensure_ascii=False) for entry in self.resource["expansion"]["contains"]]
        head = json.dumps(self.resource | {"expansion": self.resource["expansion"] | {"contains": []}}, indent=2, ensure_ascii=False)
        start, _, end = head.rpartition("[]")
        return f"{start}[\n      " + ",\n      ".join(lines) + f"\n    ]{end}\n"


def expand(server: FhirServer, url: str, version: str | None = None) -> Expansion:
    """The published value set ``url``, in ``version`` if one is given.

    Raises:
        ExpansionRefused: the server does not know it, shows it incompletely, in another version, or empty.
        EhrUnavailable: the server cannot be reached, or failed.
    """
    asked = {"url": url} | ({"valueSetVersion": version} if version else {}) | {"activeOnly": "true", "excludeNested": "true"}
    pages = _Pages(lambda offset: server.get(f"{_EXPAND}?{urlencode(asked | {'offset': str(offset), 'count': str(PAGE)})}"))
    first = pages.read()
    if first.get("url") not in (None, url):
        raise ExpansionRefused("the server answered with another value set than the one asked for")
    said = first.get("version") or next((v.rpartition("|")[2] for v in pages.used("used-valueset") if v.startswith(f"{url}|")), "")
    if version and said != version:
        raise ExpansionRefused(f"version {version} was asked for, and the server expanded {said or 'one that it does not name'}")
    return _expansion(pages, {key: first[key] for key in _KEPT if key in first} | {"url": url}, str(said))


def expand_hierarchy(server: FhirServer, operator: Operator, roots: Sequence[Coding], version: str | None = None) -> Expansion:
    """Everything below ``roots`` in their code systems; with ``is-a`` the roots too. ``version`` is that of the code systems.

    Raises:
        ExpansionRefused, EhrUnavailable: as `expand`.
    """
    compose = {"include": [_include(operator, root, version) for root in sorted(roots)]}
    asked = {"resourceType": "ValueSet", "status": "active", "compose": compose}
    pages = _Pages(lambda offset: server.post(_EXPAND, _parameters(asked, offset)))
    pages.read()
    systems = {root.system for root in roots}
    said = [v for name in ("used-codesystem", "version") for v in pages.used(name) if v.partition("|")[0] in systems]
    for system in sorted(systems) if version else ():
        if not any(v == f"{system}|{version}" or v.startswith(f"{system}|{version}/version/") for v in said):
            raise ExpansionRefused(f"version {version} of {system} was asked for, and the server does not say that it used it")
    return _expansion(pages, asked, " ".join(dict.fromkeys(said)))


def _include(operator: Operator, root: Coding, version: str | None) -> Json:
    condition = {"property": "concept", "op": operator, "value": root.code}
    return {"system": root.system} | ({"version": version} if version else {}) | {"filter": [condition]}


def _parameters(asked: Json, offset: int) -> Json:
    parameters: list[Json] = [{"name": name, "valueBoolean": True} for name in ("activeOnly", "excludeNested")]
    parameters += [{"name": "offset", "valueInteger": offset}, {"name": "count", "valueInteger": PAGE}]
    return {"resourceType": "Parameters", "parameter": [{"name": "valueSet", "resource": asked}, *parameters]}


def _expansion(pages: "_Pages", head: Json, version: str) -> Expansion:
    names = {code: pages.names[code] for code in sorted(pages.names)}
    if not names:
        raise ExpansionRefused("the server's expansion has no codes" + (" that are active" if pages.inactive else ""))
    contains = [{"system": c.system, "code": c.code} | ({"display": name} if name else {}) for c, name in names.items()]
    expansion = {"timestamp": pages.timestamp, "total": len(contains), "parameter": pages.parameters, "contains": contains}
    filled = {key: value for key, value in expansion.items() if value}
    resource = {"resourceType": "ValueSet"} | {"status": "unknown"} | head | {"expansion": filled}
    return Expansion(names, version, pages.inactive, resource)


@dataclass(slots=True)
class _Pages:
    """One expansion, page by page."""

    ask: Callable[[int], Json]
    """The page that begins after so many entries."""
    names: dict[Coding, str] = field(default_factory=dict)
    seen: set[Coding] = field(default_factory=set)
    entries: int = 0
    on_last_page: int = 0
    inactive: int = 0
    total: int | None = None
    timestamp: str = ""
    parameters: list[Json] = field(default_factory=list)

    def read(self) -> Json:
        """Read all pages; gives the first."""
        first = self._page(0)
        self.timestamp = str(first["expansion"].get("timestamp") or datetime.now(UTC).isoformat(timespec="seconds"))
        self.parameters = [p for p in _list(first["expansion"].get("parameter")) if isinstance(p, dict) and p.get("name") != "offset"]
        brought = self._take(first["expansion"])
        while self._more(brought):
            brought = self._take(self._page(self.entries)["expansion"])
        if self.total is not None and self.total not in (self.entries, len(self.seen)):
            raise ExpansionRefused(f"the server said {self.total} codes and showed {len(self.seen)}")
        return first

    def used(self, name: str) -> list[str]:
        """The values of a parameter of the expansion, such as ``used-codesystem``."""
        found = (p.get("valueUri") or p.get("valueCanonical") for p in self.parameters if p.get("name") == name)
        return [value for value in found if isinstance(value, str)]

    def _page(self, offset: int) -> Json:
        try:
            answer = self.ask(offset)
        except ExpansionRefused:
            raise
        except EhrUnavailable as error:
            if error.status is None:
                raise
            raise ExpansionRefused(plain_words(error.outcome, error.status), error.status) from None
        if answer.get("resourceType") == "OperationOutcome":
            raise ExpansionRefused(plain_words(answer, 200), 200)
        expansion = answer.get("expansion")
        if answer.get("resourceType") != "ValueSet" or not isinstance(expansion, dict):
            raise ExpansionRefused("the server's answer is not an expanded value set: is it a terminology server?")
        _refuse_parts(answer, expansion)
        return answer

    def _take(self, expansion: Json) -> int:
        """Keep what a page brings; gives how many of its entries are new."""
        total = expansion.get("total")
        if isinstance(total, int) and not isinstance(total, bool):
            if self.total not in (None, total):
                raise ExpansionRefused("the set changed while it was read; ask again")
            self.total = total
        before, entries = len(self.seen), self.entries
        for entry in _flat(expansion.get("contains")):
            self.entries += 1
            self._keep(entry)
        self.on_last_page = self.entries - entries
        if self.entries > _MOST:
            raise ExpansionRefused(f"it has more than {_MOST:,} codes")
        return len(self.seen) - before

    def _keep(self, entry: Json) -> None:
        system, code = entry.get("system"), entry.get("code")
        if not isinstance(code, str) or not code:
            return  # a heading
        if not isinstance(system, str) or not system:
            raise ExpansionRefused(f"the code {code} comes without its code system")
        coding = Coding(system, code)
        self.seen.add(coding)
        if entry.get("inactive"):
            self.inactive += 1
        elif not entry.get("abstract"):
            display = entry.get("display")
            self.names[coding] = display if isinstance(display, str) else ""

    def _more(self, brought: int) -> bool:
        """Whether to ask for another page after one that brought so many new codes."""
        if self.total is not None:
            if brought == 0 and self.entries < self.total:
                raise ExpansionRefused(f"the server said {self.total} codes and showed {len(self.seen)}")
            return self.entries < self.total and len(self.seen) < self.total
        # Without a total, only a page that is exactly full leaves something open: a server that cannot page gives everything at once.
        if self.on_last_page == PAGE and brought == 0:
            raise ExpansionRefused("the server does not say how many codes there are, and shows the same page again")
        return self.on_last_page == PAGE


def _refuse_parts(*marked: Json) -> None:
    for element in marked:
        for extension in _list(element.get("extension")):
            if isinstance(extension, dict) and extension.get("valueBoolean") is True and extension.get("url") in _MARKS:
                raise ExpansionRefused(_MARKS[extension["url"]])
        for parameter in _list(element.get("parameter")):
            if isinstance(parameter, dict) and parameter.get("name") == "limitedExpansion" and parameter.get("valueBoolean") is True:
                raise ExpansionRefused("the server shows only a part of it")


def _flat(contains: Any) -> Iterator[Json]:
    """Every entry of an expansion, however deep it stands."""
    waiting = [(entry, None) for entry in reversed(_list(contains))]
    while waiting:
        entry, around = waiting.pop()
        if not isinstance(entry, dict):
            raise ExpansionRefused("the expansion holds something that is no entry")
        system = entry.get("system", around)
        yield entry | ({"system": system} if system else {})
        waiting += [(inner, system) for inner in reversed(_list(entry.get("contains")))]


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
