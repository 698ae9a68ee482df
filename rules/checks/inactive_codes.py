"""Codes that their code system has given up."""

from collections.abc import Iterator
from typing import ClassVar, Final

from rules.checks.lint import Remark, Severity, Subject
from rules.expansions import ExpansionError, about
from rules.scope import file_of

_SHOWN: Final = 3


class InactiveCodes:
    """Inactive codes in an expansion.

    What it does:
        Looks for codes that the expansion in a file marks as inactive. They are no part of the set.

    Why is this bad:
        Older records may still be coded with them, and such people are missed. Whether that is meant, only the author knows.

    Example:
        # frailty.json: {"system": …, "code": …, "inactive": true}
        valuesets:
          frailty: {file: frailty.json}

    Use instead:
        # the codes that are still to be found in records, in a set of their own
        valuesets:
          frailty: {file: frailty.json}
          frailty before 2020: {file: frailty-inactive.csv}
    """

    code: ClassVar[str] = "ALM322"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "Inactive codes in an expansion"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each set with inactive codes."""
        for valueset in subject.sets_in_files():
            try:
                inactive = about(file_of(valueset)).inactive
            except ExpansionError:
                continue  # loading told, or will tell whoever uses it
            if inactive:
                shown = ", ".join(code.code for code in inactive[:_SHOWN]) + (", …" if len(inactive) > _SHOWN else "")
                message = f"{len(inactive)} inactive code{'' if len(inactive) == 1 else 's'} of '{valueset.name}' do not count: {shown}"
                yield Remark(valueset.name.span, message, "name them in a set of their own if records still hold them")
