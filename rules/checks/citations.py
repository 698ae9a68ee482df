"""Rules that cite nothing."""

from collections.abc import Iterator
from typing import ClassVar

from rules import document as doc
from rules.checks.lint import Remark, Severity, Subject


class NoCitation:
    """A rule without a source.

    What it does:
        Looks for rules whose `evidence` names no citation.

    Why is this bad:
        Nobody can judge the rule, and whoever has to renew it does not know what to read. Source attributes must say what a rule rests on.

    Example:
        evidence:
          grade: B
          citations: []

    Use instead:
        evidence:
          grade: B
          citations:
            - {title: "NICE NG6: Excess winter deaths (2015)", url: "https://www.nice.org.uk/guidance/ng6"}
    """

    code: ClassVar[str] = "ALM307"
    severity: ClassVar[Severity] = "error"
    title: ClassVar[str] = "A rule without a source"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each rule without a citation."""
        for rule in subject.documents:
            if not rule.citations:
                place = subject.place(rule, *(("evidence",) if isinstance(rule, doc.Rule) else ()), "citations")
                yield Remark(place, f"'{rule.id}' cites nothing", "name what it rests on, if only the local agreement")
