"""Names without a use."""

from collections.abc import Iterator
from typing import ClassVar

from rules import document as doc
from rules import ir, logic
from rules.checks.lint import Part, Remark, Severity, Subject


class Unused:
    """A name that nothing uses.

    What it does:
        Looks for facts behind no rule or measure, and for value sets and questions that no fact and no example names. Names shared by a
        pack are only judged when the whole pack is checked.

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
        facts = _facts_of_rules(subject.program)
        for part in subject.parts:
            if part.is_shared and not subject.whole:
                continue
            named = set(_codes_named(subject.parts if part.is_shared else (part,)))
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


def _codes_named(parts: tuple[Part, ...]) -> Iterator[str]:
    """The value sets and questions that facts and examples name."""
    for part in parts:
        for fact in part.vocabulary.facts:
            if isinstance(fact, doc.EventFact):
                yield from _named_by_series(fact.series)
        if part.measure and part.measure.each:
            yield from _named_by_series(part.measure.each.series)
        for example in part.examples:
            for person in (example.person, *(example.household or ())):
                for event in person.events:
                    yield from (text.text for text in (event.what, *(tag for _, tag in event.tags)))


def _named_by_series(series: doc.Series) -> Iterator[str]:
    for code in (series.code, *(code for _, code in series.tags), series.question):
        if code is not None and not isinstance(code, doc.ValueSet):
            yield code.text
    for relation in series.relations:
        yield from _named_by_series(relation.series)
