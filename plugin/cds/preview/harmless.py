"""The detail of a card as HTML that can do nothing: for pages of ours that show cards from anywhere."""

import html
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any, Final

from markdown_it import MarkdownIt

from plugin.cds.text import is_web_address

_ELEMENTS: Final = frozenset({"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"})
_DROPPED: Final = frozenset({"script", "style", "template", "title"})
_VOID: Final = frozenset({"br"})
_MARKDOWN: Final = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"]).disable("image")


def kind(card: Mapping[str, Any]) -> str:
    """What the card says that its detail is: ``text/markdown`` unless an extension says otherwise."""
    extension = card.get("extension")
    said = [v for k, v in extension.items() if k.endswith(".detail.content-type")] if isinstance(extension, dict) else []
    return str(said[0]).partition(";")[0].strip() if said else "text/markdown"


def detail_html(card: Mapping[str, Any]) -> str:
    """The detail as its client would show it, as harmless HTML; empty if there is none."""
    text = str(card.get("detail", ""))
    match kind(card):
        case "text/html":
            return harmless(text)
        case "text/plain":
            return "<br>".join(html.escape(line) for line in text.splitlines())
        case _:
            return harmless(_MARKDOWN.render(text))


def harmless(document: str) -> str:
    """The document with nothing in it but text, a few elements without attributes, and links to web addresses."""
    reading = _Reading()
    reading.feed(document)
    reading.close()
    return "".join([*reading.written, *(f"</{name}>" for name in reversed(reading.open))])


class _Reading(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.written: list[str] = []
        self.open: list[str] = []
        self._dropping = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _DROPPED:
            self._dropping = self._dropping or tag
        if self._dropping or tag not in _ELEMENTS:
            return
        address = dict(attrs).get("href") if tag == "a" else None
        leads = f' href="{html.escape(address)}" rel="noreferrer"' if address and is_web_address(address) else ""
        self.written.append(f"<{tag}{leads}>")
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._dropping == tag:
            self._dropping = ""
        elif not self._dropping and tag in self.open:
            while (last := self.open.pop()) != tag:
                self.written.append(f"</{last}>")
            self.written.append(f"</{tag}>")

    def handle_data(self, data: str) -> None:
        if not self._dropping:
            self.written.append(html.escape(data))
