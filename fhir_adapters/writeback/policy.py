"""What may be written at one connection, and how much of it."""

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """The operator's word. Without it nothing is written."""

    tenant: str
    write: frozenset[str] = frozenset()
    """Resource types that may be written; Provenance goes with them."""
    per_run: int = 500
    """At most so many writes that one run has decided; the rest is parked for a person to look at."""
    per_patient: int = 10
    """At most so many for one patient within ``patient_window``; the rest is parked likewise."""
    patient_window: timedelta = timedelta(days=30)
    entries: int = 50
    """At most so many entries in one transaction; a Provenance is an entry, too."""
    lease: float = 900.0
    """Seconds for which a process that began to write has the patient for itself. More than a call can take, with `settle`."""
    settle: float = 60.0
    """Seconds after which a server has done what it was sent, or never will. Before that nobody looks whether it did."""
    longest_wait: float = 900.0
    """Seconds between two attempts at the same write, at most."""
