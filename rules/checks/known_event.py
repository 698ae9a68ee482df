"""Unknown is not never."""

from collections.abc import Iterator
from typing import ClassVar

from rules import ir, logic
from rules.checks.conditions import lines
from rules.checks.lint import Remark, Severity, Subject


class KnownEvent:
    """Knowing taken for having happened.

    What it does:
        Looks for `is known` and `is unknown` on facts that rest on events: observations, conditions, procedures …

    Why is this bad:
        Such a fact is unknown if nothing ever happened, and also if the record could not be read, a date is partial or a unit is strange.
        `is unknown` therefore does not mean *never*, and `is known` says *no* where nobody can tell: neither is ever unknown itself.

    Example:
        facts:
          last screen: {time since latest: observations, code: social needs screening, in: months}
        when: last screen is unknown

    Use instead:
        facts:
          screened: {exists: observations, code: social needs screening}
        when: {not: screened}
    """

    code: ClassVar[str] = "ALM304"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "Knowing taken for having happened"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each line that asks whether a fact resting on events is known."""
        for part in subject.parts:
            for line in (line for condition in part.conditions() for line in lines(condition)):
                condition = part.lowered(line)
                leaf = condition.part if isinstance(condition, logic.Not) else condition
                if isinstance(leaf, logic.Known) and _rests_on_events(leaf.fact, subject.program):
                    message = (
                        f"'{line.text}' also holds where nobody can tell" if leaf is not condition else f"'{line.text}' is never unknown"
                    )
                    yield Remark(line.text.span, message, "ask with 'exists' whether it is on record")


def _rests_on_events(name: str, program: ir.Program) -> bool:
    return any(isinstance(program.by_name[fact], ir.EventFact) for fact in program.facts_behind(name))
