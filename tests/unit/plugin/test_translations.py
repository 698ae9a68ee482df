"""The pages for staff in Spanish: every text has its translation, with the same places to fill, and no text was forgotten."""

import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po

PAGES = Path("plugin/templates")
WRITTEN_APART = re.compile(
    r"agency.*|asking_parts\.html|ask\.html|asked\.html|sign_in\.html|password\.html|card_parts\.html|cards_file\.html"
)
"""Pages whose words stand in YAML files, and what is shown in the language of a card."""
OUR_NAMES = {"Almoner", "FHIR", "CSV", "NDJSON", "YAML", "JSON", "CDS Hooks", "CQL"}
PLACE = re.compile(r"%\((\w+)\)s")
CODE = re.compile(r"\{#.*?#\}|\{%-?\s*trans\b.*?endtrans\s*-?%\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
SPOKEN = re.compile(r"""\b(?:aria-label|placeholder|title|alt)="([^"]*)\"""")
TAG = re.compile(r"<(?:script|style|code|kbd)\b.*?</(?:script|style|code|kbd)>|<!--.*?-->|<[^<>]*>|&\w+;", re.DOTALL)
LITERAL = re.compile(r"""\{\{-?\s*'([A-Z][a-z]+[^']*)'|\b(?:else|if [^{}%]*?)\s'([A-Z][a-z]+ [^']*)'""")


@cache
def spanish() -> Catalog:
    with Path("plugin/texts/es.po").open("rb") as written:
        return read_po(written, locale="es", abort_invalid=True)


@cache
def said() -> frozenset[str | tuple[str, ...]]:
    """What pages say, as `make texts` gathers it."""
    with Path("pyproject.toml").open("rb") as written:
        mappings = tomllib.load(written)["tool"]["babel"]["mappings"]
    methods = [(each["pattern"], each["method"]) for each in mappings]
    options = {each["pattern"]: {"silent": each.get("silent", "false")} for each in mappings}
    keywords = DEFAULT_KEYWORDS | {"marked": None, "Told": None}
    packages = ("plugin", "fhir_adapters", "rules")
    return frozenset(text for package in packages for _, _, text, _, _ in extract_from_dir(package, methods, options, keywords=keywords))


def messages() -> list[Message]:
    return [message for message in spanish() if message.id]


def test_every_text_stands_in_the_catalogue_and_nothing_else_does() -> None:
    there = {message.id for message in messages()}
    assert (set(said()) - there, there - set(said())) == (set(), set()), "run `make texts`, then translate"


def test_every_text_is_translated_with_the_same_places_to_fill() -> None:
    wrong = []
    for message in messages():
        ids, strings = ([each] if isinstance(each, str) else list(each) for each in (message.id, message.string))
        if not all(strings) or {*PLACE.findall(" ".join(strings))} != {*PLACE.findall(" ".join(ids))}:
            wrong.append(message.id)
    assert wrong == []


def forgotten(text: str) -> Iterator[str]:
    """Words of a template that no translation reaches."""
    bare = CODE.sub("\0", text)
    for piece in (*SPOKEN.findall(bare), *TAG.sub("\0", bare).split("\0"), *("".join(found) for found in LITERAL.findall(text))):
        spoken = " ".join(piece.split()).strip("·:,. ")
        if re.search(r"[A-Za-z]{2}", spoken) and spoken not in OUR_NAMES:
            yield spoken


@pytest.mark.parametrize(
    "page", [page for page in sorted(PAGES.glob("*.html")) if not WRITTEN_APART.fullmatch(page.name)], ids=lambda p: p.name
)
def test_no_text_of_a_page_for_staff_was_forgotten(page: Path) -> None:
    assert [*forgotten(page.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("page", "missed"),
    [
        ("<p>Nobody stands here</p>", ["Nobody stands here"]),
        ("<p>{{ _('Nobody') }}</p>{% trans n=3 %}One{% pluralize %}Many{% endtrans %}", []),
        ('<input placeholder="Name or id">', ["Name or id"]),
        ("{{ 'Turn back' if x else _('Go on') }}", ["Turn back"]),
        ("<b>{{ name }} Almoner</b><style>a { color: red }</style>", []),
    ],
)
def test_the_check_sees_what_was_forgotten(page: str, missed: list[str]) -> None:
    assert [*forgotten(page)] == missed
