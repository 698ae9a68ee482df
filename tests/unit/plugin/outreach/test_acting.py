"""What staff do with an episode: one at a time, on what they saw, and all of it on record."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import Connection, func, select
from support.outreach import person, published

from plugin.access import Forbidden, Role, Scope, verify
from plugin.outreach import acting
from plugin.outreach.acting import Attempt, Grip, NotNow
from plugin.outreach.episodes import Episode, NoSuchEpisode, Whole, Wish, listed, whole
from plugin.outreach.restricting import lift, restrict
from plugin.outreach.taking import take
from plugin.outreach.words import CHANNELS, ENDINGS, OUTCOMES, Restriction
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import ATTEMPTS, RESTRICTIONS

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
OTHER = Scope("manager-2", Role.CARE_MANAGER)
FINDINGS = {"a": {"phq9-no-follow-up": "yes", "damp-home": "yes"}, "b": {"screening-overdue": "yes"}}


@dataclass
class Desk:
    """A morning's list."""

    store: Store
    state: Path

    def episode(self, patient: str, scope: Scope = CARE) -> Whole:
        with self.store.write() as connection:
            found = [each for view in ("ready", "later", "closed") for each in self.list(view, connection) if each.row.patient == patient]
            return whole(connection, scope, found[0].id, NOON)

    def list(self, view: str, connection: Connection | None = None, **wish: Any) -> tuple[Episode, ...]:
        if connection is not None:
            return listed(connection, CARE, Wish(view=view, **wish), TODAY).episodes
        with self.store.read() as reading:
            return listed(reading, CARE, Wish(view=view, **wish), TODAY).episodes

    def grip(self, patient: str) -> Grip:
        row = self.episode(patient).episode.row
        return Grip(row.id, row.version)

    def do(self, verb: Callable[..., Any], *arguments: Any, scope: Scope = CARE, at: datetime = NOON) -> Any:
        with self.store.write() as connection:
            return verb(connection, scope, *arguments, at)

    def attempt(self, patient: str, outcome: str, at: datetime = NOON, channel: str = "phone", **fields: Any) -> int:
        tried = Attempt(f"{patient}-{at.isoformat()}", channel, outcome, **fields)
        return int(self.do(acting.attempt, self.grip(patient), tried, at=at))


@pytest.fixture
def desk(store: Store, tmp_path: Path) -> Desk:
    folder = published(tmp_path / "state", "s1", [person(id, findings) for id, findings in FINDINGS.items()])
    take(store, folder, TODAY, clock=lambda: NOON)
    return Desk(store, tmp_path / "state")


def test_an_episode_is_claimed_by_one_and_handed_over(desk: Desk) -> None:
    desk.do(acting.claim, desk.grip("a"))
    assert [each.row.patient for each in desk.list("mine")] == ["a"]
    assert [each.row.patient for each in desk.list("free")] == ["b"]
    with pytest.raises(NotNow, match="somebody else has taken it"):
        desk.do(acting.claim, desk.grip("a"), scope=OTHER)
    desk.do(acting.assign, desk.grip("a"), "manager-2")
    assert desk.episode("a").episode.row.owner == "manager-2"
    desk.do(acting.assign, desk.grip("a"), None)
    assert len(desk.list("free")) == 2


def test_whoever_saw_an_older_version_changes_nothing(desk: Desk) -> None:
    seen = desk.grip("a")
    desk.do(acting.claim, seen)
    with pytest.raises(NotNow, match="somebody changed it meanwhile"):
        desk.do(acting.close, seen, "helped")
    assert desk.episode("a").episode.row.state == "open"


def test_of_many_who_claim_at_one_time_one_gets_it(desk: Desk) -> None:
    grip, got, start = desk.grip("a"), [], Barrier(6)

    def claim(number: int) -> None:
        start.wait()
        try:
            desk.do(acting.claim, grip, scope=Scope(f"m{number}", Role.CARE_MANAGER))
            got.append(number)
        except NotNow:
            pass

    threads = [Thread(target=claim, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 1
    assert desk.episode("a").episode.row.owner == f"m{got[0]}"


def test_what_is_put_off_stands_under_later_until_its_day(desk: Desk) -> None:
    desk.do(acting.snooze, desk.grip("a"), TODAY + timedelta(days=7), "on holiday")
    assert [each.row.patient for each in desk.list("ready")] == ["b"]
    assert [each.row.snoozed_why for each in desk.list("later")] == ["on holiday"]
    with desk.store.read() as connection:
        assert len(listed(connection, CARE, Wish(), TODAY + timedelta(days=7)).episodes) == 2
    desk.do(acting.wake, desk.grip("a"))
    assert len(desk.list("ready")) == 2


@pytest.mark.parametrize(("days", "why"), [(0, "x"), (-1, "x"), (181, "x"), (7, " "), (7, "x" * 201)])
def test_putting_off_needs_a_day_and_a_reason(desk: Desk, days: int, why: str) -> None:
    with pytest.raises(NotNow):
        desk.do(acting.snooze, desk.grip("a"), TODAY + timedelta(days=days), why)


def test_an_attempt_in_vain_waits_for_its_gap(desk: Desk) -> None:
    desk.attempt("a", "no-answer", note="rang for a long time")
    (waiting,) = desk.list("later")
    assert (waiting.row.attempts, waiting.row.last_outcome, waiting.row.not_before) == (1, "no-answer", "2026-07-02")
    (tried,) = desk.episode("a").attempts
    assert (tried.channel, tried.outcome, tried.user, tried.note) == ("phone", "no-answer", "manager-1", "rang for a long time")


def test_an_attempt_that_is_told_twice_is_one(desk: Desk) -> None:
    grip, tried = desk.grip("a"), Attempt("once", "phone", "no-answer")
    first = desk.do(acting.attempt, grip, tried)
    assert desk.do(acting.attempt, grip, tried) == first
    assert len(desk.episode("a").attempts) == 1
    with pytest.raises(NotNow, match="belongs to another episode"):
        desk.do(acting.attempt, desk.grip("b"), tried)


def test_after_three_in_vain_and_a_letter_it_ends_as_not_reached(desk: Desk) -> None:
    for day, channel in enumerate(("phone", "phone", "phone")):
        desk.attempt("a", "no-answer", NOON + timedelta(days=3 * day), channel)
    assert desk.episode("a").episode.row.state == "open"
    desk.attempt("a", "left-message", NOON + timedelta(days=10), "letter")
    waiting = desk.episode("a").episode.row
    assert (waiting.state, waiting.not_before, waiting.attempts) == ("open", "2026-07-24", 4)
    for days, state in ((23, "open"), (24, "closed")):
        folder = published(desk.state, f"after-{days}", [person(id, findings) for id, findings in FINDINGS.items()])
        take(desk.store, folder, TODAY + timedelta(days=days), clock=lambda: NOON + timedelta(days=24))
        assert desk.episode("a").episode.row.state == state
    assert desk.episode("a").episode.row.outcome == "unable-to-reach"


def test_after_three_in_vain_staff_are_told_to_send_a_letter(desk: Desk) -> None:
    for day in (0, 3):
        desk.attempt("a", "no-answer", NOON + timedelta(days=day))
        assert desk.episode("a").episode.row.next_channel is None
    desk.attempt("a", "no-answer", NOON + timedelta(days=6))
    assert desk.episode("a").episode.row.next_channel == "letter"


def test_a_refusal_of_the_offer_is_kept_for_each_rule_and_for_a_year(desk: Desk) -> None:
    desk.attempt("a", "declined-offer")
    whole = desk.episode("a")
    assert (whole.episode.row.outcome, {(each.kind, each.scope) for each in whole.episode.held}) == (
        "declined",
        {("declined", "phq9-no-follow-up"), ("declined", "damp-home")},
    )
    with desk.store.read() as connection:
        assert set(connection.scalars(select(RESTRICTIONS.c.until))) == {"2027-06-30"}


def test_a_refusal_of_all_outreach_closes_and_opens_nothing_again(desk: Desk) -> None:
    desk.attempt("a", "declined-all")
    folder = published(desk.state, "s2", [person(id, findings) for id, findings in FINDINGS.items()])
    assert take(desk.store, folder, TODAY + timedelta(days=400), clock=lambda: NOON + timedelta(days=400)) == {"confirmed": 1, "at rest": 1}


def test_what_was_only_unknown_or_named_to_nobody_was_not_declined(store: Store, tmp_path: Path) -> None:
    people = [person("a", {"damp-home": "yes", "screening-overdue": "unknown", "unsafe-home": "yes"})]
    take(store, published(tmp_path / "state", "s1", people), TODAY, clock=lambda: NOON)
    desk = Desk(store, tmp_path / "state")
    desk.attempt("a", "declined-offer")
    assert [each.scope for each in desk.episode("a").episode.held] == ["damp-home"]
    folder = published(desk.state, "s2", people)
    assert take(store, folder, TODAY + timedelta(days=1), clock=lambda: NOON + timedelta(days=1)) == {"opened": 1}


def test_somebody_brought_back_is_to_be_done_now(desk: Desk) -> None:
    desk.attempt("a", "no-answer")
    desk.do(acting.wake, desk.grip("a"))
    assert "a" in [each.row.patient for each in desk.list("ready")]


@pytest.mark.parametrize("day", [date(2026, 6, 29), date(2206, 1, 1)])
def test_a_day_for_a_call_that_cannot_be_meant_is_refused(desk: Desk, day: date) -> None:
    with pytest.raises(NotNow, match="within the next 180 days"):
        desk.attempt("a", "call-back", again_on=day)


def test_the_list_says_by_what_somebody_is_not_to_be_reached(desk: Desk) -> None:
    desk.attempt("a", "unsafe")
    (listed,) = desk.list("later")
    assert listed.barred == ("sms", "email", "letter")


def test_whoever_asks_to_be_called_back_is_called_on_that_day(desk: Desk) -> None:
    desk.attempt("a", "call-back", again_on=date(2026, 7, 20))
    assert desk.episode("a").episode.row.not_before == "2026-07-20"
    with pytest.raises(ValueError, match="when do they want"):
        Attempt("x", "phone", "call-back")


@pytest.mark.parametrize(("channel", "outcome"), [("pigeon", "reached"), ("phone", "flew")])
def test_an_attempt_has_words_that_are_known(channel: str, outcome: str) -> None:
    with pytest.raises(ValueError, match="a channel and an outcome that are known"):
        Attempt("x", channel, outcome)


def test_the_words_fit_each_other() -> None:
    assert {outcome.closes for outcome in OUTCOMES.values() if outcome.closes} <= set(ENDINGS)
    assert {outcome.status for outcome in OUTCOMES.values()} == {"in-progress", "completed", "not-done", "stopped", "unknown"}
    assert {"phone", "letter"} <= set(CHANNELS)


@pytest.mark.parametrize("ending", [ending for ending in ENDINGS if ENDINGS[ending].by_staff])
def test_it_is_closed_with_a_coded_outcome_and_can_be_reopened(desk: Desk, ending: str) -> None:
    desk.do(acting.close, desk.grip("a"), ending)
    assert [each.row.outcome for each in desk.list("closed")] == [ending]
    desk.do(acting.reopen, desk.grip("a"))
    assert desk.episode("a").episode.row.outcome is None


@pytest.mark.parametrize("ending", ["need-met", "left", "deceased", "moved", "other"])
def test_staff_do_not_close_with_what_only_data_can_say(desk: Desk, ending: str) -> None:
    with pytest.raises(NotNow, match="one of the outcomes"):
        desk.do(acting.close, desk.grip("a"), ending)


def test_it_is_not_reopened_beside_another(desk: Desk) -> None:
    desk.do(acting.close, desk.grip("b"), "helped")
    closed = desk.grip("b")
    folder = published(desk.state, "s2", [person("b", {"damp-home": "yes"})], ["a"])
    take(desk.store, folder, TODAY, clock=lambda: NOON)
    with pytest.raises(NotNow, match="another episode of this person is open"):
        desk.do(acting.reopen, closed)


def test_nothing_is_done_with_what_is_closed_or_not_there(desk: Desk) -> None:
    desk.do(acting.close, desk.grip("a"), "helped")
    with pytest.raises(NotNow, match="it is closed"):
        desk.do(acting.claim, desk.grip("a"))
    with pytest.raises(NotNow, match="it is open"):
        desk.do(acting.reopen, desk.grip("b"))
    with pytest.raises(NoSuchEpisode):
        desk.do(acting.claim, Grip("nowhere", 1))


def objection(desk: Desk, channel: str, now: datetime = NOON) -> str | None:
    with desk.store.read() as connection:
        return acting.objection(connection, CARE, "a", channel, now)


def test_what_stands_against_reaching_somebody_is_looked_up_at_that_moment(desk: Desk) -> None:
    assert objection(desk, "phone") is None
    with desk.store.write() as connection:
        id = restrict(connection, OTHER, "a", Restriction.OPTED_OUT, NOON, of="phone")
    assert objection(desk, "phone") == "they do not want to be reached this way"
    assert objection(desk, "letter") is None
    with desk.store.write() as connection:
        assert lift(connection, OTHER, "a", id, NOON)
        assert not lift(connection, OTHER, "a", id, NOON)
    assert objection(desk, "phone") is None


def test_where_it_is_not_safe_nothing_goes_over_a_channel_that_others_read(desk: Desk) -> None:
    desk.attempt("a", "unsafe")
    assert [objection(desk, channel, NOON + timedelta(days=1)) is None for channel in ("sms", "email", "letter", "visit")] == [
        False,
        False,
        False,
        True,
    ]


def test_contacts_about_anything_count_together_in_the_zone_where_they_live(desk: Desk) -> None:
    desk.attempt("a", "reached", NOON - timedelta(days=3))
    desk.attempt("a", "reached", NOON - timedelta(days=1))
    assert "no more than 2" in str(objection(desk, "phone"))


def test_how_somebody_wants_to_be_reached_is_kept_over_sweeps(desk: Desk) -> None:
    desk.do(acting.prefer, desk.grip("a"), "sms", "after 5 pm")
    take(desk.store, published(desk.state, "s2", [person(id, found) for id, found in FINDINGS.items()]), TODAY, clock=lambda: NOON)
    row = desk.episode("a").episode.row
    assert (row.channel, row.best_time) == ("sms", "after 5 pm")
    with pytest.raises(NotNow, match="one of the channels"):
        desk.do(acting.prefer, desk.grip("a"), "pigeon", None)


READER = Scope("analyst-1", Role.ANALYST)
GRIP = Grip("e", 1)
VERBS: dict[str, Callable[[Connection], object]] = {
    "list": lambda connection: listed(connection, READER, Wish(), TODAY),
    "see": lambda connection: whole(connection, READER, "e", NOON),
    "assign": lambda connection: acting.assign(connection, READER, GRIP, None, NOON),
    "claim": lambda connection: acting.claim(connection, READER, GRIP, NOON),
    "snooze": lambda connection: acting.snooze(connection, READER, GRIP, TODAY + timedelta(days=1), "x", NOON),
    "wake": lambda connection: acting.wake(connection, READER, GRIP, NOON),
    "attempt": lambda connection: acting.attempt(connection, READER, GRIP, Attempt("x", "phone", "reached"), NOON),
    "close": lambda connection: acting.close(connection, READER, GRIP, "helped", NOON),
    "reopen": lambda connection: acting.reopen(connection, READER, GRIP, NOON),
    "prefer": lambda connection: acting.prefer(connection, READER, GRIP, None, None, NOON),
    "objection": lambda connection: acting.objection(connection, READER, "a", "phone", NOON),
    "restrict": lambda connection: restrict(connection, READER, "a", Restriction.MOVED, NOON),
    "lift": lambda connection: lift(connection, READER, "a", "x", NOON),
}


@pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)
def test_whoever_may_not_see_people_can_do_none_of_it(desk: Desk, verb: Callable[[Connection], object]) -> None:
    with pytest.raises(Forbidden), desk.store.write() as connection:
        verb(connection)


def test_everything_that_was_done_or_seen_is_in_the_record(desk: Desk) -> None:
    desk.do(acting.claim, desk.grip("a"))
    desk.attempt("a", "declined-all")
    with desk.store.read() as connection:
        assert verify(connection) == connection.scalar(select(func.count()).select_from(AUDIT))
        actions = connection.execute(select(AUDIT.c.action).where(AUDIT.c.user == "manager-1").order_by(AUDIT.c.seq)).scalars().all()
        assert actions == ["episode.see", "episode.assign", "episode.see", "restriction.set", "episode.attempt"]
        assert connection.scalar(select(func.count()).select_from(ATTEMPTS)) == 1


@pytest.mark.parametrize(
    ("wish", "patients"),
    [
        ({"rule": "damp-home"}, ["a"]),
        ({"rule": "damp-home", "language": "es"}, []),
        ({"language": "en", "sort": "name"}, ["a", "b"]),
        ({"text": "PERSON b"}, ["b"]),
        ({"text": "%"}, []),
        ({"sort": "due"}, ["a", "b"]),
        ({"owner": "manager-9"}, []),
    ],
)
def test_the_list_is_narrowed(desk: Desk, wish: dict[str, str], patients: list[str]) -> None:
    assert [each.row.patient for each in desk.list("ready", **wish)] == patients


def test_what_is_overdue_is_told(desk: Desk) -> None:
    with desk.store.read() as connection:
        found = listed(connection, CARE, Wish(view="overdue"), date(2026, 7, 8)).episodes
    assert [each.row.patient for each in found] == ["a"]


def test_a_page_that_does_not_exist_is_the_last_one(desk: Desk) -> None:
    with desk.store.read() as connection:
        page = listed(connection, CARE, Wish(page=9), TODAY)
    assert (page.number, page.pages, page.total, len(page.episodes)) == (1, 1, 2, 2)
