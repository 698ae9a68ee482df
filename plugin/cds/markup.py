"""How a card's detail is written: GitHub-flavoured Markdown, HTML, or text without any markup. Whatever goes in is shown as itself."""

import html
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, Protocol

from plugin.cds.text import MOST, escaped, is_web_address, link, plain, unmarked

Row = Sequence[str]


class Item(NamedTuple):
    """One line of a list; ``url`` is where it leads, ``None`` if nowhere."""

    label: str
    url: str | None = None


class Markup(Protocol):
    """One way of writing. Texts come in as they are; a part that comes back can be shown."""

    has_links: bool
    has_tables: bool

    def paragraph(self, text: str, lead: str = "") -> str:
        """A paragraph; ``lead`` stands out at its beginning."""

    def table(self, head: Row, rows: Iterable[Row]) -> str:
        """A table, or what can stand for it."""

    def items(self, items: Iterable[Item], lead: str, text: str = "") -> str:
        """A list below a line."""

    def joined(self, parts: Iterable[str]) -> str:
        """The whole."""


class _Gfm:
    has_links = has_tables = True

    def paragraph(self, text: str, lead: str = "") -> str:
        return " ".join(part for part in (f"**{escaped(lead)}**" if lead else "", escaped(text)) if part)

    def table(self, head: Row, rows: Iterable[Row]) -> str:
        lines = [_gfm_row(head), f"|{' --- |' * len(head)}", *map(_gfm_row, rows)]
        return "\n".join(lines)

    def items(self, items: Iterable[Item], lead: str, text: str = "") -> str:
        lines = [f"- {link(item.label, item.url) if item.url else escaped(item.label)}" for item in items]
        return "\n".join([self.paragraph(text, lead), "", *lines])

    def joined(self, parts: Iterable[str]) -> str:
        return "\n\n".join(parts)


def _gfm_row(cells: Row) -> str:
    return f"| {' | '.join(escaped(cell, MOST) for cell in cells)} |"


class _Html:
    has_links = has_tables = True

    def paragraph(self, text: str, lead: str = "") -> str:
        return f"<p>{self._line(text, lead)}</p>"

    def table(self, head: Row, rows: Iterable[Row]) -> str:
        body = "".join(f"<tr>{''.join(f'<td>{_html(cell, MOST)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><tr>{''.join(f'<th>{_html(cell)}</th>' for cell in head)}</tr>{body}</table>"

    def items(self, items: Iterable[Item], lead: str, text: str = "") -> str:
        lines = "".join(f"<li>{_html_link(item)}</li>" for item in items)
        return f"<p>{self._line(text, lead)}</p><ul>{lines}</ul>"

    def joined(self, parts: Iterable[str]) -> str:
        return "\n".join(parts)

    def _line(self, text: str, lead: str) -> str:
        return " ".join(part for part in (f"<b>{_html(lead)}</b>" if lead else "", _html(text)) if part)


def _html(text: str, most: int | None = None) -> str:
    return html.escape(plain(text, most))


def _html_link(item: Item) -> str:
    if item.url is None or not is_web_address(item.url):
        return _html(item.label)
    return f'<a href="{html.escape(item.url)}">{_html(item.label)}</a>'


_LINE: Final = "  \n"
"""Ends a line also where the text is taken for Markdown."""


class _Plain:
    """Also when somebody takes it for Markdown or HTML, nothing comes of it."""

    has_links = has_tables = False

    def paragraph(self, text: str, lead: str = "") -> str:
        return unmarked(f"{lead} {text}")

    def table(self, head: Row, rows: Iterable[Row]) -> str:
        return _LINE.join(f"• {unmarked(_in_words([plain(cell, MOST) for cell in row]))}" for row in rows)

    def items(self, items: Iterable[Item], lead: str, text: str = "") -> str:
        return _LINE.join([self.paragraph(text, lead), *(f"• {unmarked(item.label)}" for item in items)])

    def joined(self, parts: Iterable[str]) -> str:
        return "\n\n".join(parts)


def _in_words(cells: Row) -> str:
    """``hba1c > 9 %: 9.6 % (2026-05-02, Observation/1)``."""
    what, value, *rest = cells
    told = ", ".join(cell for cell in rest if cell)
    return f"{what}: {value}{f' ({told})' if told else ''}"


MARKUPS: Final[Mapping[Literal["gfm", "html", "plain"], Markup]] = {"gfm": _Gfm(), "html": _Html(), "plain": _Plain()}
"""By the name that a client profile uses."""
