"""Codes written twice."""

from collections.abc import Iterator
from typing import ClassVar

from rules import document as doc
from rules.checks.lint import Remark, Severity, Subject


class RepeatedCode:
    """A code written twice in one set.

    What it does:
        Looks for value sets and questions that name the same code of the same code system twice.

    Why is this bad:
        It is harmless to the answer, but one of the two was often meant to be another code.

    Example:
        valuesets:
          HbA1c: {loinc: [4548-4, 17856-6, 4548-4]}

    Use instead:
        valuesets:
          HbA1c: {loinc: [4548-4, 17856-6, 59261-8]}
    """

    code: ClassVar[str] = "ALM310"
    severity: ClassVar[Severity] = "warning"
    title: ClassVar[str] = "A code written twice in one set"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each set, named or written out, with a code that comes twice."""
        for part in subject.parts:
            for item in _sets(part.vocabulary):
                for code in dict.fromkeys(c for c in item.codes if item.codes.count(c) > 1):
                    yield Remark(item.name.span, f"'{item.name}' names the code {code.code} twice", "was another code meant?")


def _sets(vocabulary: doc.Vocabulary) -> Iterator[doc.ValueSet | doc.Question]:
    yield from vocabulary.valuesets
    yield from vocabulary.questions
    for fact in vocabulary.facts:
        if isinstance(fact, doc.EventFact):
            yield from _written_out(fact.series)


def _written_out(series: doc.Series) -> Iterator[doc.ValueSet]:
    yield from (code for code in (series.code, *(code for _, code in series.tags)) if isinstance(code, doc.ValueSet))
    for relation in series.relations:
        yield from _written_out(relation.series)
