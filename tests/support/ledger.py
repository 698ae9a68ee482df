"""What the tests of the ledger share: entries, and feedback as clients send it."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

from plugin.cds.feedback import parse_feedback
from plugin.cds.ledger import CallEntry, CardEntry, CardState, Ledger, SuggestionEntry
from plugin.cds.ledger.waiting import ORDERED, RESOLVED

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


def fill(ledger: Ledger, now: datetime, calls: int = 240) -> None:
    """Two months of two sites: north tells what became of cards, south never does."""
    month = timedelta(days=30)
    for number in range(calls):
        topic = ("diabetes-food-insecurity", "cold-damp-home-respiratory", "social-screening-overdue")[number % 3]
        client, user = ("north", "Practitioner/7") if number % 4 else ("south", None)
        offer = refer(("ServiceRequest",) if number % 2 else ())
        held = (CardState.RETURNED, CardState.SILENT, CardState.SUPPRESSED)[(number % 11 == 0) + (number % 13 == 0)]
        shown = card(topic, offer, state=held, reason="snoozed" if held is CardState.SUPPRESSED else None)
        at = now - month * (2 * number / calls) - timedelta(hours=number % 48)
        ledger.record(call(shown, at=at, client=client, patient=f"p{number % 90}", user=user))
        if client == "north" and held is CardState.RETURNED and number % 7 < 5:
            said = accepted(shown, offer) if number % 7 < 2 else overridden(shown, ("patient-refuses", "limited-time")[number % 5 == 0])
            said["outcomeTimestamp"] = (at + timedelta(minutes=3)).isoformat()
            ledger.take(parse_feedback(message(said)), client, at + timedelta(hours=1))
            if number % 7 == 0:
                ledger.progressed(offer.id, ORDERED, at + month / 10)
            if number % 14 == 0:
                ledger.progressed(offer.id, RESOLVED, at + month / 5)
