"""Text for a card: what comes from a record or a rule, made harmless in Markdown and in HTML."""

import re
import unicodedata
from functools import lru_cache
from typing import Final
from urllib.parse import quote

MOST: Final = 120
"""Characters that one value from a record may take."""

_SPECIAL: Final = {ord(sign): f"&#{ord(sign)};" for sign in "&<>\"'\\`*_{}[]#|~!=@^$"}
_ALIKE: Final = {
    **dict(zip(map(ord, "<>*_`[]{}|~\\"), "‹›×‗‘()()¦˜/", strict=True)),
    **{ord(sign): f"{sign}\u200b" for sign in "&@#"},
}
_LIST_MARKER: Final = re.compile(r"^(?:(?=[-+])|(\d+)(?=[.)](?:\s|$)))(.)")
_LINKIFIED: Final = re.compile(r"(?<=:)(?=//)|(?=\.[^\W\d_]{2})|(?<=&#64;)")
_NOT_IN_SUMMARY: Final = re.compile(r"[^\w .,%/+\-]")
_URL_SIGNS: Final = ":/?#@!$&'*+,;=%~"
_BREAK: Final = "\u200b"


def plain(text: str, most: int | None = None) -> str:
    """One line without control and format characters (which could forge lines or turn the direction of writing)."""
    seen = text if text.isprintable() else "".join(map(_visible, text))
    line = " ".join(seen.split())
    return line if most is None or len(line) <= most else line[: most - 1] + "…"


def _visible(sign: str) -> str:
    category = unicodedata.category(sign)
    return " " if category in ("Cc", "Zl", "Zp") else "" if category in ("Cf", "Cs") else sign


@lru_cache(maxsize=1 << 12)
def escaped(text: str, most: int | None = None) -> str:
    """The text as itself, in GitHub-flavoured Markdown as in HTML: no link, image, tag or table cell can come of it.

    Character references and not backslashes, because they mean the same in both. Renderers that make links of bare addresses do it
    after they resolve references; an invisible break inside the address stops them.
    """
    safe = plain(text, most).translate(_SPECIAL)
    safe = _LIST_MARKER.sub(lambda found: f"{found[1] or ''}&#{ord(found[2])};", safe)
    return _LINKIFIED.sub(_BREAK, safe)


def unmarked(text: str) -> str:
    """The text with other signs for those that could be markup: for clients that show it as it is, and for those that do not after all."""
    return _LINKIFIED.sub(_BREAK, plain(text).replace(">=", "≥").replace("<=", "≤").translate(_ALIKE))


@lru_cache(maxsize=1 << 10)
def link(label: str, url: str) -> str:
    """A Markdown link; the label alone if ``url`` is not an absolute web address."""
    if not is_web_address(url):
        return escaped(label)
    return f"[{escaped(label)}]({quote(url, safe=_URL_SIGNS).replace('&', '&amp;')})"


def is_web_address(url: str) -> bool:
    """Whether ``url`` is absolute and opens a web page."""
    return re.match(r"https?://[^/\s]", url) is not None


def in_summary(text: str) -> str:
    """A value inside a summary, which clients show as it is: letters, digits and a few signs only."""
    return _NOT_IN_SUMMARY.sub("", plain(text, 40))
