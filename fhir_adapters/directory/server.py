"""Reading the listings of a FHIR server: every HealthcareService with its Organizations, Locations and verifications."""

from typing import Any

from fhir_adapters.directory.fhir_services import TYPES
from fhir_adapters.directory.model import Service
from fhir_adapters.directory.source import Intake
from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.mapping import Outcome
from fhir_adapters.quarantine import Json
from fhir_adapters.report import Part, Report
from fhir_adapters.transport import FhirServer


def read_server(server: FhirServer, name: str = "server", page_size: int = 200) -> tuple[list[Service], Report]:
    """The services that a server lists. No question names a person.

    Raises `EhrUnavailable` if its HealthcareServices cannot be read whole; what failed of the other types is in the report's notes.
    """
    intake = Intake(name)
    for kind in TYPES:
        try:
            _search(server, kind, page_size, intake)
        except EhrUnavailable as error:
            if kind == "HealthcareService":
                raise
            intake.report.notes.append(f"{kind}: {error}")
    return intake.services(), intake.report


def _search(server: FhirServer, kind: str, page_size: int, intake: Intake) -> None:
    part = intake.report.part(kind)
    url: str | None = server.resolve(f"{kind}?_count={page_size}")
    visited: set[str] = set()
    seen: set[Any] = set()
    total = None
    while url is not None:
        if url in visited:
            raise IncompleteSearch("the links to the next page run in a circle")
        visited.add(url)
        page = server.get(url)
        if page.get("resourceType") != "Bundle":
            raise IncompleteSearch("the answer is not a Bundle")
        seen |= _take(page, kind, part, intake)
        given = page.get("total")
        total = given if isinstance(given, int) else total
        url = _next(server, page, url)
    if total is not None and total != len(seen):
        raise IncompleteSearch(f"the server said {total} and showed {len(seen)}")


def _take(page: Json, kind: str, part: Part, intake: Intake) -> set[Any]:
    """Take in the resources of a page; their ids."""
    part.lines += 1
    part.count(Outcome.OPENED, "Bundle")
    seen = set()
    entries = page.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        part.entries += 1
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict) and resource.get("resourceType") == kind:
            seen.add(resource.get("id"))
            intake.resource(resource, part)
        else:
            part.count(Outcome.IGNORED, "Bundle")
    return seen


def _next(server: FhirServer, page: Json, url: str) -> str | None:
    links = page.get("link")
    found = (
        link.get("url") for link in (links if isinstance(links, list) else []) if isinstance(link, dict) and link.get("relation") == "next"
    )
    link = next(found, None)
    return server.resolve(link, url) if isinstance(link, str) else None
