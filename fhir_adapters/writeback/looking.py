"""Is it there already? Asked before anything is sent, and after every answer that did not come."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback.desk import Desk, Park, at_fault, by_age
from fhir_adapters.writeback.states import Claim

_MOST_PAGES: Final = 20


def standing(desk: Desk, claim: Claim) -> list[str]:
    """Where the resource of ``claim`` stands on the server, the lowest id first; empty if it does not.

    Raises `Park` if it was deleted there, if its id is another resource's, or if this server offers no way to tell.
    """
    if claim.place is not None:
        return [claim.place]
    if claim.type not in desk.abilities.by_id:
        if claim.type not in desk.abilities.searchable:
            raise Park("no-safe-way")
        return identified(desk.server, claim.type, desk.policy.tenant, claim.value)
    place = f"{claim.type}/{claim.id}"
    try:
        found = desk.server.get(place)
    except EhrUnavailable as error:
        return _absence(error)
    if not carries(found, desk.policy.tenant, claim.value):
        raise Park("id-taken")
    return [place]


def absent(desk: Desk, claims: Sequence[Claim]) -> set[str]:
    """The ids of those that surely do not stand on the server: with one request where it takes batches.

    Who is not among them is to be looked at alone: it stands there, or the answer leaves a doubt.
    """
    try:
        return _absent_by_batch(desk, claims) if desk.abilities.batch else {each.id for each in claims if _surely_absent(desk, each)}
    except EhrUnavailable as error:
        if at_fault(error):
            raise
        return set()


def identified(server: FhirServer, type: str, tenant: str, value: str) -> list[str]:
    """The places of all resources of ``type`` with our identifier, the lowest id first. Raises `IncompleteSearch` if one may be missing."""
    found = matching(server, type, {"identifier": f"urn:almoner:{tenant}|{value}"}, lambda each: carries(each, tenant, value))
    return sorted({f"{type}/{each['id']}" for each in found}, key=by_age)


def matching(server: FhirServer, type: str, wanted: dict[str, str], fits: Callable[[Json], bool]) -> list[Json]:
    """The resources that a search finds and that fit: a lenient server may show everything. Raises `IncompleteSearch`, `EhrUnavailable`."""
    link: str | None = f"{type}?{urlencode(wanted)}"
    found: list[Json] = []
    for _ in range(_MOST_PAGES):
        page = _page(server, link or "")
        if not heeded(page, wanted):
            raise IncompleteSearch("the server ignored the search parameter")
        found += [each for each in _resources(page) if each.get("resourceType") == type and isinstance(each.get("id"), str) and fits(each)]
        link = _link(page, "next")
        if link is None:
            return found
        link = server.resolve(link, rebase=True)
    raise IncompleteSearch("the search has too many pages")


def _page(server: FhirServer, link: str) -> Json:
    try:
        return server.get(link, strict=True)
    except EhrUnavailable as error:
        if error.status != 400:
            raise
        return server.get(link)


def carries(resource: Json, tenant: str, value: str) -> bool:
    """Whether a resource has our identifier."""
    identifiers = resource.get("identifier")
    ours = (f"urn:almoner:{tenant}", value)
    return any(
        isinstance(each, dict) and (each.get("system"), each.get("value")) == ours
        for each in (identifiers if isinstance(identifiers, list) else [])
    )


def heeded(page: Json, wanted: Iterable[str]) -> bool:
    """Whether the server used the parameters, as far as its ``self`` link tells. Raises `IncompleteSearch` if it is no Bundle."""
    if page.get("resourceType") != "Bundle":
        raise IncompleteSearch("the answer is not a Bundle")
    used = {name for name, _ in parse_qsl(urlsplit(_link(page, "self") or "").query)}
    return not used or used >= set(wanted)


def _absent_by_batch(desk: Desk, claims: Sequence[Claim]) -> set[str]:
    unplaced = [claim for claim in claims if claim.place is None and claim.type in desk.abilities.by_id | desk.abilities.searchable]
    entries = [{"request": {"method": "GET", "url": _question(desk, claim)}} for claim in unplaced]
    answer = desk.server.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}) if entries else {}
    answers = answer.get("entry")
    if not isinstance(answers, list) or len(answers) != len(unplaced):
        return set()
    return {claim.id for claim, entry in zip(unplaced, answers, strict=True) if _says_absent(entry, claim.type in desk.abilities.by_id)}


def _question(desk: Desk, claim: Claim) -> str:
    if claim.type in desk.abilities.by_id:
        return f"{claim.type}/{claim.id}"
    return f"{claim.type}?identifier={quote(f'urn:almoner:{desk.policy.tenant}|{claim.value}', safe='')}"


def _says_absent(entry: Any, by_id: bool) -> bool:
    """Whether an entry of a batch's answer leaves no doubt; otherwise the write is looked at by itself."""
    response = entry.get("response") if isinstance(entry, dict) else None
    status = str(response.get("status"))[:3] if isinstance(response, dict) else ""
    if by_id:
        return status == "404"
    page = entry.get("resource") if status == "200" else None
    if not isinstance(page, dict) or page.get("resourceType") != "Bundle" or not heeded(page, ["identifier"]):
        return False
    return not list(_resources(page)) and _link(page, "next") is None


def _surely_absent(desk: Desk, claim: Claim) -> bool:
    try:
        return not standing(desk, claim)
    except Park:
        return False


def _absence(error: EhrUnavailable) -> list[str]:
    if error.status == 410:
        raise Park("deleted-there") from None
    if error.status != 404:
        raise error
    return []


def _resources(page: Json) -> Iterable[Json]:
    entries = page.get("entry")
    for entry in entries if isinstance(entries, list) else []:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if isinstance(resource, dict):
            yield resource


def _link(page: Json, relation: str) -> str | None:
    links = page.get("link")
    for each in links if isinstance(links, list) else []:
        if isinstance(each, dict) and each.get("relation") == relation and isinstance(each.get("url"), str):
            return str(each["url"])
    return None
