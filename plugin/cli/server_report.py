"""``almoner doctor --server``: what a FHIR server can do, what the packs need, what is missing; and the registration sheet."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fhir_adapters.capability import Capability, drift
from fhir_adapters.connections import Opened
from fhir_adapters.errors import EhrUnavailable, KeyUnusable
from fhir_adapters.smart import Endpoints, discover
from fhir_adapters.transport import Limits
from plugin import jwks
from plugin.servers.examine import Access, access, cannot_write, drifted, left_out, shortcomings
from plugin.servers.needs import Need, needs
from plugin.servers.opening import open_server, public_keys, snapshot_file
from plugin.servers.sheet import Registration, sheet
from plugin.settings import Settings
from rules.errors import ExitCode
from rules.pack import load_packs

_LIMITS: Final = Limits(attempt=20.0, call=40.0, attempts=3, longest_wait=10.0)
"""Somebody waits for the answer."""
Row = tuple[bool | None, str, str]
"""Fine, missing or a note; about what; what there is to say."""


def report(settings: Settings, name: str, packs: Path) -> tuple[list[Row], ExitCode]:
    """Connect and examine. Raises `fhir_adapters.errors.AdapterError` if there is nothing to examine."""
    loaded = load_packs(packs)
    opened = open_server(settings, name, loaded, writes=True, limits=_LIMITS)
    capability = opened.capability()
    gained = access(opened)
    needed = needs(loaded)
    rows = [*_about(opened, capability), *_access(gained), *_needs(needed, opened, capability, gained)]
    changed = drift(snapshot_file(settings, name), capability, datetime.now(UTC))
    rows += [(None, "changed", line) for line in drifted(changed)]
    if gained is not None and gained.refusal:
        return rows, ExitCode.SERVER_FAILED
    return rows, ExitCode.ANSWER_IS_NO if any(fine is False for fine, _, _ in rows) else ExitCode.FINE


def registration_sheet(settings: Settings, name: str, packs: Path) -> str:
    """The sheet for the EHR's operator. It can be made before there is a registration, and before the server can be reached."""
    loaded = load_packs(packs)
    opened = open_server(settings, name, loaded, writes=True, limits=_LIMITS)
    endpoints = _endpoints(opened)
    try:
        omitted = left_out(opened, endpoints) if endpoints else {}
    except EhrUnavailable:
        omitted = {}
    url = f"{settings.public_url.rstrip('/')}{jwks.PATH}" if settings.public_url else None
    try:
        keys: Sequence[dict[str, object]] = public_keys(settings, name)
    except KeyUnusable:
        if settings.servers[name].key is not None:
            raise
        keys = ()  # there is no key ring yet, and the sheet says so
    return sheet(Registration(opened.connection, loaded, needs(loaded), endpoints, omitted, keys, url))


def _endpoints(opened: Opened) -> Endpoints | None:
    try:
        return discover(opened.anonymous)
    except EhrUnavailable:
        return None


def _about(opened: Opened, capability: Capability) -> Iterator[Row]:
    connection = opened.connection
    yield True, connection.name, f"{capability.software or 'a server that does not name itself'}, FHIR {capability.fhir_version or '?'}"
    yield None, "vendor profile", opened.vendor.title
    can = [f"${level} export" for level in sorted(capability.exports)] + sorted(capability.interactions & {"transaction", "batch"})
    yield None, "can", ", ".join([f"{len(capability.types)} resource types", *can])


def _access(gained: Access | None) -> Iterator[Row]:
    if gained is None:
        yield None, "access", "no client_id in the settings: the server is asked without a token (--sheet prints what registration needs)"
        return
    yield True, "discovery", gained.endpoints.source
    if gained.grant is not None:
        yield True, "token", f"{len(gained.grant.scopes)} scopes for {gained.grant.life:g} s: {' '.join(gained.grant.scopes)}"
    if gained.refusal:
        yield False, "access", gained.refusal


def _needs(needed: Sequence[Need], opened: Opened, capability: Capability, gained: Access | None) -> Iterator[Row]:
    not_asked = left_out(opened, gained.endpoints) if gained else {}
    for need, lacks in shortcomings(needed, capability):
        problem = lacks or not_asked.get(need.resource_type, "")
        by = ", ".join(need.read_by)
        yield not problem, need.resource_type, f"{problem}; needed by {by}" if problem else f"read by {by}"
    for name, lacks in cannot_write(opened.connection.write, capability, opened.vendor):
        yield not lacks, f"write {name}", lacks or "on condition that it is not there yet"
    reasons = [(opened.plan().incremental(need.resource_type), need.resource_type) for need in needed]
    for reason in dict.fromkeys(reason for reason, _ in reasons if reason is not None):
        names = ", ".join(sorted(name for each, name in reasons if each == reason))
        yield None, "incremental", f"{reason}: {names} must be read whole each time"
