"""Which decision tables give words: told as soon as all names that a file may use are known, since ``value: high`` may name a fact."""

import re
from collections.abc import Iterable, Set
from dataclasses import replace
from typing import Final

from rules import document as doc

_WORD: Final = re.compile(r"[^\W\d_](?!.*(?:[()+*/^,]| - )).*")
"""A word begins with a letter, and nothing in it computes."""


def names_of(vocabularies: Iterable[doc.Vocabulary]) -> frozenset[str]:
    """The names of the facts in vocabularies."""
    return frozenset(fact.name.text for vocabulary in vocabularies for fact in vocabulary.facts)


def with_word_tables(vocabulary: doc.Vocabulary, shared: Set[str] = frozenset()) -> doc.Vocabulary:
    """The vocabulary, in which the tables that give words are marked; ``shared`` are the names of facts that it may use besides its own."""
    may_be = [fact for fact in vocabulary.facts if isinstance(fact, doc.ComputedFact) and _words(fact)]
    if not may_be:
        return vocabulary
    names = names_of([vocabulary]) | shared
    marked = {id(fact): replace(fact, words=_words(fact) - names) for fact in may_be}
    return replace(vocabulary, facts=tuple(marked.get(id(fact), fact) for fact in vocabulary.facts))


def _words(fact: doc.ComputedFact) -> frozenset[str]:
    """Values that are words unless they are names; none where nothing is asked, for there nothing is decided."""
    if all(when is None for when, _ in fact.lines):
        return frozenset()
    return frozenset(value.text for _, value in fact.lines if _WORD.fullmatch(value.text))
