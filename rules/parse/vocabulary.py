"""Value sets, questions and facts: the names that rules speak in."""

from rules import document as doc
from rules.facts import Coding
from rules.grammar import EXPANSION, QUESTION, VOCABULARY
from rules.parse.codes import codes
from rules.parse.facts import fact
from rules.parse.fields import Fields, Problems
from rules.source import MapNode, Node, TextNode


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
    if isinstance(node, MapNode) and node.get("file"):
        fields = Fields.of(node, EXPANSION, problems)
        version = fields.optional("version")
        return doc.ValueSet(name, (), fields.text("file"), version.text if version else None)
    return doc.ValueSet(name, codes(node, problems))


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
