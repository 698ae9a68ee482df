"""Several new resources in one transaction: all of it or nothing, with an outcome for each entry."""

from collections.abc import Sequence
from typing import Any

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.writeback.creating import fit, if_none_exist
from fhir_adapters.writeback.desk import Desk, at_fault, place_of
from fhir_adapters.writeback.gate import Gate, asked
from fhir_adapters.writeback.intent import URN, referring
from fhir_adapters.writeback.looking import absent
from fhir_adapters.writeback.states import Claim, Settled, State


def create_together(desk: Desk, claims: Sequence[Claim], gate: Gate) -> list[Claim]:
    """Send those that surely are not on the server yet, in one transaction. Returns the claims that must be seen to one by one.

    One bad entry makes the server refuse the whole: then all are seen to one by one, and only the bad one is parked. So they are where
    ``gate`` keeps one of them back.
    """
    group = _closed(claims, absent(desk, claims) & {claim.id for claim in claims if claim.type in desk.abilities.takes})
    if len(group) < 2 or any(asked(desk, claim, gate) is not None for claim in group):
        return list(claims)
    entries = [entry for claim in group for entry in entries_of(desk, claim, group)]
    try:
        answer = desk.write("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}, group)
    except EhrUnavailable as error:
        if at_fault(error) and error.status not in (409, 412):
            raise
        return list(claims)
    each = len(entries) // len(group)
    answers = (answer.body or {}).get("entry")
    places = _places(answers[::each], group) if isinstance(answers, list) and len(answers) == len(entries) else {}
    for claim in group:
        if claim.id in places:
            desk.landed(claim, [places[claim.id]])
            desk.ledger.settle(claim, Settled(State.SENT))
    return [claim for claim in claims if claim.id not in places]


def entries_of(desk: Desk, claim: Claim, group: Sequence[Claim]) -> list[Json]:
    """The entries of a transaction for one claim: the resource and, if the server takes it, its Provenance."""
    places = {id: place for id, place in claim.needs.items() if place} | desk.places
    places |= {other.id: f"{other.type}/{other.id}" for other in group if other.type in desk.abilities.by_id}
    found = [_entry(desk, claim.body | {"id": claim.id}, places, if_none_exist(desk, claim, "ifNoneExist"))]
    return [*found, _entry(desk, claim.provenance, places, {})] if "Provenance" in desk.abilities.takes else found


def _entry(desk: Desk, resource: Json, places: dict[str, str], condition: Json) -> Json:
    type, id = resource["resourceType"], resource["id"]
    by_id = type in desk.abilities.by_id
    request: Json = {"method": "PUT", "url": f"{type}/{id}"} if by_id else {"method": "POST", "url": type, **condition}
    return {"fullUrl": f"{URN}{id}", "resource": fit(referring(resource, places), by_id), "request": request}


def _closed(claims: Sequence[Claim], among: set[str]) -> list[Claim]:
    """The claims ``among`` whose needs stand on the server or are sent along. They come in the order in which they were added."""
    chosen: dict[str, Claim] = {}
    for claim in claims:
        if claim.id in among and all(place or id in chosen for id, place in claim.needs.items()):
            chosen[claim.id] = claim
    return list(chosen.values())


def _places(answers: Sequence[Any], group: Sequence[Claim]) -> dict[str, str]:
    found = {}
    for claim, entry in zip(group, answers, strict=True):
        response = entry.get("response") if isinstance(entry, dict) else None
        if isinstance(response, dict) and str(response.get("status")).startswith("2"):
            location = {"Location": str(response.get("location") or "")}
            if place := place_of(location, entry.get("resource"), claim.type):
                found[claim.id] = place
    return found
