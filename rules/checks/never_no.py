"""A condition that everybody meets."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.conditions import without
from rules.checks.lint import Remark, Severity, Subject


class NeverNo:
    """A condition that can never be no.

    What it does:
        Looks for a condition, or a part of one, that is yes for everybody about whom it is not unknown.

    Why is this bad:
        It decides nothing but whether something is known. Either a limit is wrong, or the author meant "is on record", which `exists` says
        without depending on the value. A question all of whose answers mean one word has the same fault: nobody can ever answer *no*.

    Example:
        when:
          any:
            - age >= 65
            - age < 70

    Use instead:
        when: age >= 65
    """

    code: ClassVar[str] = "ALM302"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A condition that can never be no"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """The innermost conditions that can never be no."""
        for part in subject.parts:
            for place, line in without(False, part, subject):
                yield Remark(place, f"{line} can never be no", "every value meets it: check the limits, or the words of the question")
