"""Walking through conditions as they are written."""

from collections.abc import Iterator

from rules import document as doc
from rules import logic
from rules.checks.lint import Part, Subject
from rules.errors import Span


def lines(written: doc.ConditionText) -> Iterator[doc.Leaf]:
    """Every line of a condition, from top to bottom."""
    if isinstance(written, doc.Leaf):
        yield written
        return
    for part in written.parts:
        yield from lines(part)


def without(answer: bool, part: Part, subject: Subject) -> Iterator[tuple[Span, str]]:
    """The innermost conditions of a part of the pack that can never give this answer, each with its place and what to call it.

    A line that names a derived fact is left to the place where that fact is defined.
    """
    for written in part.conditions():
        yield from _without(answer, written, part, subject)[1]


def _without(answer: bool, written: doc.ConditionText, part: Part, subject: Subject) -> tuple[bool, list[tuple[Span, str]]]:
    """Whether something in the condition lacks the answer, and the places to report."""
    condition = part.lowered(written)
    if isinstance(written, doc.Leaf):
        lacks = answer not in subject.reasoning.answers(condition)
        derived = isinstance(condition, logic.Holds) and condition.fact in subject.program.conditions
        return lacks, [(written.text.span, f"'{written.text}'")] if lacks and not derived else []
    inner = [_without(answer, each, part, subject) for each in written.parts]
    found = [place for _, places in inner for place in places]
    if any(lacks for lacks, _ in inner):
        return True, found
    lacks = answer not in subject.reasoning.answers(condition)
    return lacks, [(written.span, f"this '{written.kind}'")] if lacks else []
