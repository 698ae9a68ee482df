"""What becomes of a referral by itself, as time goes by: a pure step, said as rules so that more than one engine can take it.

A reminder after ten days without an answer; five days later it is withdrawn, and when the server shows that, or that there was no place,
the next service gets its turn: at no time have two agencies the same referral. If the server never shows it, a person must look. Completed
without an outcome: it is asked for.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from typing import Final

from fhir_adapters.referral_states import Status
from plugin.referrals.words import NO_ANSWER, NO_CAPACITY
from rules.facts import Value
from rules.ir import Derived
from rules.logic import All, Any, Compare, Holds, Is, Not, truth

ANSWER_DAYS: Final = 10
"""So long an agency has to answer."""
REMINDED_DAYS: Final = 5
"""So long after the reminder."""
SHOWN_DAYS: Final = 2
"""So long the server has to show that it was withdrawn."""


class Step(StrEnum):
    """What is to be done."""

    NUDGE = "nudge"
    WITHDRAW = "withdraw"
    REROUTE = "reroute"
    STUCK = "stuck"
    """Withdrawn, but the server does not show it: nobody can tell whether the agency still has it."""
    ASK = "ask"


def _days(since: date | None, today: date) -> float | None:
    return None if since is None else float((today - since).days)


@dataclass(frozen=True, slots=True)
class Situation:
    """A referral as the timers see it."""

    state: Status
    requested: date | None = None
    nudged: date | None = None
    reason: str | None = None
    """Why it was rejected or cancelled: a code of `plugin.referrals.words`."""
    there: bool = False
    """Whether the server shows the same state."""
    outcome: bool = False
    """Whether anything is known that came of it."""
    asked: bool = False
    rerouted: bool = False
    """Another one took its place, or nobody could."""
    withdrawn: date | None = None
    """The day on which it was cancelled."""

    def values(self, today: date) -> dict[str, Value]:
        """As facts; what is not known is ``None``."""
        return {
            "state": str(self.state),
            "days since it was requested": _days(self.requested, today),
            "days since the reminder": _days(self.nudged, today),
            "days since it was withdrawn": _days(self.withdrawn, today),
            "was reminded": self.nudged is not None,
            "there is no place": self.reason == NO_CAPACITY,
            "nobody answered": self.reason == NO_ANSWER,
            "the server shows it": self.there,
            "has an outcome": self.outcome,
            "was asked": self.asked,
            "was rerouted": self.rerouted,
        }


FACTS: Final = tuple(Situation(Status.DRAFT).values(date.min))
"""Their names."""
_WITHDRAWN: Final = All((Is("state", "cancelled"), Holds("nobody answered")))
_FREE: Final = Any((All((Is("state", "rejected"), Holds("there is no place"))), _WITHDRAWN))
RULES: Final = (
    Derived(
        Step.NUDGE, All((Is("state", "requested"), Not(Holds("was reminded")), Compare("days since it was requested", ">=", ANSWER_DAYS)))
    ),
    Derived(Step.WITHDRAW, All((Is("state", "requested"), Holds("was reminded"), Compare("days since the reminder", ">=", REMINDED_DAYS)))),
    Derived(Step.REROUTE, All((_FREE, Holds("the server shows it"), Not(Holds("was rerouted"))))),
    Derived(
        Step.STUCK,
        All(
            (
                _WITHDRAWN,
                Not(Holds("the server shows it")),
                Not(Holds("was rerouted")),
                Compare("days since it was withdrawn", ">=", SHOWN_DAYS),
            )
        ),
    ),
    Derived(Step.ASK, All((Is("state", "completed"), Not(Holds("has an outcome")), Not(Holds("was asked"))))),
)
"""Each step with when it is taken; no two at a time. What cannot be told is not done."""

Answers = Callable[[Mapping[str, Value]], Mapping[str, bool | None]]
"""The answers of `RULES` over values of `FACTS`, by some engine."""


def by_meaning(values: Mapping[str, Value]) -> dict[str, bool | None]:
    """The answers as the logic of the language has them."""
    return {rule.name: truth(rule.condition, values) for rule in RULES}


def next_step(situation: Situation, today: date, answers: Answers = by_meaning) -> Step | None:
    """What is to be done today; ``None``: nothing."""
    found = answers(situation.values(today))
    return next((step for step in Step if found[step] is True), None)


def due(situation: Situation, today: date) -> date | None:
    """The day on which there is something to do, as things stand; ``None``: never, unless something happens."""
    match situation.state:
        case Status.REQUESTED if situation.nudged is not None:
            return situation.nudged + timedelta(days=REMINDED_DAYS)
        case Status.REQUESTED if situation.requested is not None:
            return situation.requested + timedelta(days=ANSWER_DAYS)
        case Status.REJECTED if situation.reason == NO_CAPACITY and not situation.rerouted:
            return today
        case Status.CANCELLED if situation.reason == NO_ANSWER and not situation.rerouted:
            return today
        case Status.COMPLETED if not situation.outcome and not situation.asked:
            return today
    return None
