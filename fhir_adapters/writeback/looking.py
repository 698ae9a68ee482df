"""Is it there already? Asked before anything is sent, and after every answer that did not come."""

from collections.abc import Sequence
from typing import Any

from fhir_adapters.errors import EhrUnavailable, IncompleteSearch
from fhir_adapters.quarantine import Json
from fhir_adapters.search import Query, find, pages
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback.desk import Desk, Park, at_fault, by_age
from fhir_adapters.writeback.states import Claim


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
    found = find(server, by_identifier(type, tenant, value), lambda each: isinstance(each.get("id"), str) and carries(each, tenant, value))
    return sorted({f"{type}/{each['id']}" for each in found}, key=by_age)


def _absent_by_batch(desk: Desk, claims: Sequence[Claim]) -> set[str]:
    unplaced = [claim for claim in claims if claim.place is None and claim.type in desk.abilities.by_id | desk.abilities.searchable]
    entries = [{"request": {"method": "GET", "url": _question(desk, claim)}} for claim in unplaced]
    answer = desk.server.post("", {"resourceType": "Bundle", "type": "batch", "entry": entries}) if entries else {}
    answers = answer.get("entry")
    if not isinstance(answers, list) or len(answers) != len(unplaced):
        return set()
    return {claim.id for claim, entry in zip(unplaced, answers, strict=True) if _says_absent(desk, claim, entry)}


def carries(resource: Json, tenant: str, value: str) -> bool:
    """Whether a resource has our identifier."""
    identifiers = resource.get("identifier")
    ours = (f"urn:almoner:{tenant}", value)
    return any(
        isinstance(each, dict) and (each.get("system"), each.get("value")) == ours
        for each in (identifiers if isinstance(identifiers, list) else [])
    )


def _question(desk: Desk, claim: Claim) -> str:
    return f"{claim.type}/{claim.id}" if claim.type in desk.abilities.by_id else _asked(desk, claim).link


def _asked(desk: Desk, claim: Claim) -> Query:
    return by_identifier(claim.type, desk.policy.tenant, claim.value)


def by_identifier(type: str, tenant: str, value: str) -> Query:
    """The search for what carries our identifier."""
    return Query(type, (("identifier", f"urn:almoner:{tenant}|{value}"),))


def _says_absent(desk: Desk, claim: Claim, entry: Any) -> bool:
    """Whether an entry of a batch's answer leaves no doubt; otherwise the write is looked at by itself."""
    response = entry.get("response") if isinstance(entry, dict) else None
    status = str(response.get("status"))[:3] if isinstance(response, dict) else ""
    if claim.type in desk.abilities.by_id:
        return status == "404"
    page = entry.get("resource") if status == "200" else None
    if not isinstance(page, dict):
        return False
    try:
        return not any(each.matches or each.unreadable for each in pages(desk.server, _asked(desk, claim), page))
    except IncompleteSearch:
        return False


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
