"""Whatever a record holds, a card shows it as text."""

import logging
import re
from html.parser import HTMLParser
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from plugin.cds.markup import MARKUPS, Item
from plugin.cds.text import escaped, in_summary, is_web_address, link, plain, unmarked
from plugin.cds.texts import texts

HOSTILE: Final = [
    '=HYPERLINK("http://evil.example","x")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1)",
    "\tfirst",
    "\rfirst",
    "\uff1d1+1",
    "O'Brien <script>alert(1)</script>",
    "[x](javascript:alert(1))",
    "![x](http://evil.example/x.png)",
    "name\n2026-06-30 ERROR forged line",
    "abc\u202egnp.exe",
    "{{7*7}}",
    "{% for x in y %}{{ x }}{% endfor %}",
    "${jndi:ldap://evil.example/a}",
    "%s%n",
    '"; DROP TABLE patient; --',
    "<img src=x onerror=alert(1)>",
    "[a](data:text/html,<b>x</b>)",
    "`code` and **bold** and _em_ ~~gone~~",
    "a|b|c",
    "\\",
    "see https://evil.example/path?q=1 or www.evil.example or a@evil.example",
    "<https://evil.example>",
    "&lt;script&gt;",
    "a\x00b",
    "x" * 100_000,
    "👩‍⚕️ Zoë e\u0301",
    "# heading",
    "1. list",
    "- item",
    "---",
    "> quote",
    "===",
    "    code",
]
ALLOWED: Final = {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}
LINKIFIED: Final = re.compile(r"https?://|www\.|@\w", re.IGNORECASE)
MARKDOWN: Final = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
logging.getLogger("markdown_it").setLevel(logging.WARNING)  # it logs each step of each rule


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in MARKDOWN.parse(text):
        found += [token, *(token.children or [])]
    return found


def read(text: str) -> str:
    """What a reader sees."""
    return "".join(token.content for token in tokens(text) if token.type in ("text", "text_special"))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_shown_as_itself(text: str) -> None:
    assert {token.type for token in tokens(escaped(text))} <= ALLOWED
    assert read(escaped(text)).replace("\u200b", "") == plain(text)
    assert not LINKIFIED.search(read(escaped(text)))


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_stays_in_its_cell(text: str) -> None:
    table = f"| a | b |\n| --- | --- |\n| {escaped(text, 120)} | end |"
    kinds = [token.type for token in tokens(table)]
    assert kinds.count("td_open") == 2
    assert not {"link_open", "image", "html_inline", "html_block", "code_inline", "strong_open", "em_open"} & set(kinds)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_text_is_no_html(text: str) -> None:
    assert not set("<>\"'`") & set(escaped(text))


@given(st.text())
def test_any_text_is_shown_as_itself(text: str) -> None:
    assert {token.type for token in tokens(escaped(text))} <= ALLOWED
    assert read(escaped(text)).replace("\u200b", "") == plain(text)


@given(st.text())
def test_text_without_markup_is_none_in_markdown_or_html_either(text: str) -> None:
    assert {token.type for token in tokens(unmarked(f"• {text}"))} <= ALLOWED
    assert not set("<>*_`[]|~") & set(unmarked(text))


@given(st.text())
def test_html_holds_the_text_and_nothing_of_it_is_markup(text: str) -> None:
    part = MARKUPS["html"].items([Item(text, "https://x.example/?a=1&b=2"), Item(text, text)], text, text)
    seen: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.append(tag)  # type: ignore[method-assign]
    parser.handle_startendtag = lambda tag, attributes: seen.append(tag)  # type: ignore[method-assign]
    parser.feed(part)
    assert [tag for tag in seen if tag != "a"] == [*"pb"[: 1 + bool(plain(text) or text)], "ul", "li", "li"]


def test_plain_text_is_one_line_of_bounded_length() -> None:
    assert plain(" a\r\n\u2028b\u202e\x00 ") == "a b"
    assert plain("x" * 500, 120) == "x" * 119 + "…"
    assert plain("x" * 120, 120) == "x" * 120


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (9.6, "%", "9.6 %"),
        (10.01928, "%", "10.02 %"),
        (12.0, "{score}", "12"),
        (3.0, "1", "3"),
        (10.0, "10*9/L", "10 10*9/L"),
        (123456.789, "[lb_av]", "123457 lb"),
        (True, None, "yes"),
        (False, None, "no"),
        ("at risk", None, "at risk"),
        (None, "%", "not known"),
    ],
)
def test_values_are_shown_for_people(value: float | str | bool | None, unit: str | None, text: str) -> None:
    assert texts("en").shown(value, unit) == text


def test_a_value_in_a_summary_brings_no_markup_along() -> None:
    assert in_summary("<b>[x](y)</b> 9.6 %") == "bxy/b 9.6 %"


def test_a_link_leads_only_to_web_addresses() -> None:
    assert link("a [b]", "https://x.example/(a)?b=1&c=<d>") == "[a &#91;b&#93;](https://x.example/%28a%29?b=1&amp;c=%3Cd%3E)"
    assert link("a", "javascript:alert(1)") == "a"
    assert [token.attrGet("href") for token in tokens(link("a", "https://x.example/?b=1&copy;")) if token.type == "link_open"] == [
        "https://x.example/?b=1&copy;"
    ]
    assert not is_web_address("//x.example")
    assert not is_web_address("https:///x")
