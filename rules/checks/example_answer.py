"""Answers in examples."""

from collections.abc import Iterator
from typing import ClassVar

from rules.checks.lint import Part, Remark, Severity, Subject
from rules.errors import did_you_mean
from rules.source import TextNode


class ExampleAnswer:
    """An example with an answer that its question does not know.

    What it does:
        Looks for examples whose answer to a question is neither one of its words nor one of its answer codes, nor `none`.

    Why is this bad:
        The engines take it for an answer that means nothing, so that the example tests something else than it seems to.

    Example:
        events:
          - {observation: hunger vital sign, answer: at riks}
        expect: unknown

    Use instead:
        events:
          - {observation: hunger vital sign, answer: at risk}
        expect: yes
    """

    code: ClassVar[str] = "ALM311"
    severity: ClassVar[Severity] = "error"
    title: ClassVar[str] = "An example with an answer that its question does not know"

    def check(self, subject: Subject) -> Iterator[Remark]:
        """Each answer of an example that its question does not know."""
        for part in subject.parts:
            for example in part.examples:
                for person in (example.person, *(example.household or ())):
                    for event in person.events:
                        if event.answer:
                            yield from _strange(event.what, event.answer, part)


def _strange(asked: TextNode, answer: TextNode, part: Part) -> Iterator[Remark]:
    question = part.scope.question(asked, quiet=True)
    if question is None:
        return
    words = [word.text for word, _ in question.words]
    codes = {answer.code for _, answers in question.words for answer in answers}
    if answer.text not in {*words, *codes, "none"}:
        hint = did_you_mean(answer.text, words) or f"one of: {', '.join(words)}, or one of their codes"
        yield Remark(answer.span, f"'{answer}' is no answer to '{question.name}'", hint)
