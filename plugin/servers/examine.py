"""What a server can do, held against what the packs need of it."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from fhir_adapters.capability import Capability, Drift
from fhir_adapters.connections import Opened
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.smart import Endpoints, Grant, discover, plan
from fhir_adapters.vendors import Vendor
from plugin.servers.needs import PATIENT, Need

_REFUSALS: Final = (401, 403)


@dataclass(frozen=True, slots=True)
class Access:
    """What came of asking for a token."""

    endpoints: Endpoints
    grant: Grant | None
    refusal: str
    """Why there is no token, or why the server does not accept it; empty if all is well."""


def access(opened: Opened) -> Access | None:
    """Find the token endpoint, ask it, and show the token to the server. ``None``: the server is open to us.

    The search with the token only counts people. Raises `EhrUnavailable` if there is no token endpoint to ask.
    """
    if opened.authority is None:
        return None
    endpoints = discover(opened.anonymous)
    try:
        grant = opened.authority.grant()
    except EhrUnavailable as problem:
        return Access(endpoints, None, str(problem))
    if grant.missing:
        return Access(endpoints, grant, f"not granted: {', '.join(grant.missing)}")
    try:
        opened.server.get(f"{PATIENT}?_summary=count")
    except EhrUnavailable as problem:
        # Another status is no matter of access: some servers do not search without a name.
        if problem.status in _REFUSALS:
            return Access(endpoints, grant, f"the server does not accept its own token (HTTP {problem.status})")
    return Access(endpoints, grant, "")


def left_out(opened: Opened, endpoints: Endpoints) -> Mapping[str, str]:
    """Types for which no scope is asked for, with the reason."""
    if opened.connection.client and opened.connection.client.scopes:
        return {}
    return plan(opened.needs, endpoints, opened.capability().types, opened.vendor).left_out


def shortcomings(needs: Iterable[Need], capability: Capability) -> Iterator[tuple[Need, str]]:
    """Each need with what the server lacks for it; an empty text: nothing."""
    for need in needs:
        yield need, "; ".join(_lacks(need.resource_type, capability))


def _lacks(name: str, capability: Capability) -> Iterator[str]:
    found = capability.types.get(name)
    if found is None:
        yield "the server does not have this type"
        return
    if not capability.can(name, "search-type"):
        yield "it cannot be searched"
    parameter = "_id" if name == PATIENT else "patient"
    if name != PATIENT and found.searches and parameter not in found.searches:
        yield f"it cannot be searched by '{parameter}'"


def cannot_write(write: Iterable[str], capability: Capability, vendor: Vendor) -> Iterator[tuple[str, str]]:
    """Each type that may be written, with what the server lacks for it or does not take; an empty text: nothing."""
    for name in write:
        yield name, "; ".join(_not_written(name, capability, vendor))


def _not_written(name: str, capability: Capability, vendor: Vendor) -> Iterator[str]:
    found = capability.types.get(name)
    if found is None:
        yield "the server does not have this type"
        return
    interactions: tuple[Literal["create", "update"], ...] = ("create", "update")
    for word in interactions:
        refusal = vendor.refuses(word, name)
        if refusal is not None:
            yield refusal
        elif not capability.can(name, word):
            yield f"it has no {word}"
    by_condition = "create" in found.conditional and vendor.writing.if_none_exist
    by_id = found.creates_by_update and vendor.writing.own_ids
    if not by_condition and not by_id:
        yield "it cannot create on condition that nothing is there"


def drifted(found: Drift | None) -> Iterator[str]:
    """What changed since the last time, a line each."""
    if found is None:
        return
    yield from (f"gone since {found.since}: {line}" for line in found.gone)
    yield from (f"new since {found.since}: {line}" for line in found.new)
