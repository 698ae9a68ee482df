"""What one call leaves in the ledger."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from plugin.cds.advice import Advice
from rules.fingerprint import Meanings
from rules.pack import Pack


class CardState(StrEnum):
    """What became of a piece of advice in the call."""

    RETURNED = "returned"
    """It was sent to the client. Whether anybody saw it is another question."""
    SILENT = "silent"
    """It would have been sent, but its rule is only being tried."""
    SUPPRESSED = "suppressed"
    """Policy held it back; the reason says why."""
    CANARY = "canary"
    """About a person whom we sent ourselves: nothing that counts. The reason says whether it was silent or held back."""


@dataclass(frozen=True, slots=True)
class SuggestionEntry:
    """One thing that a card offers to do."""

    id: str
    """The uuid by which feedback names it."""
    kind: str
    """``refer`` opens the closed loop when it is accepted."""
    meaning: Mapping[str, Any] = field(default_factory=dict)
    """Codes and ids only. Of a referral: ``order``, the ServiceRequest as it was offered, and ``creates``, the types that the client
    makes of it by itself."""


@dataclass(frozen=True, slots=True)
class CardEntry:
    """One piece of advice: sent, silent or suppressed."""

    id: str
    rule: str
    pack: str
    version: str
    fingerprint: str
    topic: str
    state: CardState
    priority: int
    as_of: date
    evidence: tuple[tuple[str, str], ...] = ()
    """Resource and day of everything that decided it."""
    reason: str | None = None
    """Why it was suppressed: a code of the policy."""
    arm: str | None = None
    suggestions: tuple[SuggestionEntry, ...] = ()

    def of_canary(self) -> "CardEntry":
        """The same about a person whom we sent ourselves: nothing of it counts, and nothing that it offers is carried out."""
        why = "silent" if self.state is CardState.SILENT else self.reason
        return replace(self, state=CardState.CANARY, reason=why)


@dataclass(frozen=True, slots=True)
class CallEntry:
    """One call with everything that came of it."""

    client: str
    hook: str
    at: datetime
    patient: str
    cards: tuple[CardEntry, ...] = ()
    user: str | None = None
    """A reference, ``Practitioner/7``: only its hash and its type are kept."""
    encounter: str | None = None
    """Kept as a hash."""
    durations: Mapping[str, float] = field(default_factory=dict)
    """Step → milliseconds."""
    not_loaded: tuple[str, ...] = ()
    error_id: str | None = None
    id: str = field(default_factory=lambda: str(uuid4()))


class CardEntries:
    """Makes the entries of cards; what rules mean is worked out once, when the packs are loaded."""

    def __init__(self, packs: Iterable[Pack]) -> None:
        self._known: dict[str, tuple[str, str, str]] = {}
        for pack in packs:
            meanings = Meanings(pack.program)
            for rule in pack.program.rules:
                self._known[rule] = (pack.document.id, pack.document.version, meanings.of_name(rule))

    def fingerprint(self, rule: str) -> str:
        """Of what a rule means."""
        return self._known[rule][2]

    def of(
        self,
        advice: Advice,
        id: str,
        state: CardState,
        *,
        topic: str | None = None,
        reason: str | None = None,
        arm: str | None = None,
        suggestions: Iterable[SuggestionEntry] = (),
    ) -> CardEntry:
        """The entry of ``advice``; its topic is the rule's id unless said otherwise."""
        finding = advice.explained.finding
        pack, version, fingerprint = self._known[finding.rule]
        evidence = tuple(dict.fromkeys((each.resource, each.date) for each in finding.evidence))
        return CardEntry(
            id, finding.rule, pack, version, fingerprint, topic or finding.rule, state, advice.rule.priority, advice.as_of,
            evidence, reason, arm, tuple(suggestions),
        )  # fmt: skip
