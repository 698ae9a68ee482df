"""The ledger of cards, and what clients tell about them."""

from plugin.cds.ledger.entries import CallEntry, CardEntries, CardEntry, CardState, SuggestionEntry
from plugin.cds.ledger.ledger import Ledger, RecordedCard, Shown
from plugin.cds.ledger.taking import Taken

__all__ = ["CallEntry", "CardEntries", "CardEntry", "CardState", "Ledger", "RecordedCard", "Shown", "SuggestionEntry", "Taken"]
