"""The words of referrals: why one was turned down or ended, what came of it, and what staff are to look at."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fhir_adapters import gravity
from fhir_adapters.referral_states import Status
from plugin.translations import marked


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
    NO_CAPACITY: Why(marked("No place free"), "no-capacity"),
    "waitlist": Why(marked("On the waiting list"), "waitlist"),
    "assessment": Why(marked("A further assessment is needed"), "additional-assessment-required"),
    "not-eligible": Why(marked("Not eligible")),
    "not-offered": Why(marked("Not offered here")),
    "out-of-area": Why(marked("Lives outside the area served")),
    "not-reached": Why(marked("Could not be reached")),
    "no-longer-wanted": Why(marked("No longer wanted")),
    "helped-elsewhere": Why(marked("Helped elsewhere")),
    NO_ANSWER: Why(marked("No answer")),
    "mistake": Why(marked("Sent by mistake")),
    OTHER: Why(marked("Another reason")),
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
    """Something came up before it went out: the consent is over, they refused, died …"""
    NO_ORDER = "no-order"
    """Whoever accepted the card never signed the order that the EHR made of it."""


ATTENTION: Final = {
    Attention.NUDGED: marked("No answer yet: remind them"),
    Attention.NO_OTHER: marked("Find another service by hand"),
    Attention.OUTCOME: marked("Ask what came of it"),
    Attention.OVERTAKEN: marked("Changed elsewhere meanwhile"),
    Attention.ILLEGAL: marked("The server shows something that cannot be"),
    Attention.NOT_SENT: marked("Not sent: something stands against it"),
    Attention.NO_ORDER: marked("The order was never signed: ask whoever ordered it"),
}
"""Each in words."""
STATES: Final = {
    Status.DRAFT: marked("draft"),
    Status.REQUESTED: marked("requested"),
    Status.ACCEPTED: marked("accepted"),
    Status.REJECTED: marked("rejected"),
    Status.IN_PROGRESS: marked("in-progress"),
    Status.ON_HOLD: marked("on-hold"),
    Status.COMPLETED: marked("completed"),
    Status.CANCELLED: marked("cancelled"),
    Status.FAILED: marked("failed"),
    Status.ENTERED_IN_ERROR: marked("entered-in-error"),
}
"""Each state by its name, which staff read as well."""
STEPS: Final = {
    "nudged": marked("nudged"),
    "asked": marked("asked"),
    "rerouted": marked("rerouted"),
    "stuck": marked("stuck"),
    "overtaken": marked("overtaken"),
    "kept back": marked("kept back"),
    "seen to": marked("seen to"),
    "told": marked("told"),
}
"""What can happen to a referral besides that it moves; see `plugin.referrals.moving.Step`."""
NEEDS: Final = {
    "sdoh-category-unspecified": marked("sdoh category unspecified"),
    "food-insecurity": marked("food insecurity"),
    "housing-instability": marked("housing instability"),
    "homelessness": marked("homelessness"),
    "inadequate-housing": marked("inadequate housing"),
    "transportation-insecurity": marked("transportation insecurity"),
    "financial-insecurity": marked("financial insecurity"),
    "material-hardship": marked("material hardship"),
    "educational-attainment": marked("educational attainment"),
    "employment-status": marked("employment status"),
    "veteran-status": marked("veteran status"),
    "stress": marked("stress"),
    "social-connection": marked("social connection"),
    "intimate-partner-violence": marked("intimate partner violence"),
    "elder-abuse": marked("elder abuse"),
    "personal-health-literacy": marked("personal health literacy"),
    "health-insurance-coverage-status": marked("health insurance coverage status"),
    "medical-cost-burden": marked("medical cost burden"),
    "digital-literacy": marked("digital literacy"),
    "digital-access": marked("digital access"),
    "utility-insecurity": marked("utility insecurity"),
    "incarceration-status": marked("incarceration status"),
    "language-access": marked("language access"),
    "protective-factor": marked("protective factor"),
}
"""Each need of Gravity's list as staff read it."""
PARTNERS: Final = {
    "health provider": marked("health provider"),
    "public health": marked("public health"),
    "social services": marked("social services"),
    "council": marked("council"),
    "housing association": marked("housing association"),
    "benefits advice": marked("benefits advice"),
    "legal aid": marked("legal aid"),
    "employment service": marked("employment service"),
    "voluntary sector": marked("voluntary sector"),
    "transport": marked("transport"),
    "food bank": marked("food bank"),
    "fire service": marked("fire service"),
    "school": marked("school"),
    "police": marked("police"),
}
"""Each kind of partner."""
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
