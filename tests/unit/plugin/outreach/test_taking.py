"""From a published sweep to episodes: one conversation with each person, and nobody is asked twice."""

from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select, update
from support.outreach import person, published

from plugin.access import Role, Scope, verify
from plugin.outreach import episodes
from plugin.outreach.acting import Grip, snooze
from plugin.outreach.episodes import SORTS, Episode, Wish, listed
from plugin.outreach.taking import take
from plugin.store import Store, open_store
from plugin.store.tables.outreach import EPISODES, RESTRICTIONS
from plugin.store.versions import ready

TODAY = date(2026, 6, 30)
NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
CLINICIAN = Scope("doctor-1", Role.CLINICIAN)
DEPRESSED = {"phq9-no-follow-up": "yes"}


class Nights:
    """Sweeps, one a night."""

    def __init__(self, store: Store, state: Path) -> None:
        self.store, self.state, self.day = store, state, 0

    def take(self, people: dict[str, dict[str, str]], others: tuple[str, ...] = (), **options: object) -> Counter[str]:
        self.day += 1
        folder = published(self.state, f"s{self.day}", [person(id, found) for id, found in people.items()], others, **options)  # type: ignore[arg-type]
        return self.again(folder)

    def again(self, folder: Path) -> Counter[str]:
        return take(self.store, folder, self.today, clock=lambda: NOON + timedelta(days=self.day - 1))

    @property
    def today(self) -> date:
        return TODAY + timedelta(days=self.day - 1)

    def seen(self, scope: Scope = CARE, view: str = "ready") -> tuple[Episode, ...]:
        with self.store.read() as connection:
            return listed(connection, scope, Wish(view=view), self.today).episodes

    def restrict(self, patient: str, kind: str, scope: str = "all", until: str | None = None) -> None:
        row = {"id": f"{patient}{scope}", "patient": patient, "kind": kind, "scope": scope, "since": NOON, "until": until}
        with self.store.write() as connection:
            connection.execute(insert(RESTRICTIONS), row | {"user": "u", "note": ""})

    def close(self, ending: str) -> None:
        with self.store.write() as connection:
            connection.execute(update(EPISODES).values(state="closed", outcome=ending, closed=NOON))


@pytest.fixture
def nights(store: Store, tmp_path: Path) -> Nights:
    return Nights(store, tmp_path / "state")


def test_findings_of_one_person_are_one_conversation(nights: Nights) -> None:
    done = nights.take({"a": {"phq9-no-follow-up": "yes", "damp-home": "yes", "screening-overdue": "unknown"}, "b": {"damp-home": "yes"}})
    assert done == {"opened": 2}
    first, second = nights.seen()
    assert [(why.rule, why.status) for why in first.why] == [
        ("phq9-no-follow-up", "yes"),
        ("damp-home", "yes"),
        ("screening-overdue", "unknown"),
    ]
    assert (first.row.priority, first.row.reasons, first.row.due) == (90, 2, "2026-07-07")
    assert (second.row.priority, second.row.reasons, second.row.due) == (60, 1, "2026-07-28")


def test_a_sweep_that_is_taken_again_adds_and_changes_nothing(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    before = nights.seen()
    assert nights.again(nights.state / "sweeps" / "s1") == {"confirmed": 1}
    assert nights.seen() == before


def test_the_next_sweep_that_finds_the_same_confirms_it_and_leaves_its_version(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    (before,) = nights.seen()
    assert nights.take({"a": DEPRESSED}) == {"confirmed": 1}
    (after,) = nights.seen()
    assert (after.id, after.row.version, after.row.due) == (before.id, before.row.version, before.row.due)


def test_only_an_unknown_opens_nothing(nights: Nights) -> None:
    assert nights.take({"a": {"damp-home": "unknown"}}) == {"at rest": 1}
    assert nights.seen() == ()


def test_when_the_data_show_that_the_need_is_met_it_closes_and_says_so(nights: Nights) -> None:
    nights.take({"a": DEPRESSED, "b": {"damp-home": "yes"}})
    assert nights.take({"b": {"damp-home": "yes"}}, others=("a",)) == {"confirmed": 1, "closed": 1}
    (closed,) = nights.seen(view="closed")
    assert (closed.row.patient, closed.row.outcome) == ("a", "need-met")
    assert [(why.rule, why.ending) for why in closed.why] == [("phq9-no-follow-up", "resolved")]


def test_what_became_unknown_is_not_over(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    assert nights.take({"a": {"phq9-no-follow-up": "unknown"}}) == {"confirmed": 1}
    (episode,) = nights.seen()
    assert [(why.rule, why.status, why.ending) for why in episode.why] == [("phq9-no-follow-up", "unknown", None)]
    assert episode.row.reasons == 0


def test_whoever_left_the_registry_is_not_called_helped(nights: Nights) -> None:
    nights.take({"a": DEPRESSED, "b": {"damp-home": "yes"}})
    nights.take({"b": {"damp-home": "yes"}})
    (closed,) = nights.seen(view="closed")
    assert closed.row.outcome == "left"


def test_a_rule_that_is_no_longer_run_says_nothing_about_the_need(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    nights.take({}, others=("a",), rules=("damp-home",))
    (closed,) = nights.seen(view="closed")
    assert closed.row.outcome == "left"


def test_one_reason_that_ended_leaves_the_others(nights: Nights) -> None:
    nights.take({"a": {"phq9-no-follow-up": "yes", "damp-home": "yes"}})
    nights.take({"a": {"damp-home": "yes"}})
    (episode,) = nights.seen()
    assert [(why.rule, why.ending) for why in episode.why] == [("damp-home", None), ("phq9-no-follow-up", "resolved")]
    assert (episode.row.priority, episode.row.reasons) == (60, 1)


def test_a_reason_that_comes_back_is_the_same_conversation(nights: Nights) -> None:
    nights.take({"a": {"phq9-no-follow-up": "yes", "damp-home": "yes"}})
    (first,) = nights.seen()
    nights.take({"a": {"damp-home": "yes"}})
    nights.take({"a": {"phq9-no-follow-up": "yes", "damp-home": "yes"}})
    (again,) = nights.seen()
    assert again.id == first.id
    assert [(why.rule, why.ending) for why in again.why] == [("phq9-no-follow-up", None), ("damp-home", None)]


def test_something_new_wakes_what_was_put_off_and_can_make_it_due_sooner(nights: Nights) -> None:
    nights.take({"a": {"damp-home": "yes"}})
    row = nights.seen()[0].row
    with nights.store.write() as connection:
        snooze(connection, CARE, Grip(row.id, row.version), date(2026, 9, 1), "on holiday", NOON)
    nights.take({"a": {"damp-home": "yes"}})
    assert nights.seen() == ()
    nights.take({"a": {"damp-home": "yes", "phq9-no-follow-up": "yes"}})
    (episode,) = nights.seen()
    assert (episode.row.snoozed_until, episode.row.due) == (None, "2026-07-09")


@pytest.mark.parametrize("kind", ["deceased", "moved", "opted-out"])
def test_for_whom_nothing_is_to_be_done_nothing_is_opened(nights: Nights, kind: str) -> None:
    nights.restrict("a", kind)
    assert nights.take({"a": DEPRESSED}) == {"at rest": 1}


def test_a_channel_that_somebody_does_not_want_hides_no_need(nights: Nights) -> None:
    nights.restrict("a", "opted-out", "sms")
    assert nights.take({"a": DEPRESSED}) == {"opened": 1}


def test_an_offer_that_was_declined_is_not_made_again_until_its_time_is_over(nights: Nights) -> None:
    nights.restrict("a", "declined", "phq9-no-follow-up", until="2026-07-01")
    assert nights.take({"a": {**DEPRESSED, "damp-home": "yes"}}) == {"opened": 1}
    assert [why.rule for why in nights.seen()[0].why] == ["damp-home"]
    nights.take({"a": {**DEPRESSED, "damp-home": "yes"}})
    assert [why.rule for why in nights.seen()[0].why] == ["damp-home"]
    nights.take({"a": {**DEPRESSED, "damp-home": "yes"}})
    assert [why.rule for why in nights.seen()[0].why] == ["phq9-no-follow-up", "damp-home"]


def test_what_they_declined_meanwhile_is_not_called_met(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    nights.restrict("a", "declined", "phq9-no-follow-up")
    assert nights.take({"a": DEPRESSED}) == {"closed": 1}
    (closed,) = nights.seen(view="closed")
    assert (closed.row.outcome, closed.why[0].ending) == ("declined", "declined")


def test_after_a_closing_the_same_reasons_rest_and_a_new_one_opens_at_once(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    nights.close("unable-to-reach")
    assert nights.take({"a": DEPRESSED}) == {"at rest": 1}
    assert nights.take({"a": {**DEPRESSED, "damp-home": "yes"}}) == {"opened": 1}


@pytest.mark.parametrize(("days", "opened"), [(89, 0), (90, 1)])
def test_the_rest_is_over_to_the_day(nights: Nights, days: int, opened: int) -> None:
    nights.take({"a": DEPRESSED})
    nights.close("unable-to-reach")
    nights.day = days
    assert nights.take({"a": DEPRESSED})["opened"] == opened


def test_a_need_that_was_met_and_comes_back_is_a_new_episode_at_once(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    nights.take({}, others=("a",))
    assert nights.take({"a": DEPRESSED}) == {"opened": 1}


def test_what_stands_on_no_shared_list_is_not_named_and_does_not_move_anybody_up(nights: Nights) -> None:
    nights.take({"a": {"unsafe-home": "yes", "screening-overdue": "yes"}, "b": {"damp-home": "yes"}})
    assert [(episode.row.patient, episode.row.priority) for episode in nights.seen()] == [("b", 60), ("a", 30)]
    shared = nights.seen()[1].why
    assert {why.title for why in shared} == {"screening overdue", "not named on a shared list"}
    assert all("unsafe" not in str(why) for why in shared)
    assert {why.rule for why in nights.seen(CLINICIAN)[1].why} == {"unsafe-home", "screening-overdue"}


def test_that_a_sweep_was_taken_is_in_the_record(nights: Nights) -> None:
    nights.take({"a": DEPRESSED})
    with nights.store.read() as connection:
        assert verify(connection) == 1


def test_more_people_than_one_transaction_takes(nights: Nights) -> None:
    many = {f"p{n:04}": DEPRESSED for n in range(1203)}
    assert nights.take(many) == {"opened": 1203}
    assert nights.take({}, others=tuple(many)) == {"closed": 1203}
    with nights.store.read() as connection:
        assert set(connection.scalars(select(EPISODES.c.outcome))) == {"need-met"}


@pytest.mark.parametrize("view", ["ready", "free"])
@pytest.mark.parametrize("sort", SORTS)
def test_a_list_longer_than_is_counted_is_in_the_same_order(nights: Nights, monkeypatch: pytest.MonkeyPatch, view: str, sort: str) -> None:
    found = [{rule: "yes"} for rule in ("damp-home", "phq9-no-follow-up", "screening-overdue")]
    nights.take({f"p{n * 37 % 130:03}": found[n % 3] for n in range(130)})
    with nights.store.write() as connection:
        episode = EPISODES.c
        connection.execute(update(EPISODES).where(episode.patient.endswith("7")).values(ready_on="2026-12-31"))
        connection.execute(update(EPISODES).where(episode.patient.endswith("3")).values(owner="manager-2"))
        wishes = [Wish(view=view, sort=sort, page=page) for page in (1, 2)]
        usual = [listed(connection, CARE, wish, TODAY) for wish in wishes]
        monkeypatch.setattr(episodes, "MOST", 101)
        longer = [listed(connection, CARE, wish, TODAY) for wish in wishes]
    assert [page.more for page in (*usual, *longer)] == [False, False, True, True]
    assert [each.id for page in longer for each in page.episodes] == [each.id for page in usual for each in page.episodes]
    assert len({each.id for page in longer for each in page.episodes}) == 2 * episodes.PAGE


@pytest.mark.about_sqlite
def test_nobody_is_looked_up_by_walking_through_everybody(tmp_path: Path) -> None:
    """One walk for each group of people would make a sweep's cost grow with the square of its people."""
    with closing(ready(open_store(f"sqlite:///{tmp_path}/almoner.db"))) as store:
        asked: dict[str, Any] = {}
        event.listen(store.engine, "before_cursor_execute", lambda *told: asked.update({told[2]: told[3]}))
        nights = Nights(store, tmp_path / "state")
        nights.take({"a": DEPRESSED, "b": DEPRESSED, "c": DEPRESSED})
        nights.take({"a": DEPRESSED}, others=("b",))
        plans = [planned(store, text, values) for text, values in list(asked.items()) if "patient IN" in text]
    assert len(plans) >= 5
    assert [step for plan in plans for step in plan if "(state=?" in step or step.startswith("SCAN outreach")] == []


def planned(store: Store, text: str, values: Any) -> list[str]:
    """The steps by which SQLite answers a query."""
    with store.engine.connect() as connection:
        return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", values)]
