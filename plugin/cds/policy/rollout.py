"""Who a rule is tried with: pilots by client and share, and trials with a control group. The same unit always falls on the same side."""

import hashlib
from typing import Final, Literal

from plugin.cds.policy.situation import Situation
from plugin.settings import RolloutSettings

CARD: Final = "card"
CONTROL: Final = "control"
"""The arms of a trial: those of the control group get no card, and the ledger has what they would have got."""


def is_in_pilot(rule: str, rollout: RolloutSettings, situation: Situation) -> bool:
    """Whether a rule that is in its pilot is shown here. Where the unit is not known (a hook without a user), it is not."""
    if rollout.clients and situation.client not in rollout.clients:
        return False
    return rollout.percent == 100 or _is_within(rule, "pilot", rollout.percent, situation, rollout.unit)


def arm(rule: str, rollout: RolloutSettings, situation: Situation) -> str | None:
    """The arm of a trial; ``None``: there is none, or the unit is not known."""
    if not rollout.control or situation.unit(rollout.unit) is None:
        return None
    return CONTROL if _is_within(rule, "trial", rollout.control, situation, rollout.unit) else CARD


def _is_within(rule: str, purpose: Literal["pilot", "trial"], percent: int, situation: Situation, unit: str) -> bool:
    """Whether the unit is among so many in a hundred. Pilot and trial draw apart, and so does each rule."""
    name = situation.unit(unit)
    if name is None:
        return False
    digest = hashlib.sha256("\0".join((rule, purpose, unit, name)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % 10_000 < percent * 100
