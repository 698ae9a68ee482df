"""Conditions: ``all`` / ``any`` / ``none`` / ``not`` / ``at least`` over lines."""

import re

from rules import document as doc
from rules.errors import Span, did_you_mean
from rules.grammar import AT_LEAST, GROUPS
from rules.parse.fields import BLANK, Fields, Problems, as_list, as_text
from rules.source import ListNode, Node, TextNode


def condition(node: Node, problems: Problems) -> doc.ConditionText:
    """``all`` / ``any`` / ``none`` / ``not`` / ``at least`` over lines; a plain list means ``all``."""
    if isinstance(node, TextNode):
        return doc.Leaf(as_text(node, "a condition", problems))
    if isinstance(node, ListNode):
        return _group("all", node, node.span, problems)
    if len(node.entries) == 1 and node.entries[0][0].text in GROUPS:
        ((kind, parts),) = node.entries
        if kind.text == "not" and isinstance(parts, ListNode) and len(parts.items) != 1:
            problems.add(parts.span, "ALM119", "'not' takes one condition", "use none: for several")
        return _group(kind.text, parts, kind.span, problems)
    if node.get("at least") or node.get("of"):
        return _at_least(Fields.of(node, AT_LEAST, problems), problems)
    key = node.entries[0][0] if node.entries else BLANK
    hint = did_you_mean(key.text, (*GROUPS, "at least")) if len(node.entries) == 1 else "put each under a '- ' of its own"
    problems.add(node.span, "ALM120", f"expected one of {', '.join(GROUPS)}, at least, or a line such as 'hba1c > 9 %'", hint)
    return doc.Group("all", (), node.span)


def _at_least(fields: Fields, problems: Problems) -> doc.Group:
    """``{at least: 2, of: [a, b, c]}``."""
    parts = tuple(condition(item, problems) for item in fields.list("of"))
    written = fields.text("at least")
    number = int(written.text) if re.fullmatch("[1-9][0-9]?", written.text) else 0
    if parts and written is not BLANK and not 1 <= number <= len(parts):
        problems.add(written.span, "ALM142", f"'at least' is a number from 1 to that of the conditions under 'of', got '{written}'")
    return doc.Group("at least", parts, fields.node.span, number)


def _group(kind: str, node: Node, span: Span, problems: Problems) -> doc.Group:
    parts = tuple(condition(item, problems) for item in as_list(node))
    if not parts:
        problems.add(span, "ALM121", f"'{kind}' has nothing under it")
    return doc.Group(kind, parts, span)
