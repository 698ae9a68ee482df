"""In what situation advice would be given: who looks at whose chart, when, through which client."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Situation:
    """A hook call as far as policy looks at it."""

    client: str
    patient: str
    at: datetime
    user_hash: str | None = None
    """As the ledger has it; ``None``: the hook tells of none."""
    encounter_hash: str | None = None

    def unit(self, kind: str) -> str | None:
        """Whom a share of a rollout is drawn from: the ``patient``, the ``user`` or the ``client``; ``None`` if that is not known."""
        return {"patient": self.patient, "user": self.user_hash, "client": self.client}[kind]
