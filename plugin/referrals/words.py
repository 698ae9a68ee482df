"""The words of referrals: why one was turned down or ended, what came of it, and what staff are to look at."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fhir_adapters import gravity


@dataclass(frozen=True, slots=True)
class Why:
    """A reason with which a referral is rejected, put on hold, cancelled or failed."""

    label: str
    code: str | None = None
    """Of Gravity's code system, where it has one."""


NO_CAPACITY: Final = "no-capacity"
NO_ANSWER: Final = "no-answer"
OTHER: Final = "other"
REASONS: Final = {
    NO_CAPACITY: Why("No place free", "no-capacity"),
    "waitlist": Why("On the waiting list", "waitlist"),
    "assessment": Why("A further assessment is needed", "additional-assessment-required"),
    "not-eligible": Why("Not eligible"),
    "not-offered": Why("Not offered here"),
    "out-of-area": Why("Lives outside the area served"),
    "not-reached": Why("Could not be reached"),
    "no-longer-wanted": Why("No longer wanted"),
    "helped-elsewhere": Why("Helped elsewhere"),
    NO_ANSWER: Why("No answer"),
    "mistake": Why("Sent by mistake"),
    OTHER: Why("Another reason"),
}
"""Each reason by its code."""
CHOSEN: Final = {code: why for code, why in REASONS.items() if code != NO_ANSWER}
"""Those that people choose from. That an agency did not answer only the timers say: the next agency gets its turn then."""
_BY_GRAVITY: Final = {why.code: code for code, why in REASONS.items() if why.code}


def status_reason(code: str, text: str | None) -> dict[str, Any]:
    """Task.statusReason: always with a text, as the guide wants it."""
    why = REASONS[code]
    coding = {"system": gravity.CATEGORIES, "code": why.code}
    said = (text or "").removeprefix(why.label).removeprefix(":").strip()  # what was read from a server begins with the label itself
    return ({"coding": [coding]} if why.code else {}) | {"text": f"{why.label}: {said}" if said else why.label}


def reason_code(status_reason: Any) -> str:
    """The code of a Task.statusReason that somebody else may have written."""
    found = status_reason if isinstance(status_reason, dict) else {}
    codings = found.get("coding")
    for coding in codings if isinstance(codings, list) else []:
        if isinstance(coding, dict) and coding.get("system") == gravity.CATEGORIES and str(coding.get("code")) in _BY_GRAVITY:
            return _BY_GRAVITY[str(coding["code"])]
    label = str(found.get("text")).partition(":")[0]
    return next((code for code, why in REASONS.items() if why.label == label), OTHER)


class Attention(StrEnum):
    """Why somebody must look at a referral."""

    NUDGED = "nudged"
    """No answer for long: remind them."""
    NO_OTHER = "no-other"
    """Nobody answered, or there is no place, and no other service surely fits."""
    OUTCOME = "outcome"
    """Completed, but nobody said what came of it."""
    OVERTAKEN = "overtaken"
    """What was decided here came too late: it stands elsewhere on the server."""
    ILLEGAL = "illegal"
    """The server shows what cannot follow from what it showed before."""
    NOT_SENT = "not-sent"
    """The consent was withdrawn before it went out."""
    NO_ORDER = "no-order"
    """Whoever accepted the card never signed the order that the EHR made of it."""


ATTENTION: Final = {
    Attention.NUDGED: "No answer yet: remind them",
    Attention.NO_OTHER: "Find another service by hand",
    Attention.OUTCOME: "Ask what came of it",
    Attention.OVERTAKEN: "Changed elsewhere meanwhile",
    Attention.ILLEGAL: "The server shows something that cannot be",
    Attention.NOT_SENT: "Not sent: the consent was withdrawn",
    Attention.NO_ORDER: "The order was never signed: ask whoever ordered it",
}
"""Each in words."""
HERE: Final = "here"
"""The tenant of referrals that stand in no EHR: agencies answer on our pages, and nobody else is to be told."""
EPISODE: Final = "episode"
CARD: Final = "card"
RELAY: Final = "relay"
"""Where a referral comes from."""
RESULTING: Final = "resulting-activity"
ADDITIONAL: Final = "additional-content"
OUTPUT_KINDS: Final = (RESULTING, ADDITIONAL)
"""What a Task may be told to have come to, as Gravity's codes."""
BY_ITS_NATURE_UNSAFE: Final = frozenset({"intimate-partner-violence", "elder-abuse"})
"""Needs about which an agency never gets in touch by itself: somebody at home may be the danger."""
