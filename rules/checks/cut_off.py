"""Cards whose first line is cut."""

import re
from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from rules.checks.lint import Remark, Severity, Subject
from rules.ir import ComputedFact, EventFact, Fact

_MOST: Final = 139
_NUMBER: Final = len("1234.5")
_VALUE: Final = 40
"""No value takes more of a summary."""
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")


class CutOff:
    """A card whose first line is cut off.

    What it does:
        Puts the longest word (or a number of six signs with its unit) in the place of each `{…}` of a card summary, and counts.

    Why is this bad:
        CDS Hooks allows fewer than 140 characters. The end is cut for some people, and it may be the part that says what to do.

    Example:
        facts:
          hba1c: {latest: observations, code: HbA1c, unit: "%"}
        when: hba1c > 9 %
        then:
          card: {summary: "Uncontrolled diabetes with … (130 characters) … HbA1c {hba1c}", indicator: info}

    Use instead:
        then:
          card: {summary: "Refer to a food programme: HbA1c {hba1c}", indicator: info}
    """

    code: ClassVar[str] = "ALM314"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A card whose first line is cut off"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each summary that is too long for some people."""
        facts = subject.program.by_name
        for rule in subject.rules:
            summary = rule.card.summary
            names = _PLACEHOLDER.findall(summary.text)
            longest = len(_PLACEHOLDER.sub("", summary.text)) + sum(_length(facts, rule.id.text, name.strip()) for name in names)
            if names and longest > _MOST:
                message = f"with its values, the summary has up to {longest} characters; CDS Hooks allows fewer than 140"
                yield Remark(summary.span, message, "say what to do first, and make it shorter")


def _length(facts: Mapping[str, Fact], rule: str, name: str) -> int:
    fact = facts.get(f"{rule}/{name}") or facts.get(name)
    return min(_longest(fact), _VALUE) if fact else 0


def _longest(fact: Fact) -> int:
    if isinstance(fact, EventFact) and fact.series.words:
        return max(len(word) for word, _ in fact.series.words)
    if isinstance(fact, ComputedFact) and fact.words:
        return max(map(len, fact.words))
    unit = fact.told_in if isinstance(fact, EventFact) else fact.unit if isinstance(fact, ComputedFact) else None
    return _NUMBER + (1 + len(unit) if unit else 0)
