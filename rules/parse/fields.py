"""Reading one object of the language: its keys, required and unknown, and the plain values inside."""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from rules.days import UNITS, Duration
from rules.errors import Diagnostic, Span, did_you_mean
from rules.grammar import Shape
from rules.source import ListNode, MapNode, Node, TextNode

_NUMBER: Final = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,10})?", re.ASCII)
_DURATION: Final = re.compile(r"([1-9]\d{0,4}) (day|week|month|year)s?", re.ASCII)


@dataclass(slots=True)
class Problems:
    """The messages collected so far. After the first one the document's blanks are never used."""

    found: list[Diagnostic] = field(default_factory=list)

    def add(self, span: Span, code: str, message: str, hint: str = "") -> None:
        """Note a mistake at a place."""
        self.found.append(Diagnostic(span, code, message, hint=hint))


BLANK: Final = TextNode("", "")


@dataclass(slots=True)
class Fields:
    """The fields of one mapping, checked against its `Shape`."""

    node: MapNode
    problems: Problems

    @classmethod
    def of(cls, node: Node, shape: Shape, problems: Problems, extra: Iterable[str] = ()) -> "Fields":
        """Check ``node``'s keys against ``shape``. A node that is no mapping is reported and read as an empty one."""
        if not isinstance(node, MapNode):
            problems.add(node.span, "ALM101", f"{shape.one} is written as 'key: value' lines")
            return cls(MapNode({}, node.span), problems)
        allowed = shape.names.union(extra) if extra else shape.names
        if not node.by_key.keys() <= allowed:
            for key, _ in node.entries:
                if key.text not in allowed:
                    problems.add(key.span, "ALM102", f"{shape.one} has no key '{key.text}'", did_you_mean(key.text, allowed))
        for wanted in shape.required:
            if wanted.name not in node.by_key:
                problems.add(node.span, "ALM103", f"this {shape.title} lacks '{wanted.name}'", wanted.help)
        return cls(node, problems)

    def has(self, key: str) -> bool:
        """Whether the key was written."""
        return key in self.node.by_key

    def written(self, keys: Iterable[str]) -> tuple[str, ...]:
        """Those of ``keys`` that were written, in the order of ``keys``."""
        known = self.node.by_key
        return tuple([key for key in keys if key in known])

    def text(self, key: str) -> TextNode:
        """A text that is not empty; a blank one if it is missing or wrong (then it is reported)."""
        entry = self.node.by_key.get(key)
        return BLANK if entry is None else as_text(entry[1], f"'{key}'", self.problems)

    def optional(self, key: str) -> TextNode | None:
        """A text, or ``None`` if the key was not written."""
        entry = self.node.by_key.get(key)
        return None if entry is None else as_text(entry[1], f"'{key}'", self.problems)

    def choice(self, key: str, options: Collection[str], default: str = "") -> str:
        """One of ``options``."""
        value = self.optional(key)
        return default if value is None or value is BLANK else choice(value, f"'{key}'", options, self.problems)

    def texts(self, key: str) -> tuple[TextNode, ...]:
        """A list of texts that is not empty; one text stands for a list of one, nothing for a key that was not written."""
        value = self.node.get(key)
        if value is None:
            return ()
        if isinstance(value, ListNode) and not value.items:
            self.problems.add(value.span, "ALM106", f"'{key}' is empty")
        return tuple(as_text(v, f"'{key}'", self.problems) for v in as_list(value))

    def day(self, key: str) -> str:
        """A full date, as text."""
        value = self.optional(key)
        if value is None or value is BLANK:
            return ""
        try:
            return date.fromisoformat(value.text).isoformat() if re.fullmatch(r"\d{4}-\d\d-\d\d", value.text) else self._no_day(value)
        except ValueError:
            return self._no_day(value)

    def _no_day(self, value: TextNode) -> str:
        self.problems.add(value.span, "ALM104", f"expected a date such as 2026-03-14, got '{value}'")
        return ""

    def list(self, key: str) -> Iterator[Node]:
        """The items of a list; a single value stands for a list of one."""
        value = self.node.get(key)
        return iter(()) if value is None else iter(as_list(value))

    def entries(self, key: str) -> tuple[tuple[TextNode, Node], ...]:
        """The entries of a mapping of names; empty if the key was not written."""
        value = self.node.get(key)
        if value is None:
            return ()
        if not isinstance(value, MapNode):
            self.problems.add(value.span, "ALM101", f"'{key}' is written as 'name: …' lines")
            return ()
        return value.entries


def as_text(node: Node, what: str, problems: Problems) -> TextNode:
    """The text of a node that must be a plain value."""
    if not isinstance(node, TextNode):
        problems.add(node.span, "ALM105", f"{what} must be a plain value")
        return BLANK
    if not node.text.strip():
        problems.add(node.span, "ALM106", f"{what} is empty")
        return BLANK
    return node


def as_list(node: Node) -> tuple[Node, ...]:
    """The items of a list, or the one value standing for it."""
    return node.items if isinstance(node, ListNode) else (node,)


def choice(value: TextNode, what: str, options: Collection[str], problems: Problems) -> str:
    """The text, which must be one of ``options``."""
    if value.text not in options:
        hint = did_you_mean(value.text, options) or f"one of: {', '.join(options)}"
        problems.add(value.span, "ALM107", f"{what} cannot be '{value}'", hint)
    return value.text


def as_number(value: TextNode, what: str, problems: Problems) -> float:
    """A decimal number, written plainly."""
    if not _NUMBER.fullmatch(value.text):
        problems.add(value.span, "ALM108", f"{what} must be a number such as 9 or 6.5, got '{value}'")
        return 0.0
    return float(value.text)


def as_duration(value: TextNode, problems: Problems) -> Duration | None:
    """A length of time such as ``12 months``."""
    match = _DURATION.fullmatch(value.text)
    if not match:
        problems.add(value.span, "ALM109", f"expected a length of time such as \"12 months\", got '{value}'", f"units: {', '.join(UNITS)}")
        return None
    return Duration(int(match[1]), match[2])
