"""What people do with a referral: send, answer, cancel. Each is one transaction, says which version it acts on, and is recorded.

Consent, refusals and safety are looked up again at the moment of sending, not when the referral was proposed.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from fhir_adapters.errors import NotWritable
from fhir_adapters.referral_states import WITH_REASON, Move, Side, Status, check, sources
from fhir_adapters.writeback import Key
from plugin.access import Right, Scope
from plugin.outreach import acting as outreach
from plugin.outreach.acting import ChangedMeanwhile, NotNow, Refused
from plugin.outreach.words import ASKED
from plugin.referrals.consenting import agreed, standing
from plugin.referrals.moving import Output, Step, taken, tell
from plugin.referrals.proposing import may_be_sent_by
from plugin.referrals.reading import found, outputs
from plugin.referrals.resources import REFER, intents, key
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE, CHOSEN, EPISODE, HERE, OTHER, REASONS
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.outreach import REASONS as WHY
from plugin.store.tables.referrals import REFERRALS, WRITES
from rules.told import Told

_MOST_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class Grip:
    """A referral as somebody saw it, when they decided to do something with it."""

    referral: str
    version: int


@dataclass(frozen=True, slots=True)
class Answer:
    """What an agency says."""

    to: Status
    reason_code: str | None = None
    reason: str = ""
    outputs: tuple[Output, ...] = ()

    def __post_init__(self) -> None:
        if self.reason_code is not None and self.reason_code not in CHOSEN:
            raise Refused(Told("choose one of the reasons of the list"))
        if len(self.reason) > _MOST_TEXT:
            raise Refused(Told("a reason has at most %(most)s characters", most=_MOST_TEXT))


def send(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """From a draft to the agency; the new version. Every step raises:

    Raises:
        NoSuchReferral: there is none of that id that whoever asked may see.
        NotNow: somebody changed it meanwhile, or something stands against it.
        IllegalMove: a referral cannot be moved like that.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    if row.origin == EPISODE:
        outreach.hold(connection, row.origin_id)
    check(Status(row.state), Move(Status.REQUESTED, Side.REQUESTER))
    consent, unsafe = _leave(connection, scope, row, at)
    task = _key(row).value
    values = {"requested": at.date().isoformat(), "consent": consent.id, "unsafe": unsafe, "task": task}
    version = taken(connection, scope, row, Step(Status.REQUESTED), at, **values)
    if row.tenant != HERE:
        tell(connection, scope, row.id, version, REFER, Step(Status.REQUESTED), at)
        is_writable(connection, row.id, consent.place)
    _close_episode(connection, scope, row, at)
    return version


def answer(connection: Connection, scope: Scope, grip: Grip, said: Answer, at: datetime) -> int:
    """What the agency says; see `send`. Something more that came of a referral may be told after its end: ``to`` is its state then."""
    scope.require(Right.ANSWER_REFERRALS)
    row = _held(connection, scope, grip)
    if said.to == row.state and said.outputs and Status(row.state) is Status.COMPLETED:
        step = Step(said.to, "told", outputs=said.outputs, only_from=(said.to,))
        return taken(connection, scope, row, step, at, attention=None)
    return _moved(connection, scope, row, Side.TARGET, said, at)


def cancel(connection: Connection, scope: Scope, grip: Grip, reason_code: str, at: datetime, reason: str = "") -> int:
    """Take it back, with a reason of `plugin.referrals.words.REASONS`; see `send`."""
    scope.require(Right.REFER)
    return _moved(connection, scope, _held(connection, scope, grip), Side.REQUESTER, Answer(Status.CANCELLED, reason_code, reason), at)


def mistaken(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """It should never have been; see `send`. A draft goes like this, too."""
    scope.require(Right.REFER)
    return _moved(connection, scope, _held(connection, scope, grip), Side.REQUESTER, Answer(Status.ENTERED_IN_ERROR), at)


def looked_into(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """Somebody has seen to what asked for attention; see `send`."""
    scope.require(Right.REFER)
    row = _held(connection, scope, grip)
    return taken(connection, scope, row, Step(Status(row.state), "seen to"), at, attention=None)


def _moved(connection: Connection, scope: Scope, row: Row[Any], side: Side, said: Answer, at: datetime) -> int:
    start = Status(row.state)
    told = len(outputs(connection, row.id)) + len(said.outputs)
    reason = REASONS[said.reason_code].label if said.reason_code else ""
    if said.reason_code == OTHER and not said.reason.strip():
        reason = ""
    check(start, Move(said.to, side, reason, told))
    why = (said.reason_code, said.reason.strip() or None) if said.to in WITH_REASON else (None, None)
    only_from = sources(said.to) if row.requested else None
    return taken(connection, scope, row, Step(said.to, "moved", *why, said.outputs, only_from), at)


def _held(connection: Connection, scope: Scope, grip: Grip) -> Row[Any]:
    """The referral, locked; only as whoever holds the grip saw it."""
    row = found(connection, scope, grip.referral, locked=True)
    if row.version != grip.version:
        raise ChangedMeanwhile
    return row


def _leave(connection: Connection, scope: Scope, row: Row[Any], at: datetime) -> tuple[Row[Any], bool]:
    """The consent on which it may go out, and whether the agency must not get in touch. Raises `NotNow`."""
    may_be_sent_by(scope, row.partner)
    stands = standing(connection, row.patient, row.need, row.rule, at.date())
    if stands.objection is not None:
        raise NotNow(stands.objection)
    consent = agreed(connection, row.patient, row.need, row.partner, row.agency, at.date())
    if consent is None:
        raise NotNow(Told("nobody has agreed that this %(partner)s may know: ask first", partner=Told(row.partner)))
    return consent, stands.unsafe or row.unsafe or row.need in BY_ITS_NATURE_UNSAFE


def _key(row: Row[Any]) -> Key:
    try:
        return key(row, "Task")
    except NotWritable as wrong:
        raise NotNow(str(wrong)) from None


def is_writable(connection: Connection, id: str, consent: str | None) -> None:
    """What is kept here can be written there: whoever sends learns at once if not. Raises `NotNow`."""
    row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == id)).one()
    write = connection.execute(select(WRITES).where(WRITES.c.referral == id, WRITES.c.kind == REFER)).one()
    try:
        list(intents(row, write, consent))
    except NotWritable as wrong:
        raise NotNow(Told("it cannot be written as it is: %(wrong)s", wrong=str(wrong))) from None


def _close_episode(connection: Connection, scope: Scope, row: Row[Any], at: datetime) -> None:
    """The conversation is over if nothing else is to be talked about."""
    if row.origin != EPISODE:
        return
    episode = connection.execute(select(EPISODES).where(EPISODES.c.id == row.origin_id, EPISODES.c.state == "open")).one_or_none()
    if episode is None:
        return
    if is_about_nothing_else(connection, episode.id, row.rule or "", row.need):
        outreach.close(connection, scope, outreach.Grip(episode.id, episode.version), "referred", at)


def is_about_nothing_else(connection: Connection, episode: str, rule: str, need: str) -> bool:
    """Whether a conversation is about what ``rule`` offers, or what somebody asked for of the same need, alone."""
    others = select(WHY.c.rule).where(WHY.c.episode == episode, WHY.c.ended.is_(None), WHY.c.rule.not_in((rule, f"{ASKED}{need}")))
    return connection.scalar(others.limit(1)) is None
