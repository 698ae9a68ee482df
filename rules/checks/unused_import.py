"""Imports without a use."""

from collections.abc import Iterator
from typing import ClassVar

from rules import document as doc
from rules.checks.lint import Remark, Severity, Subject


class UnusedImport:
    """An import that nothing uses.

    What it does:
        Looks for imported packs of which no rule, fact or example uses a value set, a question or a fact.

    Why is this bad:
        It misleads whoever reads the pack, and the pack cannot be loaded where the other one is missing.

    Example:
        imports:
          - {pack: ../library, version: ">=1.2, <2"}
          - {pack: ../another, version: ">=1, <2"}

    Use instead:
        imports:
          - {pack: ../library, version: ">=1.2, <2"}
    """

    code: ClassVar[str] = "ALM320"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "An import that nothing uses"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each import that brings nothing; judged only if every rule was loaded."""
        program = subject.pack.program
        used = {*program.by_name, *program.conditions, *subject.codes_named()}
        for each in subject.pack.document.imports if subject.whole else ():
            if each.pack and not used & _names(each.pack):
                yield Remark(each.folder.span, f"nothing of '{each.pack.id}' is used here", "leave the import out")


def _names(pack: doc.Pack) -> set[str]:
    """All that an import of the pack brings."""
    brought = [each.vocabulary for each in (*pack.libraries(), pack)]
    return {item.name.text for v in brought for item in (*v.valuesets, *v.questions, *v.facts)}
