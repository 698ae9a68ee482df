"""Dates that run backwards."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Remark, Severity, Subject


class RevisedEarly:
    """A revision before the release.

    What it does:
        Looks for rules that were revised before the day on which they were first released.

    Why is this bad:
        One of the two dates is wrong, and both are shown to users as source attributes.

    Example:
        released: 2026-11-22
        revised: 2026-02-01

    Use instead:
        released: 2026-02-01
        revised: 2026-11-22
    """

    code: ClassVar[str] = "ALM308"
    severity: ClassVar[Severity] = "error"
    title: ClassVar[str] = "A revision before the release"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each rule whose dates run backwards."""
        for rule in subject.documents:
            if rule.revised and rule.revised < rule.released:
                yield Remark(subject.place(rule, "revised"), f"'{rule.id}' was revised before it was released on {rule.released}")
