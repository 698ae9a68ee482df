"""Value sets, questions, facts and conditions: the names that rules speak in."""

import re
from typing import Final

from rules import document as doc
from rules.days import UNITS
from rules.errors import Span, did_you_mean
from rules.facts import TABLES, Coding
from rules.grammar import AGGREGATES, DERIVED_FACT, EVENT_FACT, GROUPS, PATIENT_FACT, QUESTION, VOCABULARY
from rules.parse.fields import BLANK, Fields, Problems, as_duration, as_list, as_text
from rules.source import ListNode, MapNode, Node, TextNode
from rules.valuesets import SYSTEMS, problem_with

_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9 ()'_-]*")
_RESERVED: Final = re.compile(r"(^| )(is|not|between|and)( |$)")


def parse_vocabulary(node: MapNode, problems: Problems) -> doc.Vocabulary:
    """A file of value sets, questions and facts."""
    return vocabulary(Fields.of(node, VOCABULARY, problems), problems)


def vocabulary(fields: Fields, problems: Problems) -> doc.Vocabulary:
    """The ``valuesets``, ``questions`` and ``facts`` of a file."""
    return doc.Vocabulary(
        tuple(doc.ValueSet(name, codes(value, problems)) for name, value in fields.entries("valuesets")),
        tuple(_question(name, value, problems) for name, value in fields.entries("questions")),
        tuple(f for name, value in fields.entries("facts") if (f := _fact(name, value, problems))),
    )


# ---------------------------------------------------------------- codes


def codes(node: Node, problems: Problems) -> tuple[Coding, ...]:
    """``{loinc: [4548-4, 17856-6], snomed: …}`` → codings. Check digits are verified."""
    if not isinstance(node, MapNode):
        problems.add(node.span, "ALM110", 'codes are written with their code system: {loinc: ["4548-4"]}')
        return ()
    found = [c for system, value in node.entries for c in _codes_of(system, value, problems)]
    if not found and not problems.found:
        problems.add(node.span, "ALM111", "this set has no codes")
    return tuple(found)


def _codes_of(system: TextNode, value: Node, problems: Problems) -> list[Coding]:
    uri = SYSTEMS.get(system.text, system.text)
    if not re.match(r"[a-z]+:", uri):
        hint = did_you_mean(system.text, SYSTEMS) or f"one of: {', '.join(SYSTEMS)}, or a full URI"
        problems.add(system.span, "ALM112", f"unknown code system '{system}'", hint)
    found = []
    for item in as_list(value):
        code = as_text(item, "a code", problems)
        if code is not BLANK and (wrong := problem_with(system.text, code.text)):
            problems.add(code.span, "ALM113", wrong)
        found.append(Coding(uri, code.text))
    return found


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


# ---------------------------------------------------------------- facts


def _fact(name: TextNode, node: Node, problems: Problems) -> doc.Fact | None:
    if not _NAME.fullmatch(name.text) or _RESERVED.search(name.text):
        problems.add(
            name.span, "ALM115", f"'{name}' cannot name a fact: use letters, digits and spaces, without the words is, not, between, and"
        )
    if isinstance(node, MapNode) and node.get("patient"):
        return doc.PatientFact(name, Fields.of(node, PATIENT_FACT, problems).text("patient"))
    if isinstance(node, MapNode) and (when := node.get("when")):
        Fields.of(node, DERIVED_FACT, problems)
        return doc.DerivedFact(name, condition(when, problems))
    return _event_fact(name, node, problems)


def _event_fact(name: TextNode, node: Node, problems: Problems) -> doc.EventFact | None:
    before = len(problems.found)
    fields = Fields.of(node, EVENT_FACT, problems)
    written = [a for a in AGGREGATES if fields.has(a)]
    if len(written) != 1:
        if len(problems.found) == before:
            problems.add(fields.node.span, "ALM116", f"'{name}' needs exactly one of: {', '.join(AGGREGATES)}, patient, when")
        return None
    aggregate = fields.node.key(written[0]) or BLANK
    tables = fields.texts(written[0])
    _check_tables(tables, problems)
    return doc.EventFact(
        name=name,
        aggregate=aggregate,
        tables=tables,
        code=_code(name, fields, problems),
        question=fields.optional("question"),
        statuses=fields.texts("status") if fields.has("status") else None,
        within=as_duration(fields.text("within"), problems) if fields.has("within") else None,
        since=fields.optional("since"),
        household=fields.choice("of", ("household",)) == "household",
        unit=fields.optional("unit"),
        scale=_scale(fields, problems),
    )


def _check_tables(tables: tuple[TextNode, ...], problems: Problems) -> None:
    seen: set[str] = set()
    for table in tables:
        if table is not BLANK and table.text not in TABLES:
            problems.add(
                table.span, "ALM117", f"unknown table '{table}'", did_you_mean(table.text, TABLES) or f"one of: {', '.join(TABLES)}"
            )
        elif table.text in seen:
            problems.add(table.span, "ALM122", f"the table '{table}' is named twice")
        seen.add(table.text)


def _code(name: TextNode, fields: Fields, problems: Problems) -> TextNode | doc.ValueSet | None:
    value = fields.node.get("code")
    if value is None:
        return None
    return doc.ValueSet(name, codes(value, problems)) if isinstance(value, MapNode) else as_text(value, "'code'", problems)


def _scale(fields: Fields, problems: Problems) -> str | None:
    written = fields.optional("in")
    if written is None or written is BLANK:
        return None
    unit = written.text.removesuffix("s")
    if unit not in UNITS:
        problems.add(written.span, "ALM118", f"'in' cannot be '{written}'", "days, weeks, months or years")
    return unit


# ---------------------------------------------------------------- conditions


def condition(node: Node, problems: Problems) -> doc.ConditionText:
    """``all`` / ``any`` / ``none`` / ``not`` over lines; a plain list means ``all``."""
    if isinstance(node, TextNode):
        return doc.Leaf(as_text(node, "a condition", problems))
    if isinstance(node, ListNode):
        return _group("all", node, node.span, problems)
    if len(node.entries) == 1 and node.entries[0][0].text in GROUPS:
        ((kind, parts),) = node.entries
        if kind.text == "not" and isinstance(parts, ListNode) and len(parts.items) != 1:
            problems.add(parts.span, "ALM119", "'not' takes one condition", "use none: for several")
        return _group(kind.text, parts, kind.span, problems)
    key = node.entries[0][0] if node.entries else BLANK
    hint = did_you_mean(key.text, GROUPS) if len(node.entries) == 1 else "put each under a '- ' of its own"
    problems.add(node.span, "ALM120", f"expected one of {', '.join(GROUPS)}, or a line such as 'hba1c > 9 %'", hint)
    return doc.Group("all", (), node.span)


def _group(kind: str, node: Node, span: Span, problems: Problems) -> doc.Group:
    parts = tuple(condition(item, problems) for item in as_list(node))
    if not parts:
        problems.add(span, "ALM121", f"'{kind}' has nothing under it")
    return doc.Group(kind, parts, span)
