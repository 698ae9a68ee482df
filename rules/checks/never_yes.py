"""A condition that nobody can meet."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.conditions import without
from rules.checks.lint import Remark, Severity, Subject


class NeverYes:
    """A condition that can never be yes.

    What it does:
        Looks for a condition, or a part of one, that no person can meet, whatever is on record.

    Why is this bad:
        The rule finds nobody, or a part of it does nothing, and nobody notices: no answer is wrong, there are just none.

    Example:
        when:
          all:
            - age > 65
            - age < 18

    Use instead:
        when:
          any:
            - age > 65
            - age < 18
    """

    code: ClassVar[str] = "ALM301"
    severity: ClassVar[Severity] = "error"
    title: ClassVar[str] = "A condition that can never be yes"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """The innermost conditions that can never be yes; else the rules that, with unless and population, never can."""
        tainted = set()
        for part in subject.parts:
            for place, line in without(True, part, subject):
                tainted.add(part.rule.id.text if part.rule else "" if part.is_shared else place.path)
                yield Remark(place, f"{line} can never be yes", "no value meets all of it")
        for rule in subject.rules:
            condition = subject.program.conditions[rule.id.text]
            if not tainted & {"", rule.id.text} and True not in subject.reasoning.answers(condition):
                yield Remark(
                    rule.id.span, f"'{rule.id}' can never say yes", "its parts, the pack's population and 'unless' exclude each other"
                )
