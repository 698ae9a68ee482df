"""What is done with an inbound referral: staff say who it is and take it, refuse it, or say what came of it; who sent it may call it off.

The states are those of every referral, with the sides exchanged: whoever refers is the requester, we are the target.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from fhir_adapters.referral_states import FINAL, MAY_SET, OPEN, TRANSITIONS, WITH_REASON, Move, Side, Status, check
from plugin.access import Entry, Right, Role, Scope, record
from plugin.inbound.conversing import converse, end_reason, forget_person
from plugin.inbound.keeping import Grip, found, keep_step
from plugin.inbound.recognising import differs
from plugin.outreach.acting import ChangedMeanwhile, NotNow
from plugin.referrals.words import CHOSEN, OTHER
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import PEOPLE
from rules.told import Told

_MOST_TEXT: Final = 300
_OTHER: Final = {
    ("name",): Told("the record has another name; is it this person?"),
    ("age",): Told("the record has another age; is it this person?"),
    ("name", "age"): Told("the record has another name and another age; is it this person?"),
}
"""By what `differs` found."""


@dataclass(frozen=True, slots=True)
class Saying:
    """What is said about it."""

    to: Status
    reason_code: str = ""
    reason: str = ""
    outcome: str = ""
    """What came of it, in words for whoever referred; of an assessment, what it found."""


class NotSure(NotNow):
    """What is on record of ``patient`` speaks against it, or nothing is: whoever looked is asked again."""

    def __init__(self, patient: str, why: str) -> None:
        super().__init__(why)
        self.patient = patient


def take(connection: Connection, scope: Scope, grip: Grip, patient: str, at: datetime, *, sure: bool = False) -> str:
    """It is ``patient``, says whoever looked: taken, and a conversation about it is open; the episode. Every step raises:

    ``patient`` may be a FHIR reference. ``sure``: they were asked again.

    Raises:
        NotSure: the record speaks against it.
        NoSuchInbound: there is none of that id that whoever asked may see.
        NotNow: somebody changed it meanwhile, or something is missing.
        IllegalMove: it cannot be moved like that.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    check(Status(row.state), Move(Status.ACCEPTED, Side.TARGET))
    patient = patient.strip().removeprefix("Patient/")
    if not patient or len(patient) > 128 or not patient.isprintable():
        raise NotNow(Told("say who it is: choose a record, or give its id"))
    if not sure:
        _ask_again(connection, row, patient, at)
    episode = converse(connection, scope, row, patient, at)
    _moved(connection, scope, row, Saying(Status.ACCEPTED), at, patient=patient, episode=episode)
    return episode


def _ask_again(connection: Connection, row: Row[Any], patient: str, at: datetime) -> None:
    """Raises `NotSure`."""
    person = connection.execute(select(PEOPLE).where(PEOPLE.c.patient == patient)).one_or_none()
    if person is None:
        raise NotSure(patient, Told("nobody with this id is known here yet; is it the right one?"))
    if other := differs(row, person, at.date()):
        raise NotSure(patient, _OTHER[tuple(other)])


def mistaken(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """It was somebody else than was said: it waits again for whoever knows who it is, and is over for whom it was taken for. See `take`."""
    scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    if row.patient is None or Status(row.state) not in OPEN:
        raise NotNow(Told("nobody has said who it is, or it is over"))
    forget_person(connection, scope, row, at)
    return _moved(connection, scope, row, Saying(Status.REQUESTED), at, patient=None, episode=None)


def answer(connection: Connection, scope: Scope, grip: Grip, said: Saying, at: datetime) -> int:
    """What we say to whoever referred; its new version. Taking it is another matter: see `take`."""
    scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    if said.to is Status.ACCEPTED:
        raise NotNow(Told("say who it is: choose a record, or give its id"))
    return _step(connection, scope, row, Side.TARGET, said, at)


def call_off(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """Whoever referred does not want it any more; its new version. See `take`."""
    if scope.role is not Role.AGENCY:
        scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    return _step(connection, scope, row, Side.REQUESTER, Saying(Status.CANCELLED, "no-longer-wanted"), at)


def answers(state: str) -> list[Status]:
    """What we can say to whoever referred, besides that we take it."""
    usual = [Status.COMPLETED, Status.IN_PROGRESS, Status.ON_HOLD, Status.REJECTED, Status.FAILED]
    possible = TRANSITIONS.get(Status(state), frozenset()) & MAY_SET[Side.TARGET]
    return [to for to in usual if to in possible]


def can_be_called_off(state: str) -> bool:
    """Whether whoever referred may still say that they do not want it any more."""
    return state in (Status.REQUESTED, Status.ACCEPTED, Status.IN_PROGRESS, Status.ON_HOLD)


def _step(connection: Connection, scope: Scope, row: Row[Any], side: Side, said: Saying, at: datetime) -> int:
    if said.to in WITH_REASON and said.reason_code not in CHOSEN:
        raise NotNow(Told("choose one of the reasons of the list"))
    if len(said.reason) > _MOST_TEXT or len(said.outcome) > _MOST_TEXT:
        raise NotNow(Told("write at most %(most)s characters", most=_MOST_TEXT))
    wordless = said.reason_code == OTHER and not said.reason.strip()
    reason = "" if wordless or said.to not in WITH_REASON else CHOSEN[said.reason_code].label
    check(Status(row.state), Move(said.to, side, reason, 1 if said.outcome.strip() else 0))
    return _moved(connection, scope, row, said, at)


def _moved(connection: Connection, scope: Scope, row: Row[Any], said: Saying, at: datetime, **values: Any) -> int:
    version = int(row.version) + 1
    why = (said.reason_code, said.reason.strip() or None) if said.to in WITH_REASON else (None, None)
    values |= {"state": str(said.to), "reason_code": why[0], "reason": why[1], "version": version, "changed": at}
    values |= {"outcome": said.outcome.strip()} if said.to is Status.COMPLETED else {}
    connection.execute(update(INBOUND).where(INBOUND.c.id == row.id).values(values))
    keep_step(connection, scope, row.id, version, row.state, said.to, at)
    if (said.to in FINAL or said.to is Status.REQUESTED) and row.episode is not None:
        end_reason(connection, row, at)
    detail = {"to": str(said.to)} | ({"reason": why[0]} if why[0] else {})
    patient = values.get("patient") or row.patient if scope.role is not Role.AGENCY else None
    record(connection, scope, Entry("inbound.moved", f"inbound/{row.id}", patient, detail), at)
    return version


def _held(connection: Connection, scope: Scope, grip: Grip) -> Row[Any]:
    row = found(connection, scope, grip.inbound, locked=True)
    if row.version != grip.version:
        raise ChangedMeanwhile
    return row
