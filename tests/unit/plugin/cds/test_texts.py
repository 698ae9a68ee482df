"""The words of cards, in every language."""

import re
from string import Formatter

import pytest

from plugin.cds.overrides import REASONS
from plugin.cds.texts import known_languages, texts
from plugin.wording import LANGUAGES
from rules.facts import HOUSEHOLD, TABLES


@pytest.mark.parametrize("language", known_languages())
def test_every_language_says_everything(language: str) -> None:
    english, spoken = texts("en"), texts(language)
    for part in ("messages", "units", "contacts", "tables", "reasons"):
        assert getattr(spoken, part).keys() == getattr(english, part).keys()
    assert spoken.tables.keys() == TABLES.keys() | {HOUSEHOLD}
    assert spoken.reasons.keys() == set(REASONS)
    assert spoken.languages.keys() in (set(), LANGUAGES.keys())


@pytest.mark.parametrize("language", known_languages())
def test_the_same_values_stand_in_every_language(language: str) -> None:
    def values(message: str) -> set[str]:
        return {name for _, name, _, _ in Formatter().parse(message) if name}

    assert {key: values(m) for key, m in texts(language).messages.items()} == {key: values(m) for key, m in texts("en").messages.items()}


def test_a_region_does_not_matter_and_a_language_that_is_not_spoken_is_refused() -> None:
    assert texts("es-MX") == texts("es")
    with pytest.raises(KeyError):
        texts("tlh")


def test_values_in_spanish() -> None:
    spanish = texts("es")
    assert spanish.shown(value=True) == "sí"
    assert spanish.shown(None) == "no se sabe"
    assert (spanish.shown(3, "days"), spanish.shown(1, "days"), spanish.shown(9.6, "%")) == ("3 días", "1 día", "9.6 %")
    assert spanish.shown("at risk") == "at risk"
    assert (spanish.language("ht"), spanish.language("en-GB"), spanish.language("tlh")) == ("criollo haitiano", "inglés (GB)", "tlh")


@pytest.mark.parametrize(
    ("written", "english", "spanish"),
    [
        ("2026-03", "2026-03", "2026-03"),
        ("", "", ""),
        ("by 2026-03-14", "by 2026-03-14", "hasta el 2026-03-14"),
        ("2026-01-01 to 2026-02-03", "2026-01-01 to 2026-02-03", "del 2026-01-01 al 2026-02-03"),
    ],
)
def test_days_that_are_not_known_exactly(written: str, english: str, spanish: str) -> None:
    assert (texts("en").day(written), texts("es").day(written)) == (english, spanish)


def test_languages_in_english_are_those_of_the_pages() -> None:
    assert texts("en").language("zh") == "Chinese"


def test_messages_hold_no_markup() -> None:
    assert not [m for language in known_languages() for m in texts(language).messages.values() if re.search(r"[<>*_`\[\]|]", m)]
