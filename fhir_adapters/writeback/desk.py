"""What every step of a delivery needs at hand, and how a step says that it cannot go on."""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from fhir_adapters.errors import EhrUnavailable, IncompleteSearch, OutcomeUnknown
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import Answer, FhirServer
from fhir_adapters.writeback.abilities import Abilities
from fhir_adapters.writeback.bindings import ISSUE_TYPES
from fhir_adapters.writeback.edits import dumped
from fhir_adapters.writeback.ledger import Ledger
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.states import Claim, Settled, State

_JITTER: Final = random.SystemRandom()
_LOCATION: Final = re.compile(r"(?:^|/)([A-Z][A-Za-z]{1,39}/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?$", re.ASCII)
FHIR_JSON: Final = "application/fhir+json"


class Park(Exception):
    """This write must not go on; a person must look. ``reason`` is a code."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Later(Exception):
    """This write cannot go on now."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Stopped(Exception):
    """The operator has stopped all writing to this connection."""


@dataclass(slots=True)
class Desk:
    """One delivery to one server."""

    server: FhirServer
    abilities: Abilities
    ledger: Ledger
    policy: Policy
    places: dict[str, str] = field(default_factory=dict)
    """What came to stand on the server in this delivery."""
    duplicates: int = 0

    def write(self, method: str, link: str, body: Any, claims: Sequence[Claim], headers: Mapping[str, str] | None = None) -> Answer:
        """Send something that changes the server, once, while all ``claims`` are ours. ``body``: JSON text, or what can be made into it."""
        if self.ledger.stopped(self.policy.tenant) is not None:
            raise Stopped
        self.ledger.hold(claims, self.policy.lease)
        content = (body if isinstance(body, str) else dumped(body)).encode()
        return self.server.ask(method, link, content, headers={"Content-Type": FHIR_JSON, **(headers or {})}, repeatable=False)

    def landed(self, claim: Claim, places: Sequence[str]) -> None:
        """It stands at the first of ``places``; the others are duplicates."""
        self.places[claim.id] = places[0]
        self.duplicates += len(places) - 1
        self.ledger.landed(claim, places[0], places[1:])

    def known(self, claim: Claim) -> dict[str, str]:
        """The places of what ``claim`` refers to. Raises `Later` unless all are known."""
        found = {id: self.places.get(id) or place for id, place in claim.needs.items()}
        if not all(found.values()):
            raise Later("waiting")
        return {id: place for id, place in found.items() if place}

    def trouble(self, error: Exception, claim: Claim) -> Settled:
        """What an error means for the write in which it came up."""
        backoff = 1.0 + _JITTER.uniform(0, min(self.policy.longest_wait, 2.0 ** min(claim.attempts, 30)))
        if isinstance(error, Later):
            return Settled(State.PENDING, error.reason, backoff)
        if isinstance(error, Park):
            return Settled(State.PARKED, error.reason)
        if isinstance(error, IncompleteSearch):
            return Settled(State.PARKED, "search-not-trusted")
        if isinstance(error, OutcomeUnknown):
            return Settled(State.PENDING, "unknown", self.policy.settle + backoff)
        if isinstance(error, EhrUnavailable) and not at_fault(error):
            return Settled(State.PARKED, refusal(error))
        wait = error.wait if isinstance(error, EhrUnavailable) and error.wait else 0.0
        return Settled(State.PENDING, "server", max(min(wait, self.policy.longest_wait), backoff))


def at_fault(error: EhrUnavailable) -> bool:
    """Whether the server, the way to it or our right to use it is the trouble, and not what was written."""
    return error.again or error.status is None or error.status in (401, 409, 412) or isinstance(error, OutcomeUnknown)


def refusal(error: EhrUnavailable) -> str:
    """``refused-422-invalid``: the status with the code of the OperationOutcome, and nothing of its texts."""
    issues = (error.outcome or {}).get("issue")
    codes = [issue.get("code") for issue in issues if isinstance(issue, dict)] if isinstance(issues, list) else []
    return "-".join(["refused", str(error.status), *[code for code in codes if isinstance(code, str) and code in ISSUE_TYPES][:1]])


def place_of(answer_headers: Mapping[str, str], body: Json | None, type: str) -> str | None:
    """Where the server says that it put a resource; ``None`` if it does not say."""
    if body and body.get("resourceType") == type and isinstance(body.get("id"), str):
        return f"{type}/{body['id']}"
    found = _LOCATION.search(answer_headers.get("Location") or answer_headers.get("Content-Location") or "")
    return found[1] if found and found[1].startswith(f"{type}/") else None


def by_age(place: str) -> tuple[bool, int, str]:
    """Sorts places so that the lowest id comes first: as numbers where ids are numbers."""
    id = place.partition("/")[2]
    return (not id.isdecimal(), int(id) if id.isdecimal() else 0, id)
