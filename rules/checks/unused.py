"""Names without a use."""

from collections.abc import Iterator
from typing import ClassVar

from rules import ir, logic
from rules.checks.lint import Remark, Severity, Subject


class Unused:
    """A name that nothing uses.

    What it does:
        Looks for facts behind no rule or measure, and for value sets and questions that no fact and no example names. Names shared by a
        pack are only judged when the whole pack is checked, and never in a pack without rules: there they wait for packs that import it.

    Why is this bad:
        It misleads whoever reads the pack, and often shows that a line was forgotten. Unused facts are computed for everybody, too.

    Example:
        facts:
          age: {patient: age}
          sex: {patient: sex}
        when: age >= 65

    Use instead:
        facts:
          age: {patient: age}
        when: age >= 65
    """

    code: ClassVar[str] = "ALM309"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A name that nothing uses"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each fact, value set and question without a use."""
        facts, anywhere = _facts_of_rules(subject.program), subject.codes_named()
        for part in subject.parts:
            if part.rule is None and not (subject.whole and subject.rules):
                continue
            named = anywhere if part.rule is None else part.codes_named
            for fact in part.vocabulary.facts:
                if part.program_name(fact.name.text) not in facts:
                    yield Remark(fact.name.span, f"nothing uses the fact '{fact.name}'", "use it, or leave it out")
            for kind, sets in (("value set", part.vocabulary.valuesets), ("question", part.vocabulary.questions)):
                for item in sets:
                    if item.name.text not in named:
                        yield Remark(item.name.span, f"nothing uses the {kind} '{item.name}'", "use it, or leave it out")


def _facts_of_rules(program: ir.Program) -> set[str]:
    """Every fact and derived fact that some rule rests on, and those from which windows are counted."""
    found: set[str] = set()
    waiting = list(program.rules)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        if name in program.conditions:
            waiting += [leaf.fact for leaf in logic.leaves(program.conditions[name])]
        else:
            waiting += ir.rests_on(program.by_name[name])
    return found
