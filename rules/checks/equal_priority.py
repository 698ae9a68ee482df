"""Ties between rules."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Remark, Severity, Subject


class EqualPriority:
    """Two rules with the same priority.

    What it does:
        Looks for rules of one pack that have the same level and the same priority. Retired rules do not count.

    Why is this bad:
        A clinician sees the first findings only: which of two equal rules comes first is then decided by the alphabet.

    Example:
        # rules/food.yaml
        level: act
        priority: 80
        # rules/housing.yaml
        level: act
        priority: 80

    Use instead:
        # rules/housing.yaml
        level: act
        priority: 75
    """

    code: ClassVar[str] = "ALM312"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "Two rules with the same priority"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each rule whose priority at its level is taken by an earlier one."""
        taken: dict[tuple[str, int], str] = {}
        for rule in subject.rules:
            if rule.status == "retired":
                continue
            first = taken.setdefault((rule.level, rule.priority), rule.id.text)
            if first != rule.id.text:
                message = f"'{rule.id}' has priority {rule.priority} at level '{rule.level}', as '{first}' has"
                yield Remark(subject.place(rule, "priority"), message, "say which comes first")
