"""What a gateway is given, and what it says of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message on its way."""

    id: str
    """The same however often it is tried."""
    patient: str
    channel: str
    address: str
    """Empty where the channel needs none."""
    name: str
    language: str
    neutral: bool
    subject: str
    text: str
    created: datetime
    refers: Mapping[str, Sequence[str]]
    """``about``: resources that it is about; ``based on``: orders. Empty if it says nothing about why."""


class Word(StrEnum):
    """What is known of a message after a try."""

    SENT = "sent"
    """Whoever carries it further has taken it."""
    HANDED = "handed"
    """It lies where it will be sent from; ask again."""
    LATER = "later"
    """It was surely not taken; try again."""
    FAILED = "failed"
    """It was surely not taken, and never will be."""
    UNKNOWN = "unknown"
    """It may or may not have been taken. Nobody tries again by themselves: somebody could get it twice."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a try, with a code that names nobody."""

    word: Word
    reason: str = ""


class Gateway(Protocol):
    """A way out."""

    def send(self, message: Outgoing) -> Result:
        """Try it once. Raises nothing: whatever goes wrong is a `Result`."""
        ...

    def look(self, message: Outgoing) -> Result:
        """What can be known of one that was handed over, or that was being sent when the process ended."""
        ...
