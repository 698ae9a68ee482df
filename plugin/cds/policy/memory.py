"""What was said before about the same person and topic, and how long it rests after that.

How long follows from the clinician's own reason (HL7's override-reason codes). The lengths are ours, except where a source is named;
docs/explanation/quiet-cards.md gives the grounds.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from plugin.cds.feedback import Outcome
from plugin.cds.ledger import CardState, Shown
from plugin.cds.policy.situation import Situation

LONGEST: Final = timedelta(days=730)
"""So far back the ledger is asked."""
ACCEPTED_RESTS: Final = timedelta(days=30)
"""What was accepted is under way."""
UNTOLD_RESTS: Final = timedelta(hours=12)
"""Where no encounter is named, one visit is taken to be over after so long."""
RELOADED: Final = timedelta(minutes=2)
"""A chart that is loaded anew, or a call that is sent again, is the same look: its cards come again for so long."""
MOST_UNANSWERED: Final = 3
UNANSWERED_RESTS: Final = timedelta(days=14)
"""After so many looks of a user that came to nothing, at most one in so long."""


@dataclass(frozen=True, slots=True)
class Rest:
    """How long a topic rests after a reason was given. What several members say holds together: all of it must be over."""

    days: int = 0
    encounter: bool = False
    """Until the next encounter."""
    evidence: bool = False
    """Until the record holds something later than the override."""
    meaning: bool = False
    """Until the rule means something else."""
    user_only: bool = False
    """For this user alone; others are shown it."""


_PREFERENCE: Final = Rest(days=90)
_DONE: Final = Rest(evidence=True)
_NOT_FOR_THEM: Final = Rest(meaning=True)
_NOT_NOW: Final = Rest(encounter=True)
_NOT_ME: Final = Rest(days=730, user_only=True)
_NOT_FEASIBLE: Final = Rest(days=30)
_DISAGREES: Final = Rest(meaning=True, user_only=True)
DEFAULT: Final = Rest(days=30, user_only=True)
"""After an override without a reason, or with one of a client's own."""

RESTS: Final = {
    **dict.fromkeys(("patient-refuses", "prefers-alternative", "does-not-align-preferences"), _PREFERENCE),
    **dict.fromkeys(("action-completed", "indication-order-exists", "action-performed-no-adverse-effect", "action-unsuccessful"), _DONE),
    **dict.fromkeys(("patient-ineligible", "cds-not-applicable", "patient-contraindication"), _NOT_FOR_THEM),
    **dict.fromkeys(("limited-time", "wrong-time-workflow", "need-more-info", "cds-suboptimal-context", "action-not-priority"), _NOT_NOW),
    "inappropriate-recipient": _NOT_ME,
    **dict.fromkeys(("recipient-disagrees-evidence", "recipient-concerns-outcomes"), _DISAGREES),
    **dict.fromkeys(
        (
            *("service-not-available", "too-costly-uncovered", "not-convenient-feasible", "inadequate-support"),
            *("implementation-challenges", "recipient-does-not-understand", "comorbidity-disability"),
        ),
        _NOT_FEASIBLE,
    ),
}
"""Code of the reason → how long the topic rests."""


@dataclass(frozen=True, slots=True)
class Now:
    """What would be said now about a topic."""

    fingerprint: str
    """Of what its rule means."""
    evidence: Sequence[str]
    """The days of what it rests on, as the record has them."""


def reason_to_rest(past: Iterable[Shown], now: Now, situation: Situation, *, silent: bool = False, critical: bool = False) -> str | None:
    """Why a topic rests; ``None``: it may be spoken of. ``past`` are the cards about it that this person had, the oldest first.

    A rule that is ``silent`` has seen to it when it would have spoken, so that its cards are counted as people would have seen them. One
    that is ``critical`` is put off by no override, and by no silence of the user: only what is under way, or was seen in this encounter,
    rests.
    """
    everything = list(past)
    counted = (CardState.RETURNED, CardState.SILENT) if silent else (CardState.RETURNED,)
    for shown in reversed([each for each in everything if each.state in counted]):
        if reason := _of_one(shown, now, situation, critical=critical):
            return reason
    returned = [each for each in everything if each.state is CardState.RETURNED]
    return "unanswered" if not critical and _is_unanswered(returned, situation) else None


def _of_one(shown: Shown, now: Now, situation: Situation, *, critical: bool) -> str | None:
    if shown.outcome is Outcome.ACCEPTED:
        return "accepted" if situation.at - _since(shown, situation) < ACCEPTED_RESTS else None
    if shown.outcome is Outcome.OVERRIDDEN and not critical:
        codes = [reason.code for reason in shown.reasons] or [""]
        return next(
            (f"snoozed:{code or 'override'}"[:64] for code in codes if _rests(RESTS.get(code, DEFAULT), shown, now, situation)), None
        )
    return "same-encounter" if _was_seen(shown, situation) else None


def _rests(rest: Rest, shown: Shown, now: Now, situation: Situation) -> bool:
    if rest.user_only and shown.user_hash != situation.user_hash:
        return False
    since = _since(shown, situation)
    return any(
        (
            situation.at - since < timedelta(days=rest.days),
            rest.encounter and _is_same_encounter(shown, situation),
            rest.evidence and not _has_later(now.evidence, since.date()),
            rest.meaning and now.fingerprint == shown.fingerprint,
        )
    )


def _since(shown: Shown, situation: Situation) -> datetime:
    """When a card was answered. The client's clock is not believed where it says: before the card was made, or in time to come."""
    told = shown.outcome_at
    return told if told and shown.at <= told <= situation.at else shown.at


def _was_seen(shown: Shown, situation: Situation) -> bool:
    return _is_same_encounter(shown, situation) and (situation.at - shown.at >= RELOADED or shown.user_hash != situation.user_hash)


def _is_same_encounter(shown: Shown, situation: Situation) -> bool:
    if shown.encounter_hash and situation.encounter_hash:
        return shown.encounter_hash == situation.encounter_hash
    return shown.user_hash == situation.user_hash and situation.at - shown.at < UNTOLD_RESTS


def _has_later(days: Iterable[str], than: date) -> bool:
    """Whether one of the days (full or partial) surely lies after a day: what has only a year may be what was known already."""
    return any(day > than.isoformat()[: len(day)] for day in days if day)


def _is_unanswered(past: Sequence[Shown], situation: Situation) -> bool:
    """Whether the user's last looks came to nothing, and the last of them was not long ago. The present look does not count."""
    if situation.user_hash is None:
        return False
    mine = [shown for shown in past if shown.user_hash == situation.user_hash and situation.at - shown.at >= RELOADED]
    answered = max((shown.at for shown in mine if shown.outcome), default=None)
    looks = {shown.encounter_hash or shown.at.date(): shown.at for shown in mine if answered is None or shown.at > answered}
    return len(looks) >= MOST_UNANSWERED and situation.at - max(looks.values()) < UNANSWERED_RESTS
