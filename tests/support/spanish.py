"""What a page for staff says, and what of it was left in English though there is Spanish for it."""

import re
from collections.abc import Iterator, Sequence
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from babel.messages.pofile import read_po

CATALOGUE: Final = Path("plugin/texts/es.po")
_VOID: Final = frozenset({"br", "hr", "img", "input", "link", "meta", "rect", "option"})
_UNSPOKEN: Final = frozenset({"script", "style", "code", "kbd", "pre", "textarea"})
_CARDS: Final = frozenset({"cds-card", "lost"})
"""Classes of what stands in the language of a card."""
_ATTRIBUTES: Final = frozenset({"aria-label", "placeholder", "title", "alt"})
_PLACE: Final = re.compile(r"%\(\w+\)s")
_MARKS: Final = " ·:,.()✓✗✕■…?!"


class Said(HTMLParser):
    """The texts of a page, those of its attributes that people hear among them; not what says that it is English, and no code."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._open: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        english = tag != "html" and given.get("lang") == "en"
        hidden = self._hidden or english or tag in _UNSPOKEN or not _CARDS.isdisjoint((given.get("class") or "").split())
        if tag not in _VOID:
            self._open.append((tag, hidden))
        if not hidden:
            self.texts += [value for name, value in attrs if name in _ATTRIBUTES and value]

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.texts.append(" ".join(data.split()))

    @property
    def _hidden(self) -> bool:
        return bool(self._open) and self._open[-1][1]


def left_in_english(page: str) -> list[str]:
    """The texts of a page that are texts of the catalogue, as they are written there in English."""
    return [text for text in Said(page).texts if any(form in _plain() or _filled().fullmatch(form) for form in _forms(text))]


def _forms(text: str) -> Iterator[str]:
    """As it stands, without what surrounds it, and as it was before it got a capital."""
    for form in (text, text.strip(_MARKS)):
        yield form
        yield form[:1].lower() + form[1:]


@cache
def _english() -> tuple[str, ...]:
    """The texts whose Spanish is another one."""
    with CATALOGUE.open("rb") as written:
        messages = [message for message in read_po(written, locale="es") if message.id]
    pairs = [(each, other) for m in messages for each, other in zip(_all(m.id), _all(m.string), strict=True)]
    return tuple(each for each, other in pairs if each != other)


def _all(text: Any) -> Sequence[str]:
    """One text, or those for one and for many."""
    return [text] if isinstance(text, str) else text


@cache
def _plain() -> frozenset[str]:
    return frozenset(text for text in _english() if not _PLACE.search(text))


@cache
def _filled() -> re.Pattern[str]:
    """Those with places, whatever stands there; but for those that hardly say anything themselves."""
    texts = [text.replace("%%", "%") for text in _english() if len(re.findall(r"[A-Za-z]", _PLACE.sub("", text))) > 4]
    places = [_PLACE.search(text) for text in texts]
    return re.compile("|".join(".+?".join(map(re.escape, _PLACE.split(text))) for text, place in zip(texts, places, strict=True) if place))
