"""From the store to the gateways. Killed at any moment, whatever was under way is looked at before anything is tried again."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Row, select, update

from plugin.access import Entry, Role, Scope, record
from plugin.messages.agreeing import agreed, missing
from plugin.messages.gateways.gateway import Gateway, Outgoing, Result, Word
from plugin.messages.sending import GOING, HANDED, HELD, OUTCOMES, STATES, UNKNOWN, WAITS, settle
from plugin.messages.words import CHANNELS
from plugin.outreach.acting import learned, refusal, wrong_moment
from plugin.outreach.restricting import is_unsafe
from plugin.store import Store
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import EPISODES

_LOG: Final = logging.getLogger(__name__)
CARRIER: Final = Scope("messages", Role.SYSTEM)
"""In whose name messages go out, and are held back."""
_AT_ONCE: Final = 200
LEASE: Final = timedelta(minutes=15)
"""Longer than a try can take; after that whoever began it is gone."""
_WAITING: Final = timedelta(minutes=15)
"""Between two looks at what waits for a better moment, or for the outbox."""
_STEPS: Final = tuple(timedelta(minutes=minutes) for minutes in (5, 15, 60, 240))
"""After each try in vain; servers that put strangers off take them after some minutes."""
GIVES_UP: Final = timedelta(days=2)
"""What did not go in this time does not go any more: it would surprise."""


def carry_out(store: Store, gateways: Mapping[str, Gateway], clock: Callable[[], datetime]) -> Counter[str]:
    """Try everything that is due; how many stand how now. ``clock`` has the zone in which people live.

    A gateway that the settings do not name any more keeps what was for it waiting.
    """
    done: Counter[str] = Counter()
    table = MESSAGES.c
    due = select(table.id).where(table.state.in_((WAITS, GOING, HANDED)), table.due <= clock(), table.gateway.in_(list(gateways)))
    with store.read() as connection:
        ids = connection.scalars(due.order_by(table.due, table.id).limit(_AT_ONCE)).all()
    for id in ids:
        if state := _carry(store, gateways, id, clock):
            done[state] += 1
    return done


def _carry(store: Store, gateways: Mapping[str, Gateway], id: str, clock: Callable[[], datetime]) -> str:
    """One message; where it stands then. Empty: somebody else had it.

    The time is looked up for each, and again once the gateway is done: a run may take longer than a lease, and into the night.
    """
    with store.write() as connection:
        row, now = locked(connection, id), clock()
        if row is None or row.due is None or row.due > now or row.state not in (WAITS, GOING, HANDED):
            return ""
        if row.state == WAITS and (state := _kept_from_going(connection, row, now)):
            return state
        _note(connection, row, {"state": GOING if row.state == WAITS else row.state, "due": now + LEASE})
    result, sends = _tried(gateways[row.gateway], row), row.state == WAITS
    with store.write() as connection:
        row, now = locked(connection, id), clock()
        if row is None:
            return ""
        return _take(connection, row, result, now) if row.state in (GOING, HANDED) else _late(connection, row, result, sends, now)


def _tried(gateway: Gateway, row: Row[Any]) -> Result:
    """What the gateway says. Whatever goes wrong with one message, those behind it go; of this one nobody knows."""
    try:
        message = _outgoing(row)
        return gateway.send(message) if row.state == WAITS else gateway.look(message)
    except Exception as error:  # of the error only its type is told: its text may name somebody
        _LOG.error("message %s: its gateway failed: %s", row.id, type(error).__name__)
        return Result(Word.UNKNOWN, f"{type(error).__name__} in the gateway")


def locked(connection: Connection, id: str) -> Row[Any] | None:
    """A message, with its episode locked before it."""
    episode = select(EPISODES.c.id).join(MESSAGES, MESSAGES.c.episode == EPISODES.c.id).where(MESSAGES.c.id == id)
    connection.execute(episode.with_for_update(of=EPISODES))
    return connection.execute(select(MESSAGES).where(MESSAGES.c.id == id).with_for_update()).one_or_none()


def _kept_from_going(connection: Connection, row: Row[Any], now: datetime) -> str:
    """What stands against it by now: for good, and it is held back; or for a while, and it waits. Empty: nothing does."""
    if why_not := hindrance(connection, row, now):
        settle(connection, CARRIER, row.id, HELD, why_not, now)
        return HELD
    if wrong_moment(connection, row.patient, row.channel, now, besides=row.id):
        _note(connection, row, {"due": now + _WAITING, "reason": "not at this moment"})
        return WAITS
    return ""


def hindrance(connection: Connection, row: Row[Any], now: datetime) -> str:
    """What stands against a message for good, as a code; empty if nothing does."""
    state = connection.scalar(select(EPISODES.c.state).where(EPISODES.c.id == row.episode))
    if state != "open":
        return "the conversation is over"
    unsafe = is_unsafe(connection, row.patient, now.date())
    if refusal(connection, CARRIER, row.patient, row.channel, now) or (unsafe and not row.neutral):
        return "not to be reached this way"
    if CHANNELS[row.channel].agreed:
        address = agreed(connection, row.patient).get(row.channel)
        if address is None or address.address != row.address or missing(connection, row.patient, row.channel):
            return "not agreed to any more"
    return "too late" if now - row.created > GIVES_UP else ""


def _take(connection: Connection, row: Row[Any], result: Result, now: datetime) -> str:
    """What the gateway said of it."""
    if result.word is Word.LATER and row.state == HANDED:
        result = Result(Word.UNKNOWN, "no longer known where it was handed to")
    state, tries = STATES[result.word], row.tries + (row.state == GOING)
    wait = _STEPS[min(tries, len(_STEPS)) - 1] if state == WAITS else _WAITING
    _note(connection, row, {"state": state, "reason": result.reason[:64], "tries": tries, "due": now + wait})
    if state in OUTCOMES:
        settle(connection, CARRIER, row.id, state, result.reason, now)
    return state


def _late(connection: Connection, row: Row[Any], result: Result, sends: bool, now: datetime) -> str:
    """Whoever was thought to be gone was only slow: what they know for sure is better than what was thought meanwhile.

    Above all nobody gets twice what may have gone. ``sends``: they were the one who sent it.
    """
    sure = {UNKNOWN: (Word.SENT, Word.FAILED), WAITS: (Word.SENT, Word.FAILED, Word.UNKNOWN)}
    if result.word in sure.get(row.state, ()):
        settle(connection, CARRIER, row.id, STATES[result.word], result.reason, now)
    elif row.state == UNKNOWN and result.word is Word.LATER and sends:
        _wait_again(connection, row, result, now)
    return ""


def _wait_again(connection: Connection, row: Row[Any], result: Result, now: datetime) -> None:
    """It counted as not known whether it was sent; by now it is known that it was not."""
    learned(connection, CARRIER, row.id, "sending", now)
    wait = _STEPS[min(row.tries, len(_STEPS)) - 1]
    _note(connection, row, {"state": WAITS, "reason": result.reason[:64], "due": now + wait, "ended": None})
    record(connection, CARRIER, Entry(f"message.{WAITS}", f"message/{row.id}", row.patient, {"channel": row.channel}), now)


def _note(connection: Connection, row: Row[Any], values: Mapping[str, Any]) -> None:
    connection.execute(update(MESSAGES).where(MESSAGES.c.id == row.id).values(**values))


def _outgoing(row: Row[Any]) -> Outgoing:
    names = ("id", "patient", "channel", "address", "name", "language", "neutral", "subject", "text", "created", "refers")
    return Outgoing(**{name: getattr(row, name) for name in names})
