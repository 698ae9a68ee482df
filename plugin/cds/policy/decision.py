"""What is said of all that could be said: who a rule is tried with, what was said before, and at most so many cards."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from plugin.cds.advice import Advice
from plugin.cds.ledger import Shown
from plugin.cds.policy.memory import Now, reason_to_rest
from plugin.cds.policy.rollout import CONTROL, arm, is_in_pilot
from plugin.cds.policy.situation import Situation
from plugin.settings import RolloutSettings

LIMIT = "limit"
PILOT = "not-in-pilot"
_NO_ROLLOUT = RolloutSettings()


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
    """A code: ``limit``, ``not-in-pilot``, ``same-encounter``, ``accepted``, ``unanswered``, ``snoozed:`` and the override reason."""
    arm: str | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """Every piece of advice is in one of these."""

    shown: tuple[Chosen, ...]
    silent: tuple[Chosen, ...]
    """Of rules that are only being watched, and of the control groups of trials."""
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class _Placed:
    advice: Advice
    arm: str | None
    reason: str | None


def decide(
    advice: Sequence[Advice],
    situation: Situation,
    past: Iterable[Shown],
    rollouts: Mapping[str, RolloutSettings],
    meaning: Callable[[str], str],
    most: int,
) -> Decision:
    """What to do with each piece of ``advice``, which stands in the order of its urgency.

    ``past`` are the cards that this person had about these topics; ``meaning`` gives the fingerprint of a rule; ``most`` cards are shown.
    A silent rule goes through the same sieve, so that what the ledger says of it is what people would have seen.
    """
    by_topic: dict[str, list[Shown]] = defaultdict(list)
    for shown in past:
        by_topic[shown.topic].append(shown)
    shown_now: list[Chosen] = []
    silent: list[Chosen] = []
    held: list[Held] = []
    for each in advice:
        placed = _placed(each, situation, by_topic, rollouts, meaning)
        if placed.reason:
            held.append(Held(placed.advice, placed.reason, placed.arm))
        elif each.rule.status == "silent" or placed.arm == CONTROL:
            silent.append(Chosen(placed.advice, placed.arm))
        elif len(shown_now) < most:
            shown_now.append(Chosen(placed.advice, placed.arm))
        else:
            held.append(Held(placed.advice, LIMIT, placed.arm))
    return Decision(tuple(shown_now), tuple(silent), tuple(held))


def _placed(
    advice: Advice,
    situation: Situation,
    past: Mapping[str, Sequence[Shown]],
    rollouts: Mapping[str, RolloutSettings],
    meaning: Callable[[str], str],
) -> _Placed:
    name = advice.rule.id.text
    rollout = rollouts.get(name, _NO_ROLLOUT)
    advice = advice if rollout.critical else _calmed(advice)
    if advice.rule.status == "pilot" and not is_in_pilot(name, rollout, situation):
        return _Placed(advice, None, PILOT)
    now = Now(meaning(name), [evidence.date for evidence in advice.explained.finding.evidence])
    return _Placed(advice, arm(name, rollout, situation), reason_to_rest(past.get(name, ()), now, situation))


def _calmed(advice: Advice) -> Advice:
    """A card interrupts only where governance says so (`RolloutSettings.critical`); otherwise it is at most a warning."""
    if advice.rule.card.indicator != "critical":
        return advice
    return replace(advice, rule=replace(advice.rule, card=replace(advice.rule.card, indicator="warning")))
