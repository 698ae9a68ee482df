"""The life of a referral's Task, as Gravity SDOH Clinical Care 3.0.0 draws it: who may move it from where to where, and with what.

The states are those of FHIR's Task but for *received* and *ready*, which the guide leaves out.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rules.told import Told


class Status(StrEnum):
    """Where a referral stands."""

    DRAFT = "draft"
    REQUESTED = "requested"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"
    ENTERED_IN_ERROR = "entered-in-error"


class Side(StrEnum):
    """Who moves it."""

    REQUESTER = "requester"
    """Who refers."""
    TARGET = "target"
    """The agency."""


_BEGUN: Final = frozenset({Status.COMPLETED, Status.CANCELLED, Status.FAILED})
TRANSITIONS: Final[dict[Status | None, frozenset[Status]]] = {
    None: frozenset({Status.DRAFT, Status.REQUESTED}),
    Status.DRAFT: frozenset({Status.REQUESTED}),
    Status.REQUESTED: frozenset({Status.ACCEPTED, Status.REJECTED, Status.CANCELLED}),
    Status.ACCEPTED: _BEGUN | {Status.IN_PROGRESS, Status.ON_HOLD},
    Status.IN_PROGRESS: _BEGUN | {Status.ON_HOLD},
    Status.ON_HOLD: _BEGUN | {Status.IN_PROGRESS},
}
"""From where to where; ``None``: it is not there yet. Besides, everything but itself may turn out to be entered in error."""
MAY_SET: Final[dict[Side, frozenset[Status]]] = {
    Side.REQUESTER: frozenset({Status.DRAFT, Status.REQUESTED, Status.CANCELLED, Status.ENTERED_IN_ERROR}),
    Side.TARGET: frozenset(
        {Status.ACCEPTED, Status.REJECTED, Status.IN_PROGRESS, Status.ON_HOLD, Status.FAILED, Status.COMPLETED, Status.CANCELLED}
    ),
}
"""Who sets which status."""
WITH_REASON: Final = frozenset({Status.REJECTED, Status.CANCELLED, Status.ON_HOLD, Status.FAILED})
"""What takes a reason (Task.statusReason.text)."""
FINAL: Final = frozenset({Status.REJECTED, Status.COMPLETED, Status.CANCELLED, Status.FAILED, Status.ENTERED_IN_ERROR})
"""Nothing but that it was an error comes after these."""
OPEN: Final = frozenset(Status) - FINAL
_WORDS: Final = {Side.REQUESTER: Told("who refers"), Side.TARGET: Told("the agency")}


class IllegalMove(Exception):
    """A referral cannot be moved like that. The message says why, to whoever tried."""


@dataclass(frozen=True, slots=True)
class Move:
    """What somebody wants to make of a referral."""

    to: Status
    by: Side
    reason: str = ""
    outputs: int = 0
    """How many things it came to are told of, those told of before included."""


def leads(start: Status | None, to: Status) -> bool:
    """Whether there is a step from one to the other."""
    if to is Status.ENTERED_IN_ERROR:
        return start is not None and start is not to
    return to in TRANSITIONS.get(start, frozenset())


def check(start: Status | None, move: Move) -> None:
    """Raises `IllegalMove` unless ``move`` is allowed to whoever makes it, from ``start``, with what comes with it."""
    if move.to not in MAY_SET[move.by]:
        raise IllegalMove(Told("%(who)s does not set a referral to %(state)s", who=_WORDS[move.by], state=_name(move.to)))
    if not leads(start, move.to):
        before = _name(start) if start else Told("not there yet")
        raise IllegalMove(Told("a referral that is %(before)s does not become %(after)s", before=before, after=_name(move.to)))
    if move.to in WITH_REASON and not move.reason.strip():
        raise IllegalMove(Told("say why it is %(state)s", state=_name(move.to)))
    if move.to is Status.COMPLETED and not move.outputs:
        raise IllegalMove(Told("say what came of it before it is completed"))


def _name(status: Status) -> Told:
    """As a text that can be translated; the words are marked in `plugin.referrals.words`."""
    return Told(str(status))


def reachable(start: Status) -> frozenset[Status]:
    """Everything that may become of ``start`` in any number of steps, itself included: looking now and then, one does not see them all."""
    found, waiting = {start}, [start]
    while waiting:
        here = waiting.pop()
        for there in Status:
            if there not in found and leads(here, there):
                found.add(there)
                waiting.append(there)
    return frozenset(found)


def sources(to: Status) -> tuple[Status, ...]:
    """From where there is a step to ``to``, in the order of their names."""
    return tuple(sorted(start for start in Status if leads(start, to)))
