"""Quiet by policy: of everything that could be said, what is said now, to whom, and why not the rest."""

from plugin.cds.policy.decision import Chosen, Decision, Held, Terms, decide
from plugin.cds.policy.situation import Situation

__all__ = ["Chosen", "Decision", "Held", "Situation", "Terms", "decide"]
