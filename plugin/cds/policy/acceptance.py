"""How many of a rule's cards were accepted, of those of which it is known what became of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from plugin.cds.analytics.counting import IGNORED, OVERRIDDEN, TAKEN, Question, by_column
from plugin.cds.analytics.funnel import Rate, wilson
from plugin.cds.ledger.waiting import ORDERED, RESOLVED
from plugin.store import Store
from plugin.store.tables.cds import CARDS

_ACCEPTED: Final = (TAKEN, ORDERED, RESOLVED)
_KNOWN: Final = (*_ACCEPTED, OVERRIDDEN, IGNORED)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Cards of one rule."""

    accepted: float = 0
    known: float = 0
    """Accepted, overridden or ignored; not those of clients that never tell."""

    @property
    def rate(self) -> Rate | None:
        """With its interval; ``None``: nothing is known."""
        return wilson(int(self.accepted), int(self.known))


def acceptances(store: Store, question: Question) -> Mapping[str, Acceptance]:
    """Rule → what became of its cards."""
    accepted: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for cell, number in by_column(store, question, CARDS.c.rule).items():
        accepted[cell.row] += number if cell.column in _ACCEPTED else 0
        known[cell.row] += number if cell.column in _KNOWN else 0
    return {rule: Acceptance(accepted[rule], known[rule]) for rule in known}
