"""The examples of a rule: small people with the answer that the author expects."""

from collections.abc import Iterator
from typing import Final

from rules import document as doc
from rules.facts import HOUSEHOLD, ROLES, TABLES
from rules.grammar import CASE, EVENT_DETAILS, EXAMPLES, MEMBER, PATIENT, Shape
from rules.parse.fields import BLANK, Fields, Problems, as_number, as_text, choice
from rules.source import MapNode, Node, TextNode

_SINGULAR: Final = {table.singular: table.name for table in TABLES.values()}
_ANSWERS: Final = ("yes", "no", "unknown")


def parse_examples(node: Node, problems: Problems) -> tuple[doc.Example, ...]:
    """``examples: {as_of: …, cases: […]}``."""
    return tuple(example(case, as_of, case.choice("expect", _ANSWERS)) for case, as_of in cases(node, CASE, problems))


def cases(node: Node, shape: Shape, problems: Problems) -> Iterator[tuple[Fields, TextNode]]:
    """Each case with the day of all of them."""
    fields = Fields.of(node, EXAMPLES, problems)
    as_of = fields.text("as_of")
    fields.day("as_of")
    for item in fields.list("cases"):
        yield Fields.of(item, shape, problems), as_of


def example(fields: Fields, as_of: TextNode, expect: str) -> doc.Example:
    """The person of a case and the day; ``expect`` is the answer that the author expects."""
    problems = fields.problems
    fields.day("as_of")
    not_loaded = {choice(t, "'not loaded'", (*TABLES, HOUSEHOLD), problems) for t in fields.texts("not loaded")}
    return doc.Example(
        name=fields.text("name").text,
        as_of=fields.optional("as_of") or as_of,
        person=_person(fields, problems),
        household=_household(fields, problems),
        not_loaded=frozenset(not_loaded),
        expect=expect,
        facts=tuple((name, as_text(v, f"the expected value of '{name}'", problems)) for name, v in fields.entries("facts")),
        span=fields.node.span,
    )


def _household(fields: Fields, problems: Problems) -> tuple[doc.ExamplePerson, ...] | None:
    value = fields.node.get("household")
    if isinstance(value, TextNode):
        choice(value, "'household'", ("unknown",), problems)
        return None
    return tuple(_person(Fields.of(item, MEMBER, problems), problems) for item in fields.list("household"))


def _person(fields: Fields, problems: Problems) -> doc.ExamplePerson:
    patient = fields.node.get("patient")
    attributes: list[tuple[str, TextNode]] = []
    if patient is not None:
        inner = Fields.of(patient, PATIENT, problems)
        attributes = [(key.text, as_text(value, f"'{key}'", problems)) for key, value in inner.node.entries]
    events = tuple(e for i, item in enumerate(fields.list("events"), 1) if (e := _event(item, i, problems)))
    return doc.ExamplePerson(tuple(attributes), events)


_DETAILS: Final = Shape("event", EVENT_DETAILS)
_KEYS: Final = {singular: _DETAILS.names | {singular} for singular in _SINGULAR}
"""For each kind of event the keys that it may have."""


def _event(node: Node, index: int, problems: Problems) -> doc.ExampleEvent | None:
    kinds = [k for k in node.by_key if k in _SINGULAR] if isinstance(node, MapNode) else []
    if len(kinds) != 1 or not isinstance(node, MapNode):
        problems.add(
            node.span, "ALM140", f"an event starts with one of: {', '.join(_SINGULAR)}", "- {condition: diabetes, date: 2026-01-05}"
        )
        return None
    (kind,) = kinds
    fields = Fields(node, problems)
    if not node.by_key.keys() <= _KEYS[kind]:
        Fields.of(MapNode({k: v for k, v in node.by_key.items() if k != kind}, node.span), _DETAILS, problems)
    value = fields.optional("value")
    return doc.ExampleEvent(
        table=_SINGULAR[kind],
        index=index,
        what=as_text(node.by_key[kind][1], f"'{kind}'", problems),
        answer=fields.optional("answer"),
        date=fields.optional("date"),
        status=fields.optional("status"),
        value=as_number(value, "'value'", problems) if value and value is not BLANK else None,
        unit=fields.optional("unit"),
        end=fields.optional("end"),
        tags=tuple((role, fields.text(role)) for role in fields.written(ROLES)),
    )
