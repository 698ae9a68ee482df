"""The sets of codes that a pack gives a name: its value sets, its questions, and the answers that mean each word of a question."""

from collections.abc import Iterator
from dataclasses import dataclass

from rules import document as doc
from rules.facts import Coding
from rules.parse.fields import Problems
from rules.scope import Scope


@dataclass(frozen=True, slots=True)
class NamedSet:
    """Codes under the name that an author gave them; a rule's own carry the rule's id in front: ``rule-id/name``."""

    name: str
    codes: tuple[Coding, ...]


def named_sets(pack: doc.Pack) -> tuple[NamedSet, ...]:
    """Every named set of a pack that was loaded without mistakes, those of the pack first. Sets without a code are left out."""
    problems = Problems()
    shared = Scope.of(pack.vocabulary, None, problems)
    found = list(_of(pack.vocabulary, shared))
    for rule in pack.rules:
        found += _of(rule.vocabulary, Scope.of(rule.vocabulary, shared, problems, prefix=f"{rule.id}/"))
    return tuple(named for named in found if named.codes)


def _of(vocabulary: doc.Vocabulary, scope: Scope) -> Iterator[NamedSet]:
    for valueset in vocabulary.valuesets:
        yield NamedSet(scope.full_name(valueset.name.text), scope.codes(valueset.name))
    for question in vocabulary.questions:
        name = scope.full_name(question.name.text)
        yield NamedSet(name, question.codes)
        yield from (NamedSet(f"{name}: {word}", answers) for word, answers in question.words)
