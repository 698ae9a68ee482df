"""A YAML file that describes something to an adapter, read with every mistake in its place.

========  ===================================
ALM520    a key that means nothing here
ALM521    another kind of thing is expected here
ALM522    a name that is not one of those known
ALM523    not a number
ALM524    something is missing
ALM525    a column that the file does not have
========  ===================================
"""

from collections.abc import Collection, Iterator
from typing import Final

from rules.errors import Diagnostic, RuleError, Span, did_you_mean
from rules.source import ListNode, MapNode, Node, TextNode

UNKNOWN_KEY: Final = "ALM520"
WRONG_KIND: Final = "ALM521"
UNKNOWN_NAME: Final = "ALM522"
NOT_A_NUMBER: Final = "ALM523"
MISSING: Final = "ALM524"


class YamlReading:
    """Collects what is wrong while a file is read; what cannot be understood is as if it were not there."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []

    def wrong(self, span: Span, code: str, message: str, hint: str = "") -> None:
        """Note a mistake."""
        self.found.append(Diagnostic(span, code, message, hint=hint))

    def settle(self) -> None:
        """Raise `RuleError` with every mistake, if there is any."""
        if self.found:
            raise RuleError(self.found)

    def mapping(self, node: Node | None, parent: Span, keys: Collection[str] = ()) -> MapNode:
        """A mapping (empty if absent), of the ``keys`` known if any are named."""
        if not isinstance(node, MapNode):
            if node is not None:
                self.wrong(node.span, WRONG_KIND, "expected 'key: value' lines here")
            return MapNode({}, parent)
        for key, _ in node.entries:
            if keys and key.text not in keys:
                self.wrong(key.span, UNKNOWN_KEY, f"'{key.text}' means nothing here", did_you_mean(key.text, keys))
        return node

    def items(self, node: Node | None) -> Iterator[Node]:
        """The items of a list; none if it is absent."""
        if isinstance(node, ListNode):
            yield from node.items
        elif node is not None:
            self.wrong(node.span, WRONG_KIND, "expected a list here ('- ' before each item)")

    def text(self, node: Node | None) -> str | None:
        """A word or sentence; ``None`` if absent."""
        if node is None or isinstance(node, TextNode):
            return None if node is None else node.text
        self.wrong(node.span, WRONG_KIND, "expected one word or text here")
        return None

    def required(self, parent: MapNode, key: str) -> str:
        """A text that must be there; empty if it is not."""
        found = self.text(parent.get(key))
        if not found:
            self.wrong(parent.span, MISSING, f"'{key}' is missing here")
        return found or ""

    def words(self, node: Node | None) -> frozenset[str]:
        """Words with blanks between them."""
        return frozenset((self.text(node) or "").split())

    def number(self, node: Node | None) -> float | None:
        """A number; ``None`` if absent."""
        text = self.text(node)
        if text is None or node is None:
            return None
        try:
            return float(text)
        except ValueError:
            self.wrong(node.span, NOT_A_NUMBER, "expected a number here")
            return None

    def one_of(self, node: Node | None, known: Collection[str], usual: str) -> str:
        """One of the ``known`` names; the ``usual`` one if absent."""
        text = self.text(node)
        if text is None or node is None or text in known:
            return text or usual
        names = ", ".join(name for name in sorted(known) if name)
        self.wrong(node.span, UNKNOWN_NAME, f"'{text}' is not known here", did_you_mean(text, known) or f"write one of: {names}")
        return usual
