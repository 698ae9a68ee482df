"""Answers that no example shows."""

from collections.abc import Iterator
from typing import ClassVar

from rules import document as doc
from rules.checks.lint import Remark, Severity, Subject
from rules.findings import ANSWERS
from rules.measures import EXCEPTED, EXCLUDED, MET, NOT_ELIGIBLE, NOT_MET


class FewExamples:
    """Examples that do not show every answer.

    What it does:
        Looks for rules whose examples lack one of the answers *yes*, *no* and *unknown*, if the rule can give it, and for measures whose
        examples lack an outcome for which a group has a condition.

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
            possible = subject.reasoning.answers(subject.program.conditions[rule.id.text])
            shown = {example.expect for example in rule.examples}
            missing = [ANSWERS[answer] for answer in (True, False, None) if answer in possible and ANSWERS[answer] not in shown]
            if missing:
                message = f"no example of '{rule.id}' answers {' or '.join(missing)}"
                yield Remark(subject.place(rule, "examples", "cases"), message, "add one for each")
        for measure in subject.pack.document.measures:
            for group in measure.groups:
                shown = {dict(expected)[group.name.text] for example in measure.examples for expected in example.expect}
                if missing := [outcome for outcome in _outcomes(group) if outcome not in shown]:
                    message = f"no example of '{measure.id}' is {' or '.join(missing)} in '{group.name}'"
                    yield Remark(subject.place(measure, "examples", "cases"), message, "add one for each")


def _outcomes(group: doc.MeasureGroup) -> Iterator[str]:
    """What an example of a measure should show, if there is a condition for it."""
    yield from (NOT_ELIGIBLE,) if group.eligible else ()
    yield from (EXCLUDED,) if group.excluded else ()
    yield from (MET, NOT_MET)
    yield from (EXCEPTED,) if group.excepted else ()
