"""Whether something may still be written, asked at the last moment: whoever put it into the outbox knew less."""

from collections.abc import Callable
from dataclasses import replace

from fhir_adapters.writeback.desk import Desk
from fhir_adapters.writeback.intent import Suggestion
from fhir_adapters.writeback.looking import standing
from fhir_adapters.writeback.states import Claim

Gate = Callable[[Claim], str | None]
"""Asked right before a write: why it must not be done after all (the patient died, opted out …), as a code; ``None`` if it may."""


def open_gate(claim: Claim) -> str | None:
    """Nothing stands against it."""
    return None


def withholding(desk: Desk, claim: Claim, gate: Gate, *, tried: bool) -> str | None:
    """What ``gate`` says of a claim, with what is known by now of the places of what it refers to.

    What was ``tried`` before may stand on the server although no answer came: then the gate is not asked, for nothing keeps it back any
    more, and what is to follow can follow. Raises as `standing`.
    """
    if tried and claim.kind == Suggestion.__name__ and (places := standing(desk, claim)):
        desk.places[claim.id] = places[0]
        return None
    return asked(desk, claim, gate)


def asked(desk: Desk, claim: Claim, gate: Gate) -> str | None:
    """What ``gate`` says of a claim now. It needs no server: it is asked once more when all else is looked up."""
    return gate(replace(claim, needs={id: place or desk.places.get(id) for id, place in claim.needs.items()}))
