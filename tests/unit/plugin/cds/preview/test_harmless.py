"""Cards from anywhere can do nothing on our pages."""

from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugin.cds.preview.harmless import detail_html, harmless

HTML = {"com.epic.cdshooks.card.detail.content-type": "text/html"}
PLAIN = {"com.epic.cdshooks.card.detail.content-type": "text/plain; charset=utf-8"}


class Elements(HTMLParser):
    """The elements and attributes of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.attributes: set[tuple[str, str | None]] = set()
        self.feed(document)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.add(tag)
        self.attributes |= set(attrs)


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ("<b onclick=x>a</b>", "<b>a</b>"),
        ("<script>alert(1)</script>a", "a"),
        ("<style>p{}</style><p>a", "<p>a</p>"),
        ("<a href='javascript:x'>a</a>", "<a>a</a>"),
        ("<a href='https://x.example/?a=1&amp;b'>a</a>", '<a href="https://x.example/?a=1&amp;b" rel="noreferrer">a</a>'),
        ("<img src=x onerror=y><iframe>a</iframe>", "a"),
        ("<ul><li>a</ul></p></div>b", "<ul><li>a</li></ul>b"),
        ("a<br>b &lt;i&gt;", "a<br>b &lt;i&gt;"),
    ],
)
def test_elements_that_do_nothing_stay(document: str, shown: str) -> None:
    assert harmless(document) == shown


@given(
    st.text()
    | st.lists(st.sampled_from(["<a ", "href=", "<script", ">", "</", "x", "'", '"', "<p", "<style", "<!--", "&#60;"])).map("".join)
)
def test_nothing_else_comes_through(document: str) -> None:
    seen = Elements(harmless(document))
    assert seen.found <= {"a", "b", "br", "em", "i", "li", "ol", "p", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
    assert {name for name, _ in seen.attributes} <= {"href", "rel"}


@pytest.mark.parametrize(
    ("card", "shown"),
    [
        ({}, ""),
        ({"detail": "**a** <b>"}, "<p><strong>a</strong> &lt;b&gt;</p>\n"),
        (
            {"detail": "| a |\n| --- |\n| b |"},
            "<table>\n<thead>\n<tr>\n<th>a</th>\n</tr>\n</thead>\n<tbody>\n<tr>\n<td>b</td>\n</tr>\n</tbody>\n</table>\n",
        ),
        ({"detail": "<b>a</b>", "extension": HTML}, "<b>a</b>"),
        ({"detail": "<b>\n**a**", "extension": PLAIN}, "&lt;b&gt;<br>**a**"),
        ({"detail": "a", "extension": "x"}, "<p>a</p>\n"),
    ],
)
def test_the_detail_is_read_as_what_it_says_it_is(card: dict[str, Any], shown: str) -> None:
    assert detail_html(card) == shown
