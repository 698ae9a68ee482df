"""Sending: the attempt, the entry of the outbox and the record in one transaction. Whether it may go is looked up at that moment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, insert, select, update

from plugin.access import Entry, Right, Scope, record
from plugin.messages.agreeing import agreed, missing
from plugin.messages.composing import Message
from plugin.messages.gateways.gateway import Word
from plugin.messages.words import CHANNELS
from plugin.outreach.acting import Attempt, Grip, NotNow, Refused, attempt, learned, refusal, wrong_moment
from plugin.outreach.episodes import Episode
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import REASONS
from plugin.store.tables.referrals import REFERRALS
from rules.told import Told

WAITS: Final = "waits"
GOING: Final = "going"
"""Somebody is sending it, or was when their process ended."""
HANDED: Final = "handed"
SENT: Final = "sent"
FAILED: Final = "failed"
UNKNOWN: Final = "unknown"
HELD: Final = "held"
"""What stood against it came up before it went."""
OUTCOMES: Final = {SENT: "sent", FAILED: "undeliverable", UNKNOWN: "not-known", HELD: "held-back"}
"""How a message ends → what came of the attempt that it is."""
BY_HAND: Final = "hand"
"""In place of a gateway: staff printed or copied it."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What somebody who has seen a message says."""

    id: str
    """Given by whoever sends: said twice, it is one message."""
    grip: Grip
    seen: str
    """The digest of what they saw."""
    by: str | None
    """The gateway; ``None``: they send it by hand."""


def stands_against(connection: Connection, scope: Scope, patient: str, channel: str, now: datetime) -> str | None:
    """Why nothing may go to somebody over a channel at this moment, in words; ``None``: it may. Raises `Forbidden`."""
    return (
        refusal(connection, scope, patient, channel, now)
        or missing(connection, patient, channel)
        or wrong_moment(connection, patient, channel, now)
    )


def address_of(connection: Connection, episode: Episode, channel: str) -> str:
    """Where it would go; empty if the channel needs no address, or there is none."""
    if channel == "phone":
        return str(episode.row.phone)
    found = agreed(connection, episode.row.patient).get(channel)
    return str(found.address) if found is not None else ""


def send(
    connection: Connection, scope: Scope, sending: Sending, episode: Episode, message: Message, given_by: Collection[str], now: datetime
) -> None:
    """Keep that ``message`` goes to the person of ``episode``; `plugin.messages.carrying` sees to the rest.

    ``given_by``: the rules that gave its topic.

    Raises:
        NotNow: something stands against it, or it is not what they saw any more.
        NoSuchEpisode: there is none of that id.
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REACH_OUT)
    row, choice = episode.row, message.choice
    if known := connection.scalar(select(MESSAGES.c.episode).where(MESSAGES.c.id == sending.id)):
        if known != row.id:
            raise NotNow(Told("a message of this id belongs to another conversation; load the page again"))
        return
    if not CHANNELS[choice.channel].written:
        raise NotNow(Told("a script is spoken; note under what was tried what came of the call"))
    if why_not := stands_against(connection, scope, row.patient, choice.channel, now):
        raise NotNow(why_not)
    address = address_of(connection, episode, choice.channel)
    if message.digest(address) != sending.seen:
        raise NotNow(Told("it would not be what you saw any more; look at it again"))
    try:
        tried = Attempt(sending.id, choice.channel, "sending" if sending.by else "sent")
    except Refused as wrong:
        raise NotNow(*wrong.args) from None
    attempt(connection, scope, sending.grip, tried, now)
    kept = {
        "id": sending.id,
        "episode": row.id,
        "patient": row.patient,
        "channel": choice.channel,
        "address": address,
        "topic": choice.topic,
        "language": choice.language,
        "level": choice.level,
        "neutral": message.neutral,
        "name": row.name,
        "subject": message.subject,
        "text": message.text,
        "refers": {} if message.neutral else _refers(connection, row.id, given_by),
        "gateway": sending.by or BY_HAND,
        "state": WAITS if sending.by else SENT,
        "reason": "",
        "tries": 0,
        "created": now,
        "due": now if sending.by else None,
        "ended": None if sending.by else now,
        "user": scope.user,
    }
    connection.execute(insert(MESSAGES), kept)
    detail = {"channel": choice.channel, "topic": choice.topic, "gateway": kept["gateway"]}
    record(connection, scope, Entry("message.send", f"message/{sending.id}", row.patient, detail), now)


def _refers(connection: Connection, episode: str, rules: Collection[str]) -> Mapping[str, Sequence[str]]:
    """The pieces of the record for which ``rules`` say yes, and the orders that came of them in this conversation.

    Nothing that stands on no shared list, whoever sends: whoever reads the portal sees it. No order of which an agency must not tell.
    """
    why, table = REASONS.c, REFERRALS.c
    holds = (why.episode == episode, why.rule.in_(rules), why.ended.is_(None), why.status == "yes", why.restricted.is_(False))
    reasons = [reason for evidence in connection.scalars(select(why.evidence).where(*holds).order_by(why.rule)) for reason in evidence]
    pieces = [piece["resource"] for reason in reasons for piece in reason["evidence"]]
    sent = (table.origin_id == episode, table.rule.in_(rules), table.request_place.is_not(None))
    told = (table.restricted.is_(False), table.unsafe.is_(False))
    orders = select(table.request_place).where(*sent, *told).order_by(table.id)
    return {"about": list(dict.fromkeys(pieces)), "based on": list(connection.scalars(orders))}


def settle(connection: Connection, scope: Scope, id: str, state: str, reason: str, at: datetime) -> None:
    """How a message ended; the attempt that it is says so, too. The episode's row is locked before that of the message.

    Raises `Forbidden`.
    """
    learned(connection, scope, id, OUTCOMES[state], at)
    ended: dict[str, Any] = {"state": state, "reason": reason[:64], "due": None, "ended": at}
    connection.execute(update(MESSAGES).where(MESSAGES.c.id == id).values(ended))
    row = connection.execute(select(MESSAGES.c.patient, MESSAGES.c.channel).where(MESSAGES.c.id == id)).one()
    detail = {"channel": row.channel, "reason": reason}
    record(connection, scope, Entry(f"message.{state}", f"message/{id}", row.patient, detail), at)


def came_back(connection: Connection, scope: Scope, id: str, at: datetime) -> bool:
    """One that counted as sent, or as not known, turned out not to have been delivered. Whether there was such a one.

    Raises `Forbidden`.
    """
    scope.require(Right.REACH_OUT)
    known = select(MESSAGES.c.id).where(MESSAGES.c.id == id, MESSAGES.c.state.in_((SENT, UNKNOWN)))
    if connection.scalar(known) is None:
        return False
    settle(connection, scope, id, FAILED, "came back", at)
    return True


STATES: Final = {Word.SENT: SENT, Word.FAILED: FAILED, Word.UNKNOWN: UNKNOWN, Word.HANDED: HANDED, Word.LATER: WAITS}
"""What a gateway says → where a message stands then."""
