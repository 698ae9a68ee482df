"""Rules whose time is over."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Remark, Severity, Subject


class Over:
    """A rule whose time is over.

    What it does:
        Looks for rules whose `effective` period has ended on the day of the check. Retired rules do not count.

    Why is this bad:
        Nobody sees its findings any more, although its status says otherwise. Often it was meant to be revised by then.

    Example:
        status: live
        effective: {from: 2024-01-01, until: 2025-12-31}

    Use instead:
        status: live
        revised: 2026-01-05
        effective: {from: 2024-01-01, until: 2027-12-31}
    """

    code: ClassVar[str] = "ALM313"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A rule whose time is over"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each such rule."""
        today = subject.today.isoformat() if subject.today else ""
        for rule in subject.rules:
            if rule.status != "retired" and rule.effective.last and rule.effective.last < today:
                message = f"'{rule.id}' was in use until {rule.effective.last}"
                yield Remark(subject.place(rule, "effective", "until"), message, "revise it, or retire it")
