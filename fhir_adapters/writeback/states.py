"""Where an intent stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from fhir_adapters.quarantine import Json


class State(StrEnum):
    """The life of a row."""

    PENDING = "pending"
    """To be sent when it is due."""
    SENDING = "sending"
    """Somebody holds the lease. When that runs out, somebody else takes over, and looks before sending."""
    SENT = "sent"
    """The server said that it has it."""
    CONFIRMED = "confirmed"
    """It was found on the server. What was written is forgotten here."""
    PARKED = "parked"
    """A person must look; ``reason`` says why."""


@dataclass(frozen=True, slots=True)
class Claim:
    """A row that we hold. ``fence`` grows with each claim: who comes late with an older one is not heard."""

    id: str
    fence: int
    kind: str
    """``Suggestion`` or ``Change``."""
    type: str
    patient: str
    value: str
    """Of our identifier."""
    body: Json
    """Of a Suggestion the resource; of a Change ``target``, ``edits``, ``only_if``."""
    provenance: Json
    attempts: int
    """This one included."""
    place: str | None
    """``Task/123`` once it is known to be there."""
    needs: Mapping[str, str | None]
    """The suggestions that it refers to, with their places as far as known."""


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a claim."""

    state: State
    reason: str | None = None
    """A code for people and alarms; never text of the server."""
    wait: float = 0.0
    """Seconds until it is due again, if it is pending."""


@dataclass(frozen=True, slots=True)
class Status:
    """A row as people see it: no contents."""

    id: str
    tenant: str
    kind: str
    type: str
    rule: str
    run: str
    state: State
    reason: str | None
    place: str | None
    attempts: int
    added: float
    """Seconds since 1970."""
    due: float
    duplicates: tuple[str, ...]
    """Other resources on the server with the same identifier: a person must look."""
