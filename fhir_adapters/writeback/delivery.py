"""From the outbox to the server: what is due, in the order in which it was decided, each once."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from fhir_adapters.capability import read_capability
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.transport import FhirServer
from fhir_adapters.vendors import GENERIC, Vendor
from fhir_adapters.writeback.abilities import Abilities
from fhir_adapters.writeback.changing import update
from fhir_adapters.writeback.creating import create
from fhir_adapters.writeback.desk import Desk, Later, Park, Stopped, at_fault
from fhir_adapters.writeback.gate import Gate, open_gate, withholding
from fhir_adapters.writeback.intent import Suggestion
from fhir_adapters.writeback.ledger import LeaseLost, Ledger
from fhir_adapters.writeback.policy import Policy
from fhir_adapters.writeback.states import Claim, Settled, State
from fhir_adapters.writeback.together import create_together

_LOG: Final = logging.getLogger(__name__)
_MOST_TROUBLE: Final = 3


@dataclass(slots=True)
class Report:
    """What a delivery did."""

    settled: Counter[tuple[State, str | None]] = field(default_factory=Counter)
    """State and reason → number of writes."""
    duplicates: int = 0
    """Resources that stand on the server beside the one that is ours: an alarm."""
    refused: set[str] = field(default_factory=set)
    """For people: what this vendor's servers do not take, and what to do instead."""
    ended: str | None = None
    """Why it ended before everything due was seen to; ``None``: it was."""

    def count(self, state: State) -> int:
        """How many writes came to ``state``."""
        return sum(number for (each, _), number in self.settled.items() if each is state)


def deliver(ledger: Ledger, server: FhirServer, policy: Policy, gate: Gate = open_gate, vendor: Vendor = GENERIC) -> Report:
    """Send what is due, as ``vendor``'s servers can take it. Raises `EhrUnavailable` only if the server does not say what it can do.

    Any number of threads and processes may deliver at once; each patient is one's at a time.
    """
    if (reason := ledger.stopped(policy.tenant)) is not None:
        return Report(ended=f"stopped: {reason}")
    desk = Desk(server, Abilities.of(read_capability(server), vendor), ledger, policy)
    return _Run(desk, gate).to_the_end()


@dataclass(slots=True)
class _Run:
    desk: Desk
    gate: Gate
    report: Report = field(default_factory=Report)
    trouble: int = 0
    """Writes in a row that failed for no fault of theirs."""

    def to_the_end(self) -> Report:
        desk = self.desk
        over: Counter[str] = Counter()
        while self.report.ended is None and (claims := desk.ledger.claim(desk.policy, max(desk.policy.entries // 2, 1), over)):
            self._batch(claims)
        self.report.settled.update({(State.PARKED, reason): number for reason, number in over.items()})
        self.report.duplicates = desk.duplicates
        if desk.duplicates:
            _LOG.error("%s: %d resources stand beside one of ours with the same identifier", desk.policy.tenant, desk.duplicates)
        return self.report

    def _batch(self, claims: Sequence[Claim]) -> None:
        """See to all claims; whatever happens, each is settled or its lease runs out."""
        left = [claim for claim in claims if self._may(claim)]
        # Whatever failed before goes alone: it may be what spoils a transaction for the others.
        new = [claim for claim in left if claim.kind == Suggestion.__name__ and claim.attempts == 1]
        if self.report.ended is None and self.desk.abilities.transaction and len(new) > 1:
            try:
                alone = {claim.id for claim in create_together(self.desk, new, self.gate)}
            except (EhrUnavailable, Stopped, LeaseLost) as error:
                for claim in new:
                    self._trouble(claim, error)
                alone = set()
                self._blame(error)
            else:
                self.report.settled[State.SENT, None] += len(new) - len(alone)
            left = [claim for claim in left if claim not in new or claim.id in alone]
        for claim in left:
            self._alone(claim)

    def _may(self, claim: Claim) -> bool:
        if self.report.ended is not None:
            self._settle(claim, Settled(State.PENDING))
            return False
        refusal = self.desk.abilities.refusal(claim)
        if refusal is not None:
            self.report.refused.add(refusal)
            self._settle(claim, Settled(State.PARKED, "not-taken"))
            return False
        tried = claim.attempts > 1
        try:
            withheld = withholding(self.desk, claim, self.gate, tried=tried)
        except (EhrUnavailable, Park) as error:
            self._trouble(claim, error)
            self._blame(error)
            return False
        if tried and claim.kind == Suggestion.__name__:
            self.trouble = 0  # it was looked for, and the server said
        if withheld is not None:
            self._settle(claim, Settled(State.PARKED, f"withheld-{withheld}"))
        return withheld is None

    def _alone(self, claim: Claim) -> None:
        if self.report.ended is not None:
            self._settle(claim, Settled(State.PENDING))
            return
        try:
            settled = create(self.desk, claim, self.gate) if claim.kind == Suggestion.__name__ else update(self.desk, claim)
        except (EhrUnavailable, Later, Park, Stopped, LeaseLost) as error:
            self._trouble(claim, error)
            self._blame(error)
            return
        self.trouble = 0
        self._settle(claim, settled)

    def _trouble(self, claim: Claim, error: Exception) -> None:
        if not isinstance(error, LeaseLost):
            self._settle(claim, Settled(State.PENDING) if isinstance(error, Stopped) else self.desk.trouble(error, claim))

    def _blame(self, error: Exception) -> None:
        """End the run if it is no use to go on: others wait no longer for that than for the server."""
        if isinstance(error, Stopped):
            self.report.ended = "stopped"
        elif isinstance(error, EhrUnavailable) and at_fault(error) and error.status not in (409, 412):
            self.trouble += 1
            if self.trouble >= _MOST_TROUBLE:
                self.report.ended = "the server fails"
        else:
            self.trouble = 0

    def _settle(self, claim: Claim, settled: Settled) -> None:
        try:
            self.desk.ledger.settle(claim, settled)
        except LeaseLost:
            return
        self.report.settled[settled.state, settled.reason] += 1
