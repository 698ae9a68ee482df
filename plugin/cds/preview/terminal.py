"""A card in the terminal."""

import re
from html import unescape
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from plugin.cds.preview.harmless import kind
from plugin.cds.preview.view import Shown

_COLOURS: Final = {"info": "blue", "warning": "yellow", "critical": "red"}
_BREAKS: Final = re.compile(r"</(?:p|tr|ul|ol|table)>|<br>")
_CELLS: Final = re.compile(r"</t[dh]>\s*<t[dh]>")
_TAGS: Final = re.compile(r"<[^>]*>")


def print_card(console: Console, view: Shown) -> None:
    """The card as the client shows it, and below it what it cannot show."""
    parts: list[RenderableType] = [Text(view.card["summary"], style="bold"), Text(view.card["source"]["label"], style="dim"), Text()]
    parts += [_detail(view), Text()]
    for choice in view.choices:
        parts.append(Text(f"▸ {choice.text}{' (recommended)' if choice.recommended else ''}", style="bold"))
        parts += [Text(f"    {line}", style="dim") for line in choice.does]
    parts += [Text(f"→ {link['label']}  {link['url']}") for link in view.links]
    if view.reasons:
        parts.append(Text(f"Decline: {'; '.join(view.reasons)}", style="dim"))
    indicator = view.card["indicator"]
    console.print(Panel(Group(*parts), title=f"{view.title} · {indicator}", border_style=_COLOURS[indicator], title_align="left"))
    if view.lost:
        console.print(_lost(view))


def _detail(view: Shown) -> RenderableType:
    text = str(view.card.get("detail", ""))
    match kind(view.card):
        case "text/html":
            return Text(_without_tags(text))
        case "text/plain":
            return Text(text)
        case _:
            return Markdown(text)


def _without_tags(text: str) -> str:
    lines = _CELLS.sub(" | ", _BREAKS.sub("\n", text)).replace("<li>", "\n• ")
    return unescape(_TAGS.sub("", lines)).strip()


def _lost(view: Shown) -> Table:
    table = Table("lost", "what", "instead", title=f"What {view.title} cannot show", title_justify="left", box=None, padding=(0, 2, 0, 0))
    for loss in view.lost:
        table.add_row(*(Text(part) for part in (loss.kind, loss.what, loss.instead)))
    return table


def as_html(views: list[Shown], title: str, language: str) -> str:
    """A page of its own with the cards, which needs nothing else."""
    from importlib.resources import files

    from jinja2 import Environment, PackageLoader

    static = files("plugin") / "static"
    style = "\n".join((static / name).read_text(encoding="utf-8") for name in ("almoner.css", "cards.css"))
    environment = Environment(loader=PackageLoader("plugin"), autoescape=True)
    template: Any = environment.get_template("cards_file.html")
    return str(template.render(views=views, title=title, language=language, style=style))
