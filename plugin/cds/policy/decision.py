"""What is said of all that could be said: who a rule is tried with, what was said before, and at most so many cards."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from plugin.cds.advice import Advice
from plugin.cds.ledger import Shown
from plugin.cds.policy.memory import Now, reason_to_rest
from plugin.cds.policy.rollout import CONTROL, arm, is_in_pilot
from plugin.cds.policy.situation import Situation
from plugin.settings import RolloutSettings

LIMIT: Final = "limit"
PILOT: Final = "not-in-pilot"
DRAFTED: Final = "drafted"
"""What it recommends is among the clinician's unsigned orders."""
_NO_ROLLOUT: Final = RolloutSettings()


@dataclass(frozen=True, slots=True)
class Chosen:
    """Advice that becomes a card, or would if its rule were not silent."""

    advice: Advice
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """Advice that is held back."""

    advice: Advice
    reason: str
    """A code: ``limit``, ``not-in-pilot``, ``drafted``, ``same-encounter``, ``accepted``, ``unanswered``, ``snoozed:`` and the override
    reason."""
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Every piece of advice is in one of these."""

    shown: tuple[Chosen, ...]
    silent: tuple[Chosen, ...]
    """Of rules that are only being watched, and of the control groups of trials."""
    held: tuple[Held, ...]


def _alike(rule: str) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms rules may speak."""

    rollouts: Mapping[str, RolloutSettings]
    meaning: Callable[[str], str]
    """Rule → the fingerprint of what it means."""
    most: int
    """So many cards are shown."""
    esteem: Callable[[str], float] = _alike
    """Rule → the share of its cards that was accepted, where that is known; of two that are as urgent the more welcome one comes first.
    It is asked only if not all can be shown."""
    demoted: Collection[str] = ()
    """Rules that are silent here for now, whatever their status."""

    def rollout(self, rule: str) -> RolloutSettings:
        """How a rule is brought to clinicians."""
        return self.rollouts.get(rule, _NO_ROLLOUT)

    def for_canary(self, most: int) -> "Terms":
        """The same for a person whom we sent ourselves: no shares and no trials, for whether the rule answers is what is asked."""
        plain = {name: RolloutSettings(critical=each.critical) for name, each in self.rollouts.items()}
        return replace(self, rollouts=plain, most=most, demoted=())


@dataclass(frozen=True, slots=True)
class _Placed:
    advice: Advice
    arm: str | None
    reason: str | None
    is_silent: bool = False


def decide(advice: Sequence[Advice], situation: Situation, past: Iterable[Shown], terms: Terms) -> Decision:
    """What to do with each piece of ``advice``; ``past`` are the cards that this person had about these topics, the oldest first.

    A silent rule goes through the same sieve, the limit included, so that what the ledger says of it is what people would have seen. It
    takes nobody's place: what comes after it is shown as if it were not there.
    """
    by_topic: dict[str, list[Shown]] = defaultdict(list)
    for shown in past:
        by_topic[shown.topic].append(shown)
    shown_now: list[Chosen] = []
    silent: list[Chosen] = []
    held: list[Held] = []
    for each in _ranked([_calmed(each, terms) for each in advice], terms):
        placed = _placed(each, situation, by_topic, terms)
        reason = placed.reason or (LIMIT if len(shown_now) >= terms.most else None)
        if reason:
            held.append(Held(each, reason, placed.arm))
        else:
            (silent if placed.is_silent else shown_now).append(Chosen(each, placed.arm))
    return Decision(tuple(shown_now), tuple(silent), tuple(held))


def _ranked(advice: Sequence[Advice], terms: Terms) -> list[Advice]:
    """What may interrupt first, then the most urgent, then what people welcome."""
    esteem = terms.esteem if len(advice) > terms.most else _alike
    return sorted(advice, key=lambda a: (not _is_critical(a), -a.rule.priority, -esteem(a.rule.id.text), a.rule.id.text))


def _placed(advice: Advice, situation: Situation, past: Mapping[str, Sequence[Shown]], terms: Terms) -> _Placed:
    name = advice.rule.id.text
    rollout = terms.rollout(name)
    if advice.rule.status == "pilot" and not is_in_pilot(name, rollout, situation):
        return _Placed(advice, None, PILOT)
    side = arm(name, rollout, situation)
    silent = advice.rule.status == "silent" or side == CONTROL or name in terms.demoted
    now = Now(terms.meaning(name), [evidence.date for evidence in advice.explained.finding.evidence])
    reason = reason_to_rest(past.get(name, ()), now, situation, silent=silent, critical=_is_critical(advice))
    return _Placed(advice, side, reason, silent)


def _is_critical(advice: Advice) -> bool:
    return advice.rule.card.indicator == "critical"


def _calmed(advice: Advice, terms: Terms) -> Advice:
    """A card interrupts only where governance says so (`RolloutSettings.critical`); otherwise it is at most a warning."""
    if not _is_critical(advice) or terms.rollout(advice.rule.id.text).critical:
        return advice
    return replace(advice, rule=replace(advice.rule, card=replace(advice.rule.card, indicator="warning")))
