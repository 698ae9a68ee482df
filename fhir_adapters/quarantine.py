"""Where everything that cannot be understood goes: counted in full, with the first examples kept.

An entry holds the resource type, its id, the path of the element and a reason: never a value, a name or a date.
"""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

KEPT: Final = 10_000
"""Entries kept one by one; beyond that they are only counted, so that a broken feed cannot fill the memory."""

_ID: Final = re.compile(r"[A-Za-z0-9\-._]{1,128}", re.ASCII)

Json = dict[str, Any]
"""A parsed JSON object."""


class Reason(StrEnum):
    """Why something was not understood. Stable: reports and alarms are keyed by it."""

    NOT_JSON = "not JSON"
    NOT_AN_OBJECT = "not an object"
    NOT_A_LIST = "not a list"
    WRONG_TYPE = "wrong type"
    EMPTY = "empty"
    MISSING = "missing"
    NOT_IN_BINDING = "code outside the required value set"
    INVALID_DATE = "not a date"
    NO_ZONE = "time without zone"
    ENDS_BEFORE_START = "ends before it starts"
    NOT_UTF8 = "not UTF-8"
    OPEN_QUOTE = "a quote is left open"
    NOT_A_NUMBER = "not a finite number"
    MORE_THAN_ONE = "more than one of a choice"
    CONTRADICTION = "contradiction"
    NO_SUBJECT = "no usable subject"
    AMBIGUOUS = "identifier of more than one patient"
    UNCLEAR_MERGE = "merged in a circle, or into more than one"
    OTHER_PATIENT = "another patient's"
    NO_PATIENT = "no Patient"
    NO_MEDICATION = "medication not resolved"
    DUPLICATE_ID = "duplicate id"
    OTHER_SUBJECT = "duplicate id with another subject"
    LINE_TOO_LONG = "line too long"
    NESTED_TOO_DEEP = "nested too deep"
    CUT_SHORT = "cut short"
    DANGLING = "refers to what is not there"
    RAGGED = "not as many cells as the header"
    OUT_OF_RANGE = "out of range"
    DELETION = "deletion not applied"
    SERVER_NOTE = "the server reports a problem"


@dataclass(frozen=True, slots=True)
class Entry:
    """One defect: which resource, where in it, and why."""

    resource_type: str
    id: str
    path: str
    reason: Reason

    def __str__(self) -> str:
        return f"{self.resource_type}/{self.id} {self.path}: {self.reason}"


@dataclass(slots=True)
class Quarantine:
    """Collects defects. ``counts`` is complete; ``entries`` holds the first `KEPT`."""

    entries: list[Entry] = field(default_factory=list)
    counts: Counter[tuple[str, Reason]] = field(default_factory=Counter)

    def add(self, resource_type: str, id: str, path: str, reason: Reason) -> None:
        """Count a defect; the id is shown only if it looks like an id."""
        self.counts[resource_type, reason] += 1
        if len(self.entries) < KEPT:
            self.entries.append(Entry(resource_type, id if _ID.fullmatch(id) else "?", path, reason))


def joined(*parts: Quarantine) -> Quarantine:
    """All of them as one."""
    whole = Quarantine()
    for part in parts:
        whole.entries += part.entries[: KEPT - len(whole.entries)]
        whole.counts += part.counts
    return whole


@dataclass(slots=True)
class Reading:
    """One resource while it is read: says where its defects go."""

    quarantine: Quarantine
    resource_type: str
    id: str
    defects: int = 0

    @property
    def source(self) -> str:
        """``Observation/123``."""
        return f"{self.resource_type}/{self.id}"

    def bad(self, path: str, reason: Reason) -> None:
        """Count a defect of the element at ``path``; the element is unknown from now on."""
        self.defects += 1
        self.quarantine.add(self.resource_type, self.id, path, reason)
