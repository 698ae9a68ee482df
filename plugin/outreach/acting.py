"""What staff do with an episode. Each step is one transaction, says which version of the episode it was taken on, and is recorded.

Whatever stands against reaching somebody is looked up again at that moment, not when the list was made.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, func, insert, select, update

from plugin.access import Entry, Right, Scope, record
from plugin.outreach import restricting
from plugin.outreach.cadence import USUAL, Cadence, Tried, next_step, too_soon
from plugin.outreach.episodes import NoSuchEpisode
from plugin.outreach.restricting import forbids, in_force, restrict
from plugin.outreach.words import ASKED, CHANNELS, DECLINED_FOR, ENDINGS, OUTCOMES, SHARED, Restriction
from plugin.store.tables.outreach import ATTEMPTS, EPISODES, PEOPLE, REASONS, STILL_OPEN
from plugin.translations import marked
from rules.told import Told

_REFUSALS: Final = {
    Restriction.OPTED_OUT: marked("they do not want to be reached this way"),
    Restriction.UNSAFE: marked("somebody else may read it, and that is not safe"),
    Restriction.DECEASED: marked("on record: deceased"),
    Restriction.MOVED: marked("on record: moved"),
}
"""Restriction → what it means for somebody who is about to reach them."""
_LONGEST_ID: Final = 36
_LONGEST_WAIT: Final = timedelta(days=180)
_MOST_TEXT: Final = 1_000
"""Characters of a note."""


class NotNow(Exception):
    """This cannot be done with the episode as it stands; the message says why, to whoever tried."""


class ChangedMeanwhile(NotNow):
    """Somebody was faster: it is not as whoever tried saw it."""

    def __init__(self) -> None:
        super().__init__(Told("somebody changed it meanwhile; look at it again"))


class Refused(ValueError):
    """What was said cannot be kept. The message says why, to whoever said it; any other `ValueError` is a defect of ours."""


@dataclass(frozen=True, slots=True)
class Grip:
    """An episode as somebody saw it, when they decided to do something with it."""

    episode: str
    version: int


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried. ``id`` is given by whoever tells of it: told twice, it is one attempt."""

    id: str
    channel: str
    outcome: str
    again_on: date | None = None
    """The day that they asked for."""
    note: str = ""

    def __post_init__(self) -> None:
        if not 0 < len(self.id) <= _LONGEST_ID:
            raise Refused(Told("an attempt has an id; load the page again"))
        if self.channel not in CHANNELS or self.outcome not in OUTCOMES:
            raise Refused(Told("an attempt has a channel and an outcome that are known"))
        if self.outcome == "call-back" and self.again_on is None:
            raise Refused(Told("when do they want to be called back?"))
        if len(self.note) > _MOST_TEXT:
            raise Refused(Told("a note has at most %(most)s characters", most=str(_MOST_TEXT)))


def assign(connection: Connection, scope: Scope, grip: Grip, owner: str | None, at: datetime) -> int:
    """Give the episode to somebody, or to nobody; its new version. Every step raises:

    Raises:
        NoSuchEpisode: there is none of that id.
        NotNow: it is closed, or somebody changed it meanwhile.
        Forbidden: see `plugin.access.scope`.
    """
    return _step(connection, scope, grip, "episode.assign", {"owner": owner}, at, {"owner": owner})


def claim(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """Take an episode that is nobody's; see `assign`."""
    row = _held(connection, scope, grip)
    if row.owner not in (None, scope.user):
        raise NotNow(Told("somebody else has taken it meanwhile"))
    return assign(connection, scope, grip, scope.user, at)


def snooze(connection: Connection, scope: Scope, grip: Grip, until: date, why: str, at: datetime) -> int:
    """Put it off to a day, with a reason. It comes back by itself then, or as soon as the record shows something new; see `assign`."""
    if not at.date() < until <= at.date() + _LONGEST_WAIT:
        raise NotNow(Told("put it off to a day within the next 180 days"))
    if not why.strip() or len(why) > 200:
        raise NotNow(Told("say in a few words why it is put off"))
    values = {"snoozed_until": until.isoformat(), "snoozed_why": why.strip()}
    return _step(connection, scope, grip, "episode.snooze", values, at, {"until": until.isoformat()})


def wake(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """Bring back what was put off, or was to wait for the next attempt; see `assign`."""
    return _step(connection, scope, grip, "episode.wake", {"snoozed_until": None, "snoozed_why": None, "not_before": None}, at)


def objection(connection: Connection, scope: Scope, patient: str, channel: str, now: datetime, cadence: Cadence = USUAL) -> str | None:
    """What stands at this moment against reaching somebody over ``channel``, in words; ``None``: nothing does.

    ``now`` has the zone in which the person lives: its clock decides about quiet hours.
    """
    return refusal(connection, scope, patient, channel, now) or wrong_moment(connection, patient, channel, now, cadence)


def refusal(connection: Connection, scope: Scope, patient: str, channel: str, now: datetime) -> str | None:
    """What stands against it whatever the hour, in words; see `objection`."""
    scope.require(Right.REACH_OUT)
    held = in_force(connection, [patient], now.date()).get(patient, ())
    if kind := forbids(held, channel, SHARED):
        return _REFUSALS[Restriction(kind)]
    return None


def wrong_moment(
    connection: Connection, patient: str, channel: str, now: datetime, cadence: Cadence = USUAL, *, besides: str = ""
) -> str | None:
    """What stands against it now, but will not always; see `objection`. ``besides``: an attempt that does not count as a contact."""
    since = now - timedelta(days=cadence.cap_days)
    others = (ATTEMPTS.c.patient == patient, ATTEMPTS.c.at > since, ATTEMPTS.c.id != besides)
    contacts = connection.scalars(select(ATTEMPTS.c.at).where(*others)).all()
    return too_soon([each.astimezone(now.tzinfo) for each in contacts], now, channel, cadence)


def attempt(connection: Connection, scope: Scope, grip: Grip, tried: Attempt, at: datetime, cadence: Cadence = USUAL) -> int:
    """Keep what was tried; it decides when the next attempt is made, and whether the episode is over. The new version; see `assign`.

    The same attempt told again changes nothing, whatever version it names.
    """
    scope.require(Right.REACH_OUT)
    if known := connection.scalar(select(ATTEMPTS.c.episode).where(ATTEMPTS.c.id == tried.id)):
        return _known(connection, scope, grip, known)
    row = _held(connection, scope, grip)
    if tried.again_on is not None and not at.date() <= tried.again_on <= at.date() + _LONGEST_WAIT:
        raise NotNow(Told("choose a day within the next 180 days"))
    _keep(connection, scope, row, tried, at)
    outcome = OUTCOMES[tried.outcome]
    if outcome.restricts is not None:
        _restrict(connection, scope, row, outcome.restricts, at)
    ending = outcome.closes
    values: dict[str, Any] = {
        "attempts": row.attempts + 1,
        "last_attempt": at,
        **_then(connection, row.id, at.date(), cadence),
        **(_closed(ending, at) if ending else {}),
    }
    detail = {"channel": tried.channel, "outcome": tried.outcome} | ({"ending": ending} if ending else {})
    return _step(connection, scope, grip, "episode.attempt", values, at, detail)


def learned(connection: Connection, scope: Scope, id: str, outcome: str, at: datetime, cadence: Cadence = USUAL) -> None:
    """What came of an attempt turned out only now; what comes next follows anew. Nothing if it was forgotten."""
    scope.require(Right.REACH_OUT)
    query = select(EPISODES).join(ATTEMPTS, ATTEMPTS.c.episode == EPISODES.c.id).where(ATTEMPTS.c.id == id)
    row = connection.execute(query.with_for_update(of=EPISODES)).one_or_none()
    if row is None:
        return
    connection.execute(update(ATTEMPTS).where(ATTEMPTS.c.id == id).values(outcome=outcome))
    values = _then(connection, row.id, at.date(), cadence) if row.state == "open" else {}
    _step(connection, scope, Grip(row.id, row.version), "episode.learned", values, at, {"outcome": outcome}, state=row.state)


def _then(connection: Connection, episode: str, today: date, cadence: Cadence) -> dict[str, Any]:
    """What all attempts together mean for the next one. Who asked for help since the last one does not wait."""
    last = tried_before(connection, episode)[-1].outcome
    tried = tried_since_asked(connection, episode)
    if not tried:
        return {"last_outcome": last, "not_before": None, "next_channel": None}
    then = next_step(tried, today, cadence)
    return {"last_outcome": last, "not_before": then.not_before.isoformat(), "next_channel": then.channel}


def close(connection: Connection, scope: Scope, grip: Grip, ending: str, at: datetime) -> int:
    """End the episode, in a word of `plugin.outreach.words.ENDINGS` that staff may choose; see `assign`."""
    if ending not in ENDINGS or not ENDINGS[ending].by_staff:
        raise NotNow(Told("an episode is closed with one of the outcomes that the list offers"))
    return _step(connection, scope, grip, "episode.close", _closed(ending, at), at, {"ending": ending})


def end_unreached(connection: Connection, scope: Scope, row: Row[Any], at: datetime) -> int:
    """End an episode, locked, in which everything was tried in vain; its new version."""
    return end(connection, scope, row, "unable-to-reach", at)


def end(connection: Connection, scope: Scope, row: Row[Any], ending: str, at: datetime) -> int:
    """End an episode, locked, for what was found out without a conversation; its new version."""
    return _step(connection, scope, Grip(row.id, row.version), "episode.close", _closed(ending, at), at, {"ending": ending})


def reopen(connection: Connection, scope: Scope, grip: Grip, at: datetime) -> int:
    """Undo a closing, as long as no other episode of the person is open; see `assign`."""
    row = _held(connection, scope, grip, state="closed")
    another = select(EPISODES.c.id).where(EPISODES.c.patient == row.patient, STILL_OPEN)
    if connection.scalar(another) is not None:
        raise NotNow(Told("another episode of this person is open"))
    return _step(connection, scope, grip, "episode.reopen", {"state": "open", "closed": None, "outcome": None}, at, state="closed")


def prefer(connection: Connection, scope: Scope, grip: Grip, channel: str | None, best_time: str | None, at: datetime) -> int:
    """Keep how and when somebody wants to be reached; see `assign`."""
    if channel is not None and channel not in CHANNELS:
        raise NotNow(Told("choose one of the channels of the list"))
    row = _held(connection, scope, grip)
    values = {"channel": channel, "best_time": (best_time or "").strip()[:64] or None}
    connection.execute(update(PEOPLE).where(PEOPLE.c.patient == row.patient).values(values))
    return _step(connection, scope, grip, "person.prefer", {}, at, {"channel": channel})


_ENDED_BY: Final = {
    Restriction.DECLINED: "declined",
    Restriction.OPTED_OUT: "declined",
    Restriction.DECEASED: "deceased",
    Restriction.MOVED: "moved",
}
"""Restriction → the ending of the episode in which it was told."""


def lift(connection: Connection, scope: Scope, episode: Row[Any], restrictions: Collection[str], at: datetime) -> None:
    """They changed their mind, or it was wrong: the restrictions are over, and a locked episode that ended with them is open again.

    Raises:
        NotNow: they are not on record any more.
        Forbidden: see `plugin.access.scope`.
    """
    kinds = {restricting.lift(connection, scope, episode.patient, each, at) for each in restrictions} - {None}
    if not kinds:
        raise NotNow(Told("it is not on record any more"))
    another = select(EPISODES.c.id).where(EPISODES.c.patient == episode.patient, STILL_OPEN)
    ended = episode.state == "closed" and episode.outcome in {_ENDED_BY.get(kind) for kind in kinds if kind}
    if ended and connection.scalar(another) is None:
        reopen(connection, scope, Grip(episode.id, episode.version), at)


def locked(connection: Connection, scope: Scope, id: str) -> Row[Any]:
    """An episode that nobody else changes until the transaction is over, as it stands. Raises `NoSuchEpisode`; see `assign`."""
    scope.require(Right.REACH_OUT)
    row = connection.execute(select(EPISODES).where(EPISODES.c.id == id).with_for_update()).one_or_none()
    if row is None:
        raise NoSuchEpisode(id)
    return row


def hold(connection: Connection, episode: str) -> None:
    """Nobody else changes the episode until the transaction is over.

    For whoever changes it after something that is recorded: an episode comes before the end of the record for everybody, so that nobody
    waits in a circle.
    """
    connection.execute(select(EPISODES.c.id).where(EPISODES.c.id == episode).with_for_update())


def _held(connection: Connection, scope: Scope, grip: Grip, state: str = "open") -> Row[Any]:
    """The episode, locked; only as whoever holds the grip saw it."""
    row = locked(connection, scope, grip.episode)
    if row.state != state:
        raise NotNow(Told("it is closed") if state == "open" else Told("it is open"))
    if row.version != grip.version:
        raise ChangedMeanwhile
    return row


def _step(
    connection: Connection,
    scope: Scope,
    grip: Grip,
    action: str,
    values: Mapping[str, Any],
    at: datetime,
    detail: Mapping[str, Any] | None = None,
    *,
    state: str = "open",
) -> int:
    row = _held(connection, scope, grip, state)
    changed = {**values, "version": row.version + 1}
    waits = {**row._asdict(), **values}
    changed["ready_on"] = max(waits["snoozed_until"] or "", waits["not_before"] or "")
    connection.execute(update(EPISODES).where(EPISODES.c.id == row.id).values(changed))
    record(connection, scope, Entry(action, f"episode/{row.id}", row.patient, detail), at)
    return int(row.version) + 1


def _closed(ending: str, at: datetime) -> dict[str, Any]:
    return {"state": "closed", "closed": at, "outcome": ending, "snoozed_until": None, "snoozed_why": None}


def _keep(connection: Connection, scope: Scope, row: Row[Any], tried: Attempt, at: datetime) -> None:
    kept = {
        "id": tried.id,
        "episode": row.id,
        "patient": row.patient,
        "at": at,
        "user": scope.user,
        "channel": tried.channel,
        "outcome": tried.outcome,
        "again_on": tried.again_on.isoformat() if tried.again_on else None,
        "note": tried.note.strip(),
    }
    connection.execute(insert(ATTEMPTS), kept)


def _known(connection: Connection, scope: Scope, grip: Grip, episode: str) -> int:
    """The version of the episode of an attempt that was told before."""
    if episode != grip.episode:
        raise NotNow(Told("an attempt of this id belongs to another episode"))
    return int(connection.execute(select(EPISODES.c.version).where(EPISODES.c.id == episode)).scalar_one())


def _restrict(connection: Connection, scope: Scope, row: Row[Any], kind: Restriction, at: datetime) -> None:
    """A refusal of an offer is one of each rule that spoke for it; what is only unknown, or named to nobody here, was not offered."""
    if kind is not Restriction.DECLINED:
        restrict(connection, scope, row.patient, kind, at)
        return
    offered = (REASONS.c.ended.is_(None), REASONS.c.status == "yes", REASONS.c.restricted.is_(False))
    rules = select(REASONS.c.rule).where(REASONS.c.episode == row.id, *offered).order_by(REASONS.c.rule)
    for rule in connection.scalars(rules).all():
        restrict(connection, scope, row.patient, kind, at, of=rule, until=at.date() + timedelta(days=DECLINED_FOR))


def tried_before(connection: Connection, episode: str) -> list[Tried]:
    """Every attempt of an episode, the last one last."""
    table = ATTEMPTS.c
    query = select(table.at, table.channel, table.outcome, table.again_on).where(table.episode == episode)
    rows = connection.execute(query.order_by(table.at, table.id))
    return [Tried(at, channel, outcome, date.fromisoformat(day) if day else None) for at, channel, outcome, day in rows]


def tried_since_asked(connection: Connection, episode: str) -> list[Tried]:
    """The attempts that say something about what comes next: not those from before help was asked for, which begins it anew."""
    table = REASONS.c
    asked = (table.episode == episode, table.rule.startswith(ASKED, autoescape=True), table.ended.is_(None))
    last = connection.scalar(select(func.max(table.since)).where(*asked))
    return [each for each in tried_before(connection, episode) if last is None or each.at >= last]
