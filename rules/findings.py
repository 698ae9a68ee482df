"""What an evaluation says, and its canonical JSON: the same findings always give the same bytes."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rules.facts import Value

ANSWERS = {True: "yes", False: "no", None: "unknown"}
"""The words for the three answers, the same in YAML, output and pages."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A piece of the record that decided an answer: which fact, which resource, when, and what it says there."""

    fact: str
    resource: str
    date: str
    """The day as precisely as it is known: 2026-03-14, 2026-03, 2026, or empty."""
    value: float | str | None = None
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer of one rule for one person on one date, with what it rests on."""

    patient: str
    rule: str
    status: str
    """``yes``, ``no`` or ``unknown``."""
    facts: Mapping[str, Value]
    evidence: tuple[Evidence, ...]
    next_flip: date | None
    """The first later day on which ``status`` changes if nothing new is recorded; ``None``: never."""


def number(value: float) -> int | float:
    """A number in canonical form: whole numbers without a fraction."""
    return int(value) if float(value).is_integer() and abs(value) < 2**53 else float(value)


def plain(value: Value) -> Value:
    """A fact's value as it stands in output."""
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def to_json(finding: Finding) -> str:
    """One line of ``evaluate``'s output: keys in the order of the contract, facts by name."""
    return json.dumps(
        {
            "patient": finding.patient,
            "rule": finding.rule,
            "status": finding.status,
            "facts": {name: plain(finding.facts[name]) for name in sorted(finding.facts)},
            "evidence": [_evidence(e) for e in finding.evidence],
            "next_flip": finding.next_flip.isoformat() if finding.next_flip else None,
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _evidence(evidence: Evidence) -> dict[str, Value]:
    shown: dict[str, Value] = {"fact": evidence.fact, "resource": evidence.resource, "date": evidence.date}
    if evidence.value is not None:
        shown["value"] = plain(evidence.value)
    if evidence.unit is not None:
        shown["unit"] = evidence.unit
    return shown
