"""How far an export is, and what it has brought so far: one question to the server, and one for each further page."""

from collections.abc import Mapping
from dataclasses import dataclass

from fhir_adapters.bulk.manifest import MOST_PAGES, Manifest, Page, joined, read_page
from fhir_adapters.bulk.versions import EXPORT_STATUS
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import Answer, FhirServer
from fhir_adapters.transport.limits import retry_after

_LONGEST_PROGRESS = 100


@dataclass(frozen=True, slots=True)
class Status:
    """The answer. ``manifest`` is ``None`` while there is none; see there whether it is complete."""

    manifest: Manifest | None
    pages: tuple[Page, ...]
    progress: str
    wait: float | None
    """Seconds after which to ask again, as the server wishes."""


def ask_status(server: FhirServer, url: str) -> Status:
    """Ask at the address that the kick-off gave. Raises `EhrUnavailable` if the export failed, is forgotten, or is not to be asked now."""
    first = _ask(server, url)
    code = _code(first)
    if first.body is None or "transactionTime" not in first.body:
        if code != 202:
            raise EhrUnavailable("the server says that the export is done, and shows no manifest", again=True)
        return Status(None, (), progress(first.headers), retry_after(first.headers.get("Retry-After")))
    pages = [read_page(first.body, url)]
    complete, seen = code == 200, {url}
    while pages[-1].next:
        link = pages[-1].next
        if link in seen or len(pages) == MOST_PAGES:
            raise EhrUnavailable("the pages of the server's manifest have no end")
        seen.add(link)
        answer = _ask(server, link)
        complete &= _code(answer) == 200
        if answer.body is None:
            break
        pages.append(read_page(answer.body, link))
    if complete and pages[-1].next:
        complete = False
    return Status(joined(pages, complete=complete), tuple(pages), progress(first.headers), retry_after(first.headers.get("Retry-After")))


def progress(headers: Mapping[str, str]) -> str:
    """What the server says about how far it is, in one line of at most 100 characters."""
    text = headers.get("X-Progress", "")
    return "".join(character for character in text if character.isprintable())[:_LONGEST_PROGRESS]


def _ask(server: FhirServer, url: str) -> Answer:
    return server.ask("GET", server.resolve(url, rebase=True), headers={"Accept": "application/json"})


def _code(answer: Answer) -> int:
    """The status of the export. Raises `EhrUnavailable` if it says in 4.0's way, beside an answer that is fine, that the export failed."""
    code = answer.headers.get(EXPORT_STATUS, "")[:3]
    if not code.isdecimal():
        return answer.status
    if int(code) >= 400:
        raise EhrUnavailable(f"the export failed on the server (HTTP {code})", int(code), answer.body)
    return int(code)
