"""What the tests of the ledger share: entries, and feedback as clients send it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from plugin.cds.ledger import CallEntry, CardEntry, CardState, SuggestionEntry

KEY = b"a key of the tests, 32 characters or more"
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
CLIENT = "north"
REASONS = "http://terminology.hl7.org/CodeSystem/non-adherence-reason-codes"
ORDER = {
    "resourceType": "ServiceRequest",
    "status": "draft",
    "intent": "order",
    "code": {"coding": [{"system": "http://snomed.info/sct", "code": "467771000124109"}]},
    "subject": {"reference": "Patient/p1"},
}

Json = dict[str, Any]


def refer(creates: tuple[str, ...] = (), **meaning: Any) -> SuggestionEntry:
    """A suggestion of a referral, of which the client makes what ``creates`` says."""
    return SuggestionEntry(str(uuid4()), "refer", {"order": ORDER, "creates": list(creates)} | meaning)


def card(topic: str = "food", *suggestions: SuggestionEntry, state: CardState = CardState.RETURNED, **more: Any) -> CardEntry:
    """A card of the rule that has the topic's name."""
    usual: Json = {"priority": 50, "as_of": date(2026, 6, 30), "evidence": (("Observation/a1c", "2026-05-02"),)} | more
    return CardEntry(str(uuid4()), topic, "pack", "1.2.0", "sha256:" + "a" * 64, topic, state, suggestions=suggestions, **usual)


def call(*cards: CardEntry, at: datetime = NOON, client: str = CLIENT, patient: str = "p1", **more: Any) -> CallEntry:
    """A call of patient-view."""
    usual: Json = {"user": "Practitioner/7", "encounter": "e1", "durations": {"evaluate": 2.5}, "not_loaded": ("goals",)} | more
    return CallEntry(client, "patient-view", at, patient, cards, **usual)


def accepted(card: CardEntry, *suggestions: SuggestionEntry, after: float = 60) -> Json:
    """An entry of feedback, so many seconds after noon."""
    return _entry(card, "accepted", after) | {"acceptedSuggestions": [{"id": each.id} for each in suggestions]}


def overridden(card: CardEntry, code: str | None = "patient-refuses", after: float = 60, **reason: Any) -> Json:
    """An entry of feedback with a reason."""
    given = {"reason": {"code": code, "system": REASONS}} if code else {}
    return _entry(card, "overridden", after) | {"overrideReason": given | reason}


def message(*entries: Any) -> Json:
    """The body of a feedback call."""
    return {"feedback": list(entries)}


def _entry(card: CardEntry, outcome: str, after: float) -> Json:
    at = (NOON + timedelta(seconds=after)).isoformat().replace("+00:00", "Z")
    return {"card": card.id, "outcome": outcome, "outcomeTimestamp": at}
