"""Templates: those that come along are whole, a site's own take their place, and every mistake is found in its place."""

from itertools import product
from pathlib import Path

import pytest

from plugin.messages.topics import SHIPPED_TITLES, Kind, Topic, load_topics
from plugin.messages.words import CHANNELS, LEVELS, NEUTRAL
from plugin.translations import LANGUAGES
from rules.errors import RuleError
from rules.pack import BUILT_IN, load_packs

USUAL = "title: A topic\nneeds: food-insecurity\ntexts:\n"


def text(words: str = "Call {phone}.", to: str = "phone", **more: str) -> str:
    lines = [f"for: {to}", *(f"{name}: {value}" for name, value in more.items()), f'text: "{words}"']
    return "  - " + "\n    ".join(lines) + "\n"


def load(tmp_path: Path, written: str, name: str = "own") -> Topic:
    (tmp_path / f"{name}.yaml").write_text(written, encoding="utf-8")
    return load_topics(tmp_path)[name]


def test_the_neutral_words_are_there_whoever_asks_over_whatever_channel() -> None:
    topic = load_topics()[NEUTRAL]
    assert set(topic.texts) == set(map(Kind._make, product(CHANNELS, LANGUAGES, LEVELS)))


def test_every_topic_speaks_every_language_to_whoever_calls() -> None:
    for topic in load_topics().values():
        assert {kind.language for kind in topic.texts if kind.channel == "phone"} == set(LANGUAGES), topic.id


def test_the_titles_that_come_along_are_known_to_whoever_translates() -> None:
    assert {topic.title for topic in load_topics().values()} == set(SHIPPED_TITLES)


def test_every_rule_that_comes_along_has_a_topic() -> None:
    rules = {rule.id.text for pack in load_packs(BUILT_IN) for rule in pack.document.rules}
    assert {rule for topic in load_topics().values() for rule in topic.rules} == rules


def test_a_reading_level_without_words_has_the_usual_ones(tmp_path: Path) -> None:
    topic = load(tmp_path, USUAL + text("Plain.", language="es"))
    assert topic.words(Kind("phone", "es", "easy")) == topic.texts[Kind("phone", "es", "plain")]
    assert topic.words(Kind("phone", "en", "easy")) is None


def test_a_site_puts_its_own_in_place_of_ours(tmp_path: Path) -> None:
    own = load(tmp_path, USUAL.replace("A topic", "Our food bank") + text(), "food")
    assert (own.title, len(own.texts)) == ("Our food bank", 1)
    assert NEUTRAL in load_topics(tmp_path)


def test_a_name_with_braces_stays_as_it_is(tmp_path: Path) -> None:
    found = load(tmp_path, USUAL + text("Dear {name}, call {phone}.")).texts[Kind("phone", "en", "plain")]
    assert found.filled({"name": "{phone} {x}", "phone": "1"}).text == "Dear {phone} {x}, call 1."


LONG = " ".join(["word"] * 26)

MISTAKES = {
    "no title": ("texts:\n" + text(), "1:1", "ALM524"),
    "unknown key": (USUAL + text() + "colour: red\n", "6:1", "ALM520"),
    "no such need": (USUAL.replace("food-insecurity", "fod-insecurity") + text(), "2:8", "ALM522"),
    "no such channel": (USUAL + text(to="telephone"), "4:10", "ALM522"),
    "no such language": (USUAL + text(language="xx"), "5:15", "ALM522"),
    "no such level": (USUAL + text(level="hard"), "5:12", "ALM522"),
    "no words": (USUAL + "  - for: phone\n", "4:5", "ALM524"),
    "no subject": (USUAL + text(to="letter"), "4:5", "ALM524"),
    "nothing to put in": (USUAL + text("Dear {nmae}."), "5:11", "ALM530"),
    "nothing between braces": (USUAL + text("Dear {}."), "5:11", "ALM530"),
    "too long": (USUAL + text("Yes. " * 70, to="sms"), "5:11", "ALM531"),
    "too long with a name": (USUAL + text("Yes. " * 57 + "{name}", to="sms"), "5:11", "ALM531"),
    "hard to read": (USUAL + text(LONG), "5:11", "ALM532"),
    "hard to read for some": (USUAL + text(" ".join(["word"] * 13), level="easy"), "6:11", "ALM532"),
    "twice": (USUAL + text() + text(), "6:5", "ALM533"),
    "written although restricted": (USUAL.replace("texts:", "sensitivity: restricted\ntexts:") + text(to="sms"), "5:10", "ALM534"),
    "not one text": (USUAL.replace("texts:\n", ""), "1:1", "ALM535"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, name: str) -> None:
    written, place, code = MISTAKES[name]
    with pytest.raises(RuleError) as wrong:
        load(tmp_path, written)
    assert [(str(each.span).removeprefix(f"{tmp_path}/own.yaml:"), each.code) for each in wrong.value.diagnostics] == [(place, code)]


def test_the_neutral_words_name_nobody_and_are_whole(tmp_path: Path) -> None:
    with pytest.raises(RuleError) as wrong:
        load(tmp_path, "title: Call us\ntexts:\n" + text("{organisation}: call us."), NEUTRAL)
    codes = [each.code for each in wrong.value.diagnostics]
    assert codes.count("ALM534") == 1
    assert codes.count("ALM535") == len(CHANNELS) * len(LANGUAGES) * len(LEVELS) - 1
