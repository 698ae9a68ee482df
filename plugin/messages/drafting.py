"""A message to somebody as it would go out now: from what was chosen to its words, its address and what stands against it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from plugin.access import Right, Scope
from plugin.messages import agreeing, sending
from plugin.messages.composing import Choice, Message, about, chosen, compose, is_sensitive, values
from plugin.messages.sending import Sending
from plugin.messages.settings import MessageSettings
from plugin.messages.topics import Topic
from plugin.outreach.acting import Grip, hold
from plugin.outreach.episodes import Episode, whole
from plugin.outreach.restricting import is_unsafe
from plugin.translations import marked
from rules.document import Rule


@dataclass(frozen=True, slots=True)
class Desk:
    """What writing needs. One per process."""

    settings: MessageSettings
    topics: Mapping[str, Topic]
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class Draft:
    """A message to somebody, as it would go out now."""

    episode: Episode
    topics: Mapping[str, Sequence[str]]
    """Those that can be chosen, with the rules that give each."""
    asked: Choice
    """What was chosen, whatever words stand in for it."""
    message: Message
    address: str
    why_not: str | None
    """What stands against sending it."""
    agreed: Mapping[str, Any]
    charted: str
    """The e-mail address in the record, to ask about; empty: none is known, they already named one, or it may not be safe."""

    @property
    def seen(self) -> str:
        """The digest of what whoever looks sees."""
        return self.message.digest(self.address)


def draft(connection: Connection, scope: Scope, desk: Desk, episode: str, wish: Mapping[str, str], now: datetime) -> Draft:
    """As ``wish`` chooses; that the person was looked at is recorded.

    Raises:
        NoSuchEpisode: there is none of that id.
        Forbidden: see `plugin.access.scope`.
    """
    found = whole(connection, scope, episode, now).episode
    row = found.row
    topics = about(desk.topics, found.why, desk.rules)
    choice = chosen(wish, topics, row.language, row.channel)
    topic = desk.topics[choice.topic]
    unsafe = is_unsafe(connection, row.patient, now.date())
    exposed = unsafe or (choice.channel == "phone" and agreeing.is_shared(connection, row.patient, row.phone))
    sensitive = unsafe or is_sensitive(topic, topics[choice.topic], desk.rules)
    written = compose(desk.topics, choice, values(desk.settings, row.name), sensitive=sensitive, exposed=exposed)
    why_not = marked("it is closed") if row.state != "open" else None
    if scope.may(Right.REACH_OUT):
        why_not = why_not or sending.stands_against(connection, scope, row.patient, choice.channel, now)
    address = sending.address_of(connection, found, choice.channel)
    agreed = agreeing.agreed(connection, row.patient)
    charted = "" if unsafe or choice.channel != "email" or "email" in agreed else row.email or ""
    return Draft(found, topics, choice, written, address, why_not, agreed, charted)


def send(connection: Connection, scope: Scope, desk: Desk, grip: Grip, wish: Mapping[str, str], message: str, now: datetime) -> None:
    """Send what ``wish`` chooses, as the message of that id, if it is what whoever sends has ``seen``. Raises as `sending.send`."""
    hold(connection, grip.episode)  # before looking at it, which is recorded
    found = draft(connection, scope, desk, grip.episode, wish, now)
    choice = found.message.choice
    said = Sending(message, grip, wish.get("seen", ""), desk.settings.by(choice.channel))
    sending.send(connection, scope, said, found.episode, found.message, found.topics[choice.topic], now)
