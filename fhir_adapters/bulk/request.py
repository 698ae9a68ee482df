"""What is asked of a server: everybody, one group, or the whole system; which types; since when."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote, urlencode

import orjson

from fhir_adapters.bulk.versions import NEWEST, VERSIONS
from fhir_adapters.errors import PullConflict
from fhir_adapters.quarantine import Json

Level = Literal["patient", "group", "system"]
_VALUES: Final = {"_since": "valueInstant", "_until": "valueInstant", "allowPartialManifests": "valueBoolean"}


class KickOff(NamedTuple):
    """The request that begins an export."""

    method: str
    link: str
    body: Json | None


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """One export. Times are FHIR instants, as the server gave them or with a zone; empty means: not asked for."""

    types: tuple[str, ...]
    level: Level = "patient"
    group: str = ""
    since: str = ""
    until: str = ""
    type_filters: tuple[str, ...] = ()
    """Searches such as ``Observation?category=survey``; of one type, any may match."""
    elements: tuple[str, ...] = ()
    organize_by: str = ""
    """A resource type: files then hold its instances, each followed by all that refers to it."""
    partial: bool = False
    """Whether the server may show files before all are ready."""
    post: bool = False
    version: str = NEWEST

    def kick_off(self) -> KickOff:
        """The request to send. Raises `PullConflict` if this version of the specification has no word for something."""
        known, given = VERSIONS[self.version], dict.fromkeys(name for name, _ in self.parameters())
        if strange := [name for name in given if name not in known.parameters]:
            raise PullConflict(f"Bulk Data {self.version} has no {', '.join(strange)}: leave it out, or name a newer version")
        if not self.post:
            query = urlencode([(name, _text(value)) for name, value in self.parameters()], quote_via=quote)
            return KickOff("GET", f"{self.link()}?{query}", None)
        if not known.posts:
            raise PullConflict(f"Bulk Data {self.version} begins an export by GET only")
        listed = [{"name": name, _VALUES.get(name, "valueString"): value} for name, value in self.parameters()]
        return KickOff("POST", self.link(), {"resourceType": "Parameters", "parameter": listed})

    def link(self) -> str:
        """The operation, below the server's base URL."""
        owner = {"patient": "Patient/", "group": f"Group/{quote(self.group, safe='')}/", "system": ""}[self.level]
        return f"{owner}$export"

    def parameters(self) -> Iterator[tuple[str, str | bool]]:
        """Names and values. Types stand in one parameter: Oracle Health does not take a repeated one."""
        yield "_type", ",".join(self.types)
        yield from (("_typeFilter", query) for query in self.type_filters)
        if self.elements:
            yield "_elements", ",".join(self.elements)
        times = {"_since": self.since, "_until": self.until, "organizeOutputBy": self.organize_by}
        yield from ((name, value) for name, value in times.items() if value)
        if self.partial:
            yield "allowPartialManifests", True

    def scope(self) -> str:
        """What two pulls into one folder must have in common: whom and what they are about, whenever and of whichever types."""
        kept = {"level": self.level, "group": self.group, "typeFilters": sorted(self.type_filters), "elements": sorted(self.elements)}
        return orjson.dumps(kept).decode()

    def everybody(self) -> bool:
        """Whether this is about all people, so that those at one address are all there."""
        return self.level != "group" and not any(query.startswith("Patient?") for query in self.type_filters)

    def whole_server(self) -> bool:
        """Whether every resource of the types is asked for, so that the server's own count must agree."""
        return self.level == "system" and not (self.since or self.until or self.type_filters or self.organize_by)

    def to_json(self) -> str:
        """For the state."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> "ExportRequest":
        """What `to_json` wrote."""
        found: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in orjson.loads(text).items()}
        return cls(**found)


def _text(value: str | bool) -> str:
    return value if isinstance(value, str) else str(value).lower()
