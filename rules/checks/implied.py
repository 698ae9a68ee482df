"""A rule that adds nothing to another."""

from collections.abc import Iterator, Sequence
from typing import ClassVar

from rules import document as doc
from rules.checks.lint import Remark, Severity, Subject
from rules.checks.reasoning import Reasoning


class Implied:
    """A rule that another rule of the pack already covers.

    What it does:
        Looks for a rule that says yes only where another rule of the same pack and level says yes too. Rules are compared by the meaning of
        their facts, not by their names; only rules that read the same facts are compared.

    Why is this bad:
        The same person is reported twice for the same thing, and a change to one rule is forgotten in the other.

    Example:
        # rules/poor-control.yaml
        when: hba1c > 8 %
        # rules/very-poor-control.yaml, at the same level
        when: hba1c > 9 %

    Use instead:
        # rules/poor-control.yaml
        when: hba1c between 8 and 9 %
        # rules/very-poor-control.yaml
        when: hba1c > 9 %
    """

    code: ClassVar[str] = "ALM303"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A rule that another rule of the pack already covers"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each rule that another one covers. Of two that mean the same, the later one."""
        conditions, answers = subject.program.conditions, subject.reasoning.answers
        for one, other in _comparable([rule for rule in subject.rules if rule.status != "retired"], subject.reasoning):
            if one.level != other.level:
                continue
            for narrow, wide in ((other, one), (one, other)):
                if subject.reasoning.implies(narrow.id.text, wide.id.text) and True in answers(conditions[narrow.id.text]):
                    yield _remark(narrow, wide)
                    break


def _comparable(rules: Sequence[doc.Rule], reasoning: Reasoning) -> Iterator[tuple[doc.Rule, doc.Rule]]:
    """The pairs of rules of which one reads every fact that the other reads, found without looking at every pair."""
    readers: dict[str, set[int]] = {}
    for place, rule in enumerate(rules):
        for fact in reasoning.facts(rule.id.text):
            readers.setdefault(fact, set()).add(place)
    pairs: set[tuple[int, int]] = set()
    for place, rule in enumerate(rules):
        narrower = sorted((readers[fact] for fact in reasoning.facts(rule.id.text)), key=len)
        others = set.intersection(*narrower) if narrower else set(range(len(rules)))
        pairs |= {(min(place, other), max(place, other)) for other in others if other != place}
    for one, other in sorted(pairs):
        yield rules[one], rules[other]


def _remark(narrow: doc.Rule, wide: doc.Rule) -> Remark:
    message = f"whoever is found by '{narrow.id}' is found by '{wide.id}' too"
    return Remark(narrow.id.span, message, "join them, give them different levels, or set them apart")
