"""Advice of made-up rules, cards of the past, and the situation in which policy decides."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import uuid4

from support.cds_advice import advised

from plugin.cds.advice import Advice
from plugin.cds.feedback import Outcome, OverrideReason
from plugin.cds.ledger import CardState, Shown
from plugin.cds.policy.decision import Terms
from plugin.cds.policy.situation import Situation
from plugin.settings import RolloutSettings

NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
MEANING: Final = "sha256:" + "a" * 64
FOOD: Final = "diabetes-food-insecurity"


@cache
def _real() -> Advice:
    return next(each for each in advised() if each.rule.id.text == FOOD)


def advice(name: str = "food", status: str = "live", priority: int = 50, indicator: str = "warning") -> Advice:
    """Advice like that of the shipped rule about food, of a rule with another name."""
    real = _real()
    rule = real.rule
    changed = replace(rule, id=rule.id._replace(text=name), status=status, priority=priority, card=replace(rule.card, indicator=indicator))
    return replace(real, rule=changed)


def situation(at: datetime = NOW, **more: Any) -> Situation:
    """A user looks at the chart of p1 in an encounter."""
    usual: dict[str, Any] = {"user_hash": "user", "encounter_hash": "visit"} | more
    return Situation("north", "p1", at, **usual)


def shown(ago: timedelta = timedelta(days=1), *codes: str, topic: str = "food", **more: Any) -> Shown:
    """A card of that long ago in another encounter; with ``codes`` it was overridden for those reasons, five minutes later."""
    at = NOW - ago
    outcome = {"outcome": Outcome.OVERRIDDEN, "outcome_at": at + timedelta(minutes=5)} if codes else {}
    reasons = tuple(OverrideReason("", code, None) for code in codes if code)
    usual: dict[str, Any] = {"user_hash": "user", "encounter_hash": "earlier", "state": CardState.RETURNED, "fingerprint": MEANING}
    told = usual | outcome | {"reasons": reasons} | more
    return Shown(str(uuid4()), topic, topic, "north", at=at, **told)


def terms(most: int = 2, rollouts: dict[str, dict[str, Any]] | None = None, **more: Any) -> Terms:
    """So many cards, and what the settings say of rules."""
    found = {name: RolloutSettings(**each) for name, each in (rollouts or {}).items()}
    return Terms(found, lambda rule: MEANING, most, **more)
