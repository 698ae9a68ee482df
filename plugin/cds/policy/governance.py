"""The terms on which rules may speak at this moment: what the settings say, and what the ledger knows of each rule."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from threading import Lock
from typing import Final

from plugin.cds.analytics.counting import Question
from plugin.cds.clients.client import Client
from plugin.cds.ledger import Ledger
from plugin.cds.policy.acceptance import Acceptance, acceptances
from plugin.cds.policy.alarms import open_alarms
from plugin.cds.policy.decision import Terms
from plugin.settings import CdsSettings

REMEMBERED: Final = timedelta(days=180)
"""So far back acceptance is counted to rank by."""
RENEWED: Final = timedelta(hours=1)
"""So long one count serves."""
_MOST: Final = 10
"""Cards about a canary: not the client's limit, for another rule's card must not hide that one speaks."""
_USUAL: Final = Acceptance(accepted=0.8, known=10.0)
"""What a rule of which little is known is taken for: eight in a hundred, as ten cards would weigh (Vanderbilt's alerts, JAMIA 2022)."""


class Governance:
    """The terms. One per process; any thread may use it."""

    def __init__(self, settings: CdsSettings, ledger: Ledger, meaning: Callable[[str], str]) -> None:
        """``meaning`` gives the fingerprint of a rule."""
        self._settings, self._ledger, self._meaning = settings, ledger, meaning
        self._lock = Lock()
        self._counted: tuple[datetime, Mapping[str, Acceptance]] | None = None

    def is_canary(self, patient: str) -> bool:
        """Whether we sent this person ourselves."""
        return patient.startswith(self._settings.canary.prefix)

    def terms(self, client: Client, at: datetime, *, canary: bool = False) -> Terms:
        """The terms for a client at a moment; for a ``canary`` what depends on others is left out."""
        terms = Terms(self._settings.rollouts, self._meaning, client.max_cards, lambda rule: self._esteem(rule, at))
        if canary:
            return terms.for_canary(client.profile.max_cards or _MOST)
        return Terms(terms.rollouts, terms.meaning, terms.most, terms.esteem, self._demoted(client.name))

    def _demoted(self, client: str) -> frozenset[str]:
        if not self._settings.watch.demotes:
            return frozenset()
        return frozenset(alarm.rule for alarm in open_alarms(self._ledger.store, client))

    def _esteem(self, rule: str, at: datetime) -> float:
        found = self._acceptances(at).get(rule, Acceptance())
        return (found.accepted + _USUAL.accepted) / (found.known + _USUAL.known)

    def _acceptances(self, at: datetime) -> Mapping[str, Acceptance]:
        with self._lock:
            if self._counted is None or not timedelta(0) <= at - self._counted[0] < RENEWED:
                until = at - timedelta(hours=self._settings.ignored_after_hours)
                self._counted = at, acceptances(self._ledger.store, Question(at - REMEMBERED, until))
            return self._counted[1]
