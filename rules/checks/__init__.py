"""Lints: what is wrong with a pack although it loads. One file per lint; each explains itself."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from rules.checks.citations import NoCitation
from rules.checks.cut_off import CutOff
from rules.checks.equal_priority import EqualPriority
from rules.checks.example_answer import ExampleAnswer
from rules.checks.few_examples import FewExamples
from rules.checks.implied import Implied
from rules.checks.inactive_codes import InactiveCodes
from rules.checks.known_event import KnownEvent
from rules.checks.lint import Lint, Subject
from rules.checks.never_no import NeverNo
from rules.checks.never_yes import NeverYes
from rules.checks.outdated_set import OutdatedSet
from rules.checks.over import Over
from rules.checks.placeholder import Placeholder
from rules.checks.repeated_code import RepeatedCode
from rules.checks.revised import RevisedEarly
from rules.checks.unused import Unused
from rules.checks.unused_import import UnusedImport
from rules.errors import Diagnostic
from rules.pack import Pack

__all__ = ["LINTS", "Lint", "lint"]

LINTS: Final[tuple[Lint, ...]] = (
    NeverYes(),
    NeverNo(),
    Implied(),
    KnownEvent(),
    FewExamples(),
    Placeholder(),
    NoCitation(),
    RevisedEarly(),
    Unused(),
    RepeatedCode(),
    ExampleAnswer(),
    EqualPriority(),
    Over(),
    CutOff(),
    UnusedImport(),
    OutdatedSet(),
    InactiveCodes(),
)
"""Every lint, by code."""


def lint(packs: Iterable[Pack], *, whole: bool = True, today: date | None = None) -> list[Diagnostic]:
    """What the lints find in packs, sorted by place.

    Args:
        packs: Packs that have loaded without mistakes.
        whole: Whether every rule of each pack was loaded. If not, shared names without a use are not reported.
        today: The day on which a value set is over or not; ``None``: nobody asks.

    Raises:
        RuleError: a pack without rules names value sets that cannot be read.
    """
    subjects = [Subject.of(pack, whole=whole, today=today) for pack in packs]
    return sorted(remark.diagnostic(each) for subject in subjects for each in LINTS for remark in each.check(subject))
