"""What is counted of CDS Hooks."""

from collections.abc import Mapping
from typing import Final

from prometheus_client import Counter, Histogram

_MILLISECOND: Final = 0.001

CALLS: Final = Counter(
    "almoner_cds_calls",
    "Hook calls by how they ended: answered, undecided (412), failed (no cards, an error id).",
    ["client", "hook", "end"],
)
CARDS: Final = Counter(
    "almoner_cds_cards", "Pieces of advice by what became of them: returned, silent, suppressed, dropped.", ["client", "rule", "state"]
)
REFUSED: Final = Counter("almoner_cds_refused_calls", "Calls that were not let in (401).")
FEEDBACK: Final = Counter("almoner_cds_feedback", "Entries of feedback: taken or quarantined.", ["client", "end"])
INCOMPLETE: Final = Counter(
    "almoner_cds_incomplete_calls", "Calls in which some table that rules read was not available.", ["client", "hook"]
)
SECONDS: Final = Histogram(
    "almoner_cds_seconds",
    "Time of each step of a call.",
    ["step"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5),
)


def timed(durations: Mapping[str, float]) -> None:
    """Count the steps of a call; ``durations`` in milliseconds."""
    for step, duration in durations.items():
        SECONDS.labels(step).observe(duration * _MILLISECOND)
