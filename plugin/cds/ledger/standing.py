"""What became of a card, from everything that was told about it. The order in which it was told, and how often, changes nothing."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from plugin.cds.feedback import Outcome, OverrideReason


@dataclass(frozen=True, slots=True)
class Told:
    """One outcome that a client told of a card."""

    outcome: Outcome
    at: datetime
    reasons: tuple[OverrideReason, ...] = ()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a card stands."""

    outcome: Outcome
    at: datetime
    reasons: tuple[OverrideReason, ...] = ()
    """Of an override, sorted."""


def standing(told: Iterable[Told]) -> Standing | None:
    """``None``: nothing was told.

    An acceptance stands, whatever was told before or after: closing a card does not take back what was ordered from it, and who comes
    back to a card that was put aside has followed it. It counts from the first one. Of overrides the latest counts, with its reasons.
    """
    everything = list(told)
    accepted = [each.at for each in everything if each.outcome is Outcome.ACCEPTED]
    if accepted:
        return Standing(Outcome.ACCEPTED, min(accepted))
    if not everything:
        return None
    latest = max(each.at for each in everything)
    reasons = {reason for each in everything if each.at == latest for reason in each.reasons}
    return Standing(Outcome.OVERRIDDEN, latest, tuple(sorted(reasons, key=lambda r: (r.system, r.code))))
