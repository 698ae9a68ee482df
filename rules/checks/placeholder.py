"""Placeholders in a card."""

import re
from collections.abc import Iterator
from typing import ClassVar, Final

from rules.checks.lint import Remark, Severity, Subject
from rules.errors import did_you_mean

_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class Placeholder:
    """A card that shows what is not there.

    What it does:
        Looks for `{…}` in a card summary that names no number or word among the facts of the rule.

    Why is this bad:
        The clinician reads "not known", or "yes", where a value was meant.

    Example:
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
        when: hba1c > 9 %
        then:
          card: {summary: "HbA1c {a1c}", indicator: info}

    Use instead:
        then:
          card: {summary: "HbA1c {hba1c}", indicator: info}
    """

    code: ClassVar[str] = "ALM306"
    severity: ClassVar[Severity] = "error"
    title: ClassVar[str] = "A card that shows what is not there"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each placeholder that shows no number or word of its rule."""
        program = subject.program
        for rule in subject.rules:
            names = _PLACEHOLDER.findall(rule.card.summary.text)
            if not names:
                continue
            behind = {name.removeprefix(f"{rule.id}/"): program.by_name[name].type for name in program.facts_behind(rule.id.text)}
            showable = [name for name, kind in behind.items() if kind in ("number", "word")]
            for name in names:
                if name.strip() not in showable:
                    hint = did_you_mean(name, showable) or f"it can show: {', '.join(showable) or 'nothing'}"
                    yield Remark(rule.card.summary.span, f"the card shows '{name}', which is no number or word of this rule", hint)
