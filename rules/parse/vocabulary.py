"""Value sets, questions and facts: the names that rules speak in."""

import re
from typing import Final

from rules import document as doc
from rules.facts import Coding
from rules.grammar import EXPANSION, HIERARCHY, PUBLISHED, QUESTION, VOCABULARY
from rules.parse.codes import codes
from rules.parse.facts import fact
from rules.parse.fields import BLANK, Fields, Problems
from rules.pins import Definition
from rules.source import MapNode, Node, TextNode

_CANONICAL: Final = re.compile(r"(https?://|urn:)[^\s|#]+")


def parse_vocabulary(node: MapNode, problems: Problems) -> doc.Vocabulary:
    """A file of value sets, questions and facts."""
    return vocabulary(Fields.of(node, VOCABULARY, problems), problems)


def vocabulary(fields: Fields, problems: Problems) -> doc.Vocabulary:
    """The ``valuesets``, ``questions`` and ``facts`` of a file."""
    return doc.Vocabulary(
        tuple(_value_set(name, value, problems) for name, value in fields.entries("valuesets")),
        tuple(_question(name, value, problems) for name, value in fields.entries("questions")),
        tuple(f for name, value in fields.entries("facts") if (f := fact(name, value, problems))),
    )


def _value_set(name: TextNode, node: Node, problems: Problems) -> doc.ValueSet:
    if isinstance(node, MapNode):
        if node.get("file"):
            fields = Fields.of(node, EXPANSION, problems)
            return doc.ValueSet(name, (), fields.text("file"), _version(fields))
        if node.get("url"):
            return doc.ValueSet(name, (), definition=_published(Fields.of(node, PUBLISHED, problems), problems))
        if node.get("is a") or node.get("descendants of"):
            return doc.ValueSet(name, (), definition=_hierarchy(Fields.of(node, HIERARCHY, problems), problems))
    return doc.ValueSet(name, codes(node, problems))


def _version(fields: Fields) -> str | None:
    version = fields.optional("version")
    return version.text if version else None


def _published(fields: Fields, problems: Problems) -> Definition:
    url = fields.text("url")
    if url is not BLANK and not _CANONICAL.fullmatch(url.text):
        hint = "the version stands in a key of its own" if "|" in url.text else ""
        problems.add(url.span, "ALM152", f"expected the canonical URL of a value set, got '{url}'", hint)
    return Definition(url=url.text, version=_version(fields))


def _hierarchy(fields: Fields, problems: Problems) -> Definition:
    """FHIR's filters: ``is-a`` holds the code itself, ``descendent-of`` does not."""
    operators = {"is a": "is-a", "descendants of": "descendent-of"}
    written = [(key, value) for key, value in fields.node.entries if key.text in operators]
    if len(written) > 1:
        problems.add(written[1][0].span, "ALM153", "a hierarchy is written with 'is a' or with 'descendants of'", "name two sets")
    (key, roots) = written[0]
    return Definition(version=_version(fields), operator=operators[key.text], roots=tuple(dict.fromkeys(codes(roots, problems))))


def _question(name: TextNode, node: Node, problems: Problems) -> doc.Question:
    fields = Fields.of(node, QUESTION, problems)
    question_codes = codes(value, problems) if (value := fields.node.get("code")) else ()
    words = tuple((word, codes(answer, problems)) for word, answer in fields.entries("answers"))
    if not words and isinstance(written := fields.node.get("answers"), MapNode):
        problems.add(written.span, "ALM106", "'answers' is empty")
    seen: dict[Coding, str] = {}
    for word, answers in words:
        if word.text in ("known", "unknown"):
            problems.add(word.span, "ALM123", f"'{word}' cannot be a word: 'is {word}' asks whether there is an answer")
        for answer in answers:
            if answer in seen:
                problems.add(word.span, "ALM114", f"answer {answer.code} means both '{seen[answer]}' and '{word}'")
            seen[answer] = word.text
    return doc.Question(name, question_codes, words)
