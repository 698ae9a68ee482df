"""Answers that no example shows."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Remark, Severity, Subject
from rules.findings import ANSWERS


class FewExamples:
    """Examples that do not show every answer.

    What it does:
        Looks for rules whose examples lack one of the answers *yes*, *no* and *unknown*, if the rule can give it.

    Why is this bad:
        What no example shows is not tested: a rule that never said *unknown* in a test says *no* in practice, and people are lost.

    Example:
        examples:
          as_of: 2026-06-30
          cases:
            - {name: an old man, patient: {birth: 1940-01-01}, expect: yes}

    Use instead:
        examples:
          as_of: 2026-06-30
          cases:
            - {name: an old man, patient: {birth: 1940-01-01}, expect: yes}
            - {name: a child, patient: {birth: 2020-01-01}, expect: no}
            - {name: nobody knows how old, patient: {birth: unknown}, expect: unknown}
    """

    code: ClassVar[str] = "ALM305"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "Examples that do not show every answer"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each rule with answers that no example shows."""
        for rule in subject.rules:
            possible = subject.reasoning.answers(subject.pack.program.conditions[rule.id.text])
            shown = {example.expect for example in rule.examples}
            missing = [ANSWERS[answer] for answer in (True, False, None) if answer in possible and ANSWERS[answer] not in shown]
            if missing:
                message = f"no example of '{rule.id}' answers {' or '.join(missing)}"
                yield Remark(subject.place(rule, "examples", "cases"), message, "add one for each")
