"""When the next attempt is made: never too often, never at night, and not for ever."""

from datetime import UTC, date, datetime, timedelta

import pytest

from plugin.outreach.cadence import Cadence, Next, Tried, next_step, too_soon

MONDAY = datetime(2026, 6, 29, 10, tzinfo=UTC)
TODAY = MONDAY.date()


def tried(*outcomes: str, channel: str = "phone") -> list[Tried]:
    """One attempt a day, the last one today."""
    return [Tried(MONDAY - timedelta(days=len(outcomes) - 1 - n), channel, outcome) for n, outcome in enumerate(outcomes)]


def test_the_first_attempt_may_be_made_at_once() -> None:
    assert next_step([], TODAY) == Next(TODAY)


def test_after_an_attempt_that_came_to_nothing_there_is_a_gap() -> None:
    assert next_step(tried("no-answer"), TODAY) == Next(date(2026, 7, 1))


def test_the_day_that_they_asked_for_is_the_day() -> None:
    asked = [*tried("no-answer", "no-answer"), Tried(MONDAY, "phone", "call-back", date(2026, 7, 10))]
    assert next_step(asked, TODAY) == Next(date(2026, 7, 10))


def test_after_three_in_vain_a_letter_goes_and_after_its_time_the_episode_ends() -> None:
    three = tried("no-answer", "left-message", "wrong-number")
    assert next_step(three, TODAY) == Next(date(2026, 7, 1), channel="letter")
    letter = [*three, Tried(MONDAY, "letter", "left-message")]
    assert next_step(letter, TODAY) == Next(date(2026, 7, 13), close=True)


def test_a_letter_among_the_first_does_not_end_it() -> None:
    early = [Tried(MONDAY, "letter", "left-message"), *tried("no-answer")]
    assert next_step(early, TODAY) == Next(date(2026, 7, 1))
    assert next_step([*early, *tried("no-answer")], TODAY) == Next(date(2026, 7, 1), channel="letter")


def test_whoever_was_reached_is_counted_anew() -> None:
    assert next_step(tried("no-answer", "no-answer", "reached", "no-answer", "no-answer"), TODAY).channel is None
    assert next_step(tried("no-answer", "reached", "no-answer", "no-answer", "no-answer"), TODAY).channel == "letter"


def test_what_was_nobodys_fault_does_not_count() -> None:
    assert next_step(tried("no-answer", "language-mismatch", "no-answer"), TODAY).channel is None


@pytest.mark.parametrize(("hour", "free"), [(7, False), (8, True), (19, True), (20, False), (23, False)])
def test_nobody_is_called_at_night(hour: int, free: bool) -> None:
    assert (too_soon([], MONDAY.replace(hour=hour), "phone") is None) is free
    assert too_soon([], MONDAY.replace(hour=hour), "letter") is None


def test_nobody_is_reached_more_often_than_the_cap_whatever_it_is_about() -> None:
    contacts = [MONDAY - timedelta(days=1), MONDAY - timedelta(days=6)]
    assert too_soon(contacts, MONDAY, "phone") == "2 contacts in 7 days, whatever about: no more than 2"
    assert too_soon(contacts, MONDAY + timedelta(days=1), "phone") is None  # the older one is seven days old
    assert too_soon(contacts, MONDAY, "phone", Cadence(cap=3)) is None


def test_a_channel_that_is_not_one_is_refused() -> None:
    with pytest.raises(ValueError, match="no such channel"):
        too_soon([], MONDAY, "pigeon")
