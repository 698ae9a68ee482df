"""Which words go out: what must stay between us is on nothing that others may read or hear."""

from pathlib import Path

import pytest
from support.messages import Desk, desk_at

from plugin.access import Role, Scope
from plugin.messages.composing import Choice, chosen, compose, is_sensitive, values
from plugin.messages.settings import MessageSettings
from plugin.messages.topics import load_topics
from plugin.messages.words import CHANNELS, LEVELS, NEUTRAL
from plugin.store import Store
from plugin.translations import LANGUAGES

CLINICIAN = Scope("clinician-1", Role.CLINICIAN)
TELLING = ("food", "alimento", "comida", "feel", "sent", "mood", "home", "casa", "Health")
NAMED = {"name": "Ana", "organisation": "Northside Food and Health", "sender": "Northside", "phone": "555 0199"}


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    return desk_at(store, tmp_path)


def test_the_most_urgent_reason_gives_the_topic(desk: Desk) -> None:
    found = desk.draft("a")
    assert found.choice.topic == "food"
    assert (found.subject, found.neutral, found.instead) == ("Help with getting food", False, "")
    assert "555 0199" in found.text
    assert found.text.endswith("Northside Food and Health")


@pytest.mark.parametrize("channel", [name for name, channel in CHANNELS.items() if channel.written])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("level", LEVELS)
def test_what_is_restricted_is_written_nowhere(channel: str, language: str, level: str) -> None:
    topics = load_topics()
    assert is_sensitive(topics["mood"], [], {})
    found = compose(topics, Choice("mood", channel, language, level), NAMED, sensitive=True)
    assert found.neutral
    assert found.choice.topic == NEUTRAL
    assert "says nothing about why" in found.instead
    assert not [word for word in TELLING if word in f"{found.subject} {found.text}".replace("presentar", "")]


def test_a_script_names_it_only_where_nobody_else_has_the_number(desk: Desk) -> None:
    """Two of the people at the desk have the same telephone."""
    shared = desk.draft("b", "phone", "mood")
    assert shared.neutral
    with_own = compose(load_topics(), Choice("mood", "phone", "en", "plain"), NAMED, sensitive=True, exposed=False)
    assert "how you had been feeling" in with_own.text


def test_of_a_reason_that_is_not_shown_nothing_follows(desk: Desk) -> None:
    assert desk.draft("b").choice.topic == NEUTRAL  # mood is the topic of the other reason, and restricted
    assert "unsafe" not in desk.draft("b", scope=CLINICIAN).text


def test_where_a_topic_has_no_words_the_neutral_ones_stand_in() -> None:
    found = compose(load_topics(), Choice("mood", "sms", "es", "easy"), NAMED)
    assert found.neutral
    assert "no words for this channel" in found.instead


def test_what_the_settings_do_not_say_is_left_open_to_be_filled_in() -> None:
    assert values(MessageSettings(), " ") == dict.fromkeys(("name", "organisation", "sender", "phone"), "________")


@pytest.mark.parametrize(
    ("language", "channel", "expected"),
    [
        ("es-MX", "sms", Choice("food", "sms", "es", "plain")),
        ("vi", "visit", Choice("food", "letter", "en", "plain")),
        (None, None, Choice("food", "letter", "en", "plain")),
    ],
)
def test_a_form_begins_with_what_is_known_of_the_person(language: str | None, channel: str | None, expected: Choice) -> None:
    known = {"food": ["x"], NEUTRAL: []}
    assert chosen({"topic": "mood", "level": "?", "channel": ""}, known, language, channel) == expected


def test_a_name_stays_on_its_line_whatever_the_record_says() -> None:
    assert values(MessageSettings(), "Ana\r\nBcc: eve@example.org")["name"] == "Ana Bcc: eve@example.org"


def test_what_was_chosen_counts() -> None:
    wish = {"topic": NEUTRAL, "channel": "portal", "language": "es", "level": "easy"}
    assert chosen(wish, {"food": [], NEUTRAL: []}, "en", "sms") == Choice(NEUTRAL, "portal", "es", "easy")
