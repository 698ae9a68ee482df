"""One new resource: look, send once, note where it stands, and say who wrote it."""

from typing import Any
from urllib.parse import quote

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.search import Query, find
from fhir_adapters.writeback.desk import Desk, Later, Park, at_fault, place_of, refusal
from fhir_adapters.writeback.gate import Gate, asked
from fhir_adapters.writeback.intent import referring
from fhir_adapters.writeback.looking import carries, standing
from fhir_adapters.writeback.states import Claim, Settled, State


def create(desk: Desk, claim: Claim, gate: Gate) -> Settled:
    """Have the resource of ``claim`` on the server, once, unless ``gate`` keeps it back."""
    if claim.type not in desk.abilities.takes:
        raise Park("not-supported")
    places = standing(desk, claim) or _sent(desk, claim, gate)
    desk.landed(claim, places)
    return vouched(desk, claim, places[0])


def vouched(desk: Desk, claim: Claim, place: str) -> Settled:
    """Have the Provenance of what was written on the server, once, if it takes any.

    A Provenance has no identifier: where the server chooses its id, it is found by what it is about and by the entity with our name.
    """
    if "Provenance" not in desk.abilities.takes:
        return Settled(State.SENT)
    body = referring(claim.provenance, {claim.id: place})
    try:
        if not _vouched_already(desk, claim, place, body["id"]):
            by_id = "Provenance" in desk.abilities.by_id
            desk.write("PUT" if by_id else "POST", f"Provenance/{body['id']}" if by_id else "Provenance", fit(body, by_id), [claim])
    except EhrUnavailable as error:
        if at_fault(error):
            raise
        return Settled(State.PARKED, f"provenance-{refusal(error)}")
    return Settled(State.SENT)


def fit(resource: Json, by_id: bool) -> Json:
    """As it is sent: where the server chooses ids, it gets none."""
    return resource if by_id else {name: value for name, value in resource.items() if name != "id"}


def if_none_exist(desk: Desk, claim: Claim, name: str) -> dict[str, str]:
    """The search by which the server itself refrains from a second one, under ``name``: by identifier only, which all servers know.

    Empty for servers that do not know it at all.
    """
    search = f"identifier={quote(f'urn:almoner:{desk.policy.tenant}|{claim.value}', safe='')}"
    return {name: search} if desk.abilities.vendor.writing.if_none_exist else {}


def _sent(desk: Desk, claim: Claim, gate: Gate) -> list[str]:
    by_id = claim.type in desk.abilities.by_id
    body = fit(referring(claim.body, desk.known(claim)), by_id)
    if (withheld := asked(desk, claim, gate)) is not None:
        raise Park(f"withheld-{withheld}")
    try:
        if by_id:
            # Servers that know it refuse to overwrite; the others were asked a moment ago whether it is there.
            answer = desk.write("PUT", f"{claim.type}/{claim.id}", body, [claim], {"If-None-Match": "*"})
        else:
            answer = desk.write("POST", claim.type, body, [claim], if_none_exist(desk, claim, "If-None-Exist"))
    except EhrUnavailable as error:
        if error.status not in (409, 412):
            raise
        places = standing(desk, claim)
        if not places:
            raise Later("conflict") from None
        return places
    place = place_of(answer.headers, answer.body, claim.type) or (f"{claim.type}/{claim.id}" if by_id else None)
    if place is None:
        raise Later("unclear")
    return [place]


def _vouched_already(desk: Desk, claim: Claim, place: str, id: str) -> bool:
    if "Provenance" in desk.abilities.by_id:
        try:
            desk.server.get(f"Provenance/{id}")
        except EhrUnavailable as error:
            if error.status == 404:
                return False
            if error.status != 410:
                raise
        return True
    return bool(find(desk.server, Query("Provenance", (("target", place),)), lambda each: _names(each, desk, claim)))


def _names(provenance: Json, desk: Desk, claim: Claim) -> bool:
    """Whether one of its entities carries our identifier."""
    entities: Any = provenance.get("entity")
    for entity in entities if isinstance(entities, list) else []:
        what = entity.get("what") if isinstance(entity, dict) else None
        if isinstance(what, dict) and carries({"identifier": [what.get("identifier")]}, desk.policy.tenant, claim.value):
            return True
    return False
