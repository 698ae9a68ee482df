"""A desk at which messages are written: people with conversations, and what is needed to send them something."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select
from support.outreach import REFERS, person, published

from plugin.access import Role, Scope
from plugin.findings.catalogue import rules_by_id
from plugin.messages import agreeing, sending
from plugin.messages.composing import Choice, Message, about, compose, is_sensitive, values
from plugin.messages.gateways.gateway import Outgoing, Result, Word
from plugin.messages.sending import Sending
from plugin.messages.settings import MessageSettings
from plugin.messages.topics import load_topics
from plugin.outreach.acting import Grip
from plugin.outreach.episodes import Whole, whole
from plugin.outreach.taking import take
from plugin.store import Store
from plugin.store.tables.messages import MESSAGES
from plugin.store.tables.outreach import ATTEMPTS, EPISODES
from rules.pack import BUILT_IN, load_packs

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
PEOPLE = {"a": {REFERS: "yes"}, "b": {"phq9-no-follow-up": "yes", "unsafe-home": "yes"}, "c": {"screening-overdue": "yes"}}
WRITERS = MessageSettings(organisation="Northside Food and Health", sender="Northside", phone="555 0199")


@dataclass
class Desk:
    """Where messages are written."""

    store: Store
    state: Path
    settings: MessageSettings = WRITERS

    def whole(self, patient: str, scope: Scope = CARE) -> Whole:
        with self.store.write() as connection:
            id = connection.execute(select(EPISODES.c.id).where(EPISODES.c.patient == patient)).scalar_one()
            return whole(connection, scope, id, NOON)

    def draft(self, patient: str, channel: str = "email", topic: str = "", scope: Scope = CARE, **choice: str) -> Message:
        topics, rules = load_topics(), rules_by_id(load_packs(BUILT_IN))
        with self.store.write() as connection:
            id = connection.execute(select(EPISODES.c.id).where(EPISODES.c.patient == patient)).scalar_one()
            episode = whole(connection, scope, id, NOON).episode
            shared = agreeing.is_shared(connection, patient, episode.row.phone)
        known = about(topics, episode.why, rules)
        topic = topic or next(iter(known))
        found = Choice(topic, channel, choice.get("language", "en"), choice.get("level", "plain"))
        sensitive = is_sensitive(topics[topic], known.get(topic, ()), rules)
        return compose(topics, found, values(self.settings, episode.row.name), sensitive=sensitive, exposed=shared)

    def agree(self, patient: str, channel: str, address: str, at: datetime = NOON) -> None:
        with self.store.write() as connection:
            id = connection.execute(select(EPISODES.c.id).where(EPISODES.c.patient == patient)).scalar_one()
            agreeing.agree(connection, CARE, id, channel, address, at)

    def send(
        self,
        patient: str,
        id: str = "m-1",
        by: str | None = "smtp",
        at: datetime = NOON,
        seen: str = "",
        scope: Scope = CARE,
        **choice: Any,
    ) -> None:
        message, found = self.draft(patient, scope=scope, **choice), self.whole(patient, scope).episode
        row, given_by = found.row, about(load_topics(), found.why, rules_by_id(load_packs(BUILT_IN))).get(message.choice.topic, ())
        with self.store.write() as connection:
            episode = whole(connection, scope, row.id, NOON).episode
            seen = seen or message.digest(sending.address_of(connection, episode, message.choice.channel))
            said = Sending(id, Grip(row.id, episode.row.version), seen, by)
            sending.send(connection, scope, said, episode, message, given_by, at)

    def message(self, id: str = "m-1") -> Row[Any]:
        with self.store.read() as connection:
            return connection.execute(select(MESSAGES).where(MESSAGES.c.id == id)).one()

    def outcome(self, id: str = "m-1") -> str:
        with self.store.read() as connection:
            return str(connection.execute(select(ATTEMPTS.c.outcome).where(ATTEMPTS.c.id == id)).scalar_one())


def desk_at(store: Store, tmp_path: Path) -> Desk:
    """Three people, each with a conversation."""
    phones = {"a": "555 0101", "b": "555 0102", "c": "555 0102"}
    people = [person(id, findings, phone=phones[id]) for id, findings in PEOPLE.items()]
    take(store, published(tmp_path / "state", "s1", people), TODAY, clock=lambda: NOON)
    return Desk(store, tmp_path / "state")


@dataclass
class Carrier:
    """A gateway that says what it was told to say, and remembers what it got."""

    say: list[Result] = field(default_factory=list)
    seen: Result = field(default_factory=lambda: Result(Word.UNKNOWN, "stopped"))
    got: list[Outgoing] = field(default_factory=list)

    def send(self, message: Outgoing) -> Result:
        self.got.append(message)
        return self.say.pop(0) if self.say else Result(Word.SENT)

    def look(self, message: Outgoing) -> Result:
        return self.seen


def outgoing(**changes: Any) -> Outgoing:
    """A message as gateways get it."""
    usual: dict[str, Any] = {
        "id": "0f8f5a3e-9d0c-4c55-9a6e-0e5b8d5d8a01",
        "patient": "p1",
        "channel": "email",
        "address": "ana@example.org",
        "name": "Ana Example",
        "language": "es",
        "neutral": False,
        "subject": "Ayuda con los alimentos",
        "text": "Hola Ana:\n\n.Queremos hablar con usted.",
        "created": NOON,
        "refers": {},
    }
    return Outgoing(**(usual | changes))
