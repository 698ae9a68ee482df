"""Value sets whose time is over."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Remark, Severity, Subject
from rules.expansions import About, ExpansionError, about
from rules.scope import file_of


class OutdatedSet:
    """A value set that is retired or over.

    What it does:
        Looks at the files of value sets that are in use: for the status `retired`, and for a period or an expiration date that is over on
        the day of the check.

    Why is this bad:
        New records are coded with the codes of the set's successor: people are missed, and more every month.

    Example:
        # the set in frailty.json has the status "retired"
        valuesets:
          frailty: {file: frailty.json, version: "1"}

    Use instead:
        valuesets:
          frailty: {file: frailty.json, version: "2"}
    """

    code: ClassVar[str] = "ALM321"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A value set that is retired or over"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each such set."""
        today = subject.today.isoformat() if subject.today else ""
        for valueset in subject.sets_in_files():
            try:
                said = about(file_of(valueset))
            except ExpansionError:
                continue  # loading told, or will tell whoever uses it
            if what := _over(said, today):
                yield Remark(valueset.name.span, f"the value set '{valueset.name}' {what}", "use its successor")


def _over(said: About, today: str) -> str:
    if said.status == "retired":
        return "is retired"
    return f"was in use until {said.ends}" if said.ends and said.ends < today[: len(said.ends)] else ""
