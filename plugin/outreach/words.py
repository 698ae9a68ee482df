"""The words of outreach: channels, what an attempt came to, how an episode ends, and what each means for the next step.

The outcomes of attempts are those that staff expect (reference: the domain's list of coded outcomes); each is one of FHIR's Communication
statuses with a reason, so that it can be told to an EHR.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from plugin.translations import marked

CHANNELS: Final = {
    "phone": marked("Phone call"),
    "sms": marked("Text message"),
    "email": marked("E-mail"),
    "portal": marked("Patient portal"),
    "letter": marked("Letter"),
    "visit": marked("Visit"),
}
"""Each way to reach somebody, and its name."""
SHARED: Final = frozenset({"sms", "email", "letter"})
"""Channels that others at home may read."""


class Restriction(StrEnum):
    """Why somebody is not to be reached."""

    DECEASED = "deceased"
    MOVED = "moved"
    OPTED_OUT = "opted-out"
    """Of all outreach, or of one channel."""
    DECLINED = "declined"
    """What one rule offers."""
    UNSAFE = "unsafe"
    """It is not safe to talk; somebody else may listen."""


STANDS: Final = {
    Restriction.DECEASED: marked("Has died"),
    Restriction.MOVED: marked("Moved away"),
    Restriction.OPTED_OUT: marked("Does not want to be reached"),
    Restriction.DECLINED: marked("Does not want this help"),
    Restriction.UNSAFE: marked("Not safe to talk: somebody else may listen or read"),
}
"""Each restriction as staff read it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to."""

    label: str
    status: str
    """Of the FHIR Communication: in-progress, completed, not-done, stopped or unknown."""
    reached: bool = False
    """They were spoken to."""
    counts: bool = True
    """Against the most attempts that are made."""
    closes: str | None = None
    """The outcome with which it ends the episode."""
    restricts: Restriction | None = None
    by_staff: bool = True
    """Staff may choose it; the others follow from what became of a message."""


OUTCOMES: Final = {
    "reached": Outcome(marked("Reached"), "completed", reached=True),
    "left-message": Outcome(marked("Left a message"), "completed"),
    "no-answer": Outcome(marked("No answer"), "not-done"),
    "wrong-number": Outcome(marked("Wrong number"), "not-done"),
    "out-of-service": Outcome(marked("Number out of service"), "not-done"),
    "language-mismatch": Outcome(marked("No common language"), "not-done", counts=False),
    "call-back": Outcome(marked("Asked to be called back"), "completed", reached=True, counts=False),
    "declined-offer": Outcome(marked("Declined this offer"), "completed", reached=True, closes="declined", restricts=Restriction.DECLINED),
    "declined-all": Outcome(marked("Declined all outreach"), "completed", reached=True, closes="declined", restricts=Restriction.OPTED_OUT),
    "deceased": Outcome(marked("Has died"), "not-done", closes="deceased", restricts=Restriction.DECEASED),
    "moved-away": Outcome(marked("Moved away"), "not-done", closes="moved", restricts=Restriction.MOVED),
    "already-done": Outcome(marked("Already done"), "completed", reached=True, closes="already-done"),
    "unsafe": Outcome(marked("Not safe to talk"), "stopped", counts=False, restricts=Restriction.UNSAFE),
    "sent": Outcome(marked("Sent"), "completed"),
    "undeliverable": Outcome(marked("Could not be delivered"), "not-done"),
    "sending": Outcome(marked("Waits to be sent"), "in-progress", by_staff=False),
    "held-back": Outcome(marked("Held back: not sent"), "not-done", counts=False, by_staff=False),
    "not-known": Outcome(marked("Not known whether it was sent"), "unknown", by_staff=False),
}
"""Each outcome of an attempt by its code."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How an episode ends."""

    label: str
    rests: int
    """Days for which the same reasons open no new episode; a reason that is new opens one at once."""
    by_staff: bool = True
    """Staff may choose it; the others follow from the data or from an attempt."""


ENDINGS: Final = {
    "helped": Ending(marked("Helped"), 90),
    "referred": Ending(marked("Referred"), 90),
    "already-done": Ending(marked("Already done"), 90),
    "declined": Ending(marked("Declined"), 365),
    "unable-to-reach": Ending(marked("Could not be reached"), 90),
    "not-suitable": Ending(marked("Not suitable"), 180),
    "need-met": Ending(marked("The data show that the need is met"), 0, by_staff=False),
    "over": Ending(marked("What was asked for is over"), 0, by_staff=False),
    "left": Ending(marked("No longer part of the registry"), 0, by_staff=False),
    "deceased": Ending(marked("Has died"), 0, by_staff=False),
    "moved": Ending(marked("Moved away"), 0, by_staff=False),
}
"""Each ending of an episode by its code."""
ASKED: Final = "asked:"
"""In place of the id of a rule: somebody asked for help with the need that follows. No sweep can tell whether it was met."""
DECLINED_FOR: Final = 365
"""Days for which a refusal of one offer is honoured; after that it may be offered again."""
DUE: Final = {"act": 7, "watch": 28, "prevent": 56}
"""Level of a rule → days after which its episode is due."""
