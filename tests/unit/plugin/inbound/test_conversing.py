"""Referrals to us become a conversation: what it holds, what ends it, and what undoes it."""

import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from support import referrals as given
from support.inbound import BANK, ID, answered, grip, known, received, stored, taken
from support.outreach import person, published
from support.referrals import CARE, DOCTOR, NOON, TODAY

from fhir_adapters.referral_states import Status
from plugin.access import Forbidden, Scope, verify
from plugin.inbound.acting import NotSure, call_off, mistaken
from plugin.inbound.conversing import told_beside
from plugin.inbound.keeping import SELF, NoSuchInbound, listed
from plugin.inbound.keeping import Grip as Seen
from plugin.outreach.acting import Attempt, Grip, NotNow, attempt, learned, snooze
from plugin.outreach.episodes import Wish, whole
from plugin.outreach.episodes import listed as episodes
from plugin.outreach.restricting import in_force
from plugin.outreach.taking import take as take_sweep
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS

NEW = Seen(ID, 1)
"""As it was when it came."""


def test_whoever_says_who_it_is_opens_a_conversation(store: Store) -> None:
    received(store, best_time="after 5")
    episode = taken(store)
    with store.write() as connection:
        found = whole(connection, CARE, episode, NOON).episode
        assert episodes(connection, CARE, Wish(), TODAY).total == 1
    assert (found.row.name, found.row.age, found.row.phone, found.row.best_time) == ("José Bell", 46, "555 0177", "after 5")
    assert [why.title for why in found.why] == ["Food insecurity: asked by Food bank 1"]
    assert (found.row.due, found.row.priority, found.row.reasons) == ("2026-07-07", 75, 1)
    row = stored(store)
    assert (row.state, row.patient, row.episode) == ("accepted", "p1", episode)


def test_what_the_record_says_of_somebody_stays(store: Store) -> None:
    received(store)
    with store.write() as connection:
        known(connection, "p1")
    taken(store)
    with store.read() as connection:
        assert connection.scalar(select(PEOPLE.c.name)) == "BELL, Jose"


def test_it_becomes_a_reason_of_the_conversation_that_is_open(store: Store) -> None:
    open_one = given.episode(store, "p1")
    with store.write() as connection:
        snooze(connection, CARE, Grip(open_one, 1), TODAY + timedelta(days=9), "away", NOON)
    received(store)
    assert taken(store) == open_one
    with store.write() as connection:
        found = whole(connection, CARE, open_one, NOON).episode
    assert [why.rule for why in found.why] == ["asked:food-insecurity", given.RULE[0]]
    assert (found.row.priority, found.row.reasons, found.row.ready_on, found.row.version) == (75, 2, "", 3)


def test_asked_again_for_the_same_need_it_is_one_reason(store: Store) -> None:
    received(store)
    episode = taken(store)
    other = "6f1a2c34-0000-4000-8000-000000000002"
    received(store, SELF, id=other)
    assert taken(store, id=other) == episode
    with store.read() as connection:
        titles = connection.scalars(select(REASONS.c.title)).all()
    assert titles == ["Food insecurity: they asked for help themselves"]


def test_what_is_not_named_on_lists_is_for_those_who_may_see_it(store: Store) -> None:
    received(store, need="intimate-partner-violence", safe=False)
    with store.read() as connection:
        assert listed(connection, CARE)[1] == 0
        assert listed(connection, DOCTOR)[1] == 1
    with pytest.raises(NoSuchInbound):
        taken(store)
    episode = taken(store, scope=DOCTOR)
    with store.write() as connection:
        (why,) = whole(connection, CARE, episode, NOON).episode.why
        assert why.title == "not named on a shared list"
        assert [each.kind for each in in_force(connection, ["p1"], TODAY)["p1"]] == ["unsafe"]
        assert connection.scalar(select(EPISODES.c.rules)).strip() == ""


@pytest.mark.parametrize("listed_again", [True, False])
def test_no_sweep_ends_what_somebody_asked_for(store: Store, tmp_path: Path, listed_again: bool) -> None:
    received(store)
    episode = taken(store, "a")
    people = [person("a", {"damp-home": "yes"})] if listed_again else []
    take_sweep(store, published(tmp_path, "s2", people), TODAY, clock=lambda: NOON)
    with store.read() as connection:
        row = connection.execute(select(EPISODES)).one()
        held = connection.scalars(select(REASONS.c.rule).where(REASONS.c.ended.is_(None)).order_by(REASONS.c.rule)).all()
    assert (row.id, row.state, row.sweep) == (episode, "open", "s2")
    assert held == ["asked:food-insecurity", *(["damp-home"] if listed_again else [])]
    assert row.reasons == len(held)


def tried(store: Store, episode: str, outcome: str, at: datetime, channel: str = "phone") -> str:
    id = str(uuid.uuid4())
    with store.write() as connection:
        version = connection.scalar(select(EPISODES.c.version).where(EPISODES.c.id == episode))
        attempt(connection, CARE, Grip(episode, version), Attempt(id, channel, outcome), at)
    return id


def in_vain(store: Store, episode: str) -> datetime:
    """Everything was tried, and a letter was waited for; the day after."""
    for number in range(3):
        tried(store, episode, "no-answer", NOON + timedelta(days=3 * number))
    tried(store, episode, "sent", NOON + timedelta(days=12), "letter")
    return NOON + timedelta(days=27)


def test_whoever_asks_meanwhile_is_not_given_up(store: Store, tmp_path: Path) -> None:
    episode = given.episode(store, "a")
    later = in_vain(store, episode)
    received(store)
    assert taken(store, "a", at=later) == episode
    with store.read() as connection:
        row = connection.execute(select(EPISODES)).one()
    assert (row.not_before, row.next_channel, row.ready_on) == (None, None, "")
    listed_again = [person("a", {"damp-home": "yes"})]
    take_sweep(store, published(tmp_path, "s2", listed_again), later.date(), clock=lambda: later)
    tried(store, episode, "no-answer", later)
    soon = later + timedelta(days=3)
    take_sweep(store, published(tmp_path, "s3", listed_again), soon.date(), clock=lambda: soon)
    with store.read() as connection:
        row = connection.execute(select(EPISODES)).one()
    assert (row.state, row.not_before, row.next_channel) == ("open", (later.date() + timedelta(days=2)).isoformat(), None)


def test_what_turns_out_about_an_older_attempt_does_not_keep_whoever_asked_waiting(store: Store) -> None:
    episode = given.episode(store, "a")
    id = tried(store, episode, "sending", NOON, "sms")
    received(store)
    taken(store, "a", at=NOON + timedelta(hours=1))
    with store.write() as connection:
        learned(connection, CARE, id, "sent", NOON + timedelta(hours=2))
        row = connection.execute(select(EPISODES)).one()
    assert (row.last_outcome, row.not_before, row.ready_on) == ("sent", None, "")


def conversation(store: Store) -> Any:
    with store.read() as connection:
        return connection.execute(select(EPISODES)).one()


OVER: dict[str, dict[str, str]] = {"completed": {"outcome": "helped"}, "failed": {"reason_code": "not-reached"}}


@pytest.mark.parametrize("to", ["cancelled", *OVER])
def test_what_is_over_is_no_reason_any_more(store: Store, to: str) -> None:
    open_one = given.episode(store, "p1")
    received(store)
    taken(store)
    before = conversation(store)
    if to == "cancelled":
        with store.write() as connection:
            call_off(connection, BANK, grip(store), NOON)
    else:
        answered(store, Status(to), **OVER[to])
    row = conversation(store)
    assert (row.state, row.version, row.priority, row.reasons, row.rules.split()) == ("open", before.version + 1, 50, 1, [given.RULE[0]])
    assert row.rank.startswith("050 ")
    with store.write() as connection:
        ended = [why for why in whole(connection, CARE, open_one, NOON).episode.why if why.ended]
        assert [(why.rule, why.ending) for why in ended] == [("asked:food-insecurity", "over")]
        assert verify(connection) > 0


def test_with_the_only_reason_the_conversation_is_over_and_an_agencys_entries_name_nobody(store: Store) -> None:
    received(store)
    taken(store)
    with store.write() as connection:
        call_off(connection, BANK, grip(store), NOON)
    row = conversation(store)
    assert (row.state, row.outcome, row.reasons, row.priority) == ("closed", "over", 0, 0)
    with store.read() as connection:
        theirs = connection.scalars(select(AUDIT.c.patient).where(AUDIT.c.user == BANK.user)).all()
        ours = connection.scalars(select(AUDIT.c.action).where(AUDIT.c.user == "inbound").order_by(AUDIT.c.seq)).all()
    assert set(theirs) == {None}
    assert ours == ["episode.asked-over", "episode.close"]


def test_as_long_as_somebody_asks_for_the_same_it_is_a_reason(store: Store) -> None:
    received(store)
    taken(store)
    other = "6f1a2c34-0000-4000-8000-000000000002"
    received(store, SELF, id=other)
    taken(store, id=other)
    with store.write() as connection:
        call_off(connection, BANK, grip(store), NOON)
    assert (conversation(store).state, conversation(store).reasons) == ("open", 1)
    answered(store, Status.COMPLETED, id=other, outcome="helped")
    assert conversation(store).outcome == "over"


def person_row(store: Store, patient: str = "p1") -> Any:
    with store.read() as connection:
        return connection.execute(select(PEOPLE).where(PEOPLE.c.patient == patient)).one()


def beside(store: Store, scope: Scope = CARE) -> list[tuple[str, str | None, str | None]]:
    with store.read() as connection:
        return [(row.phone, row.best_time, row.language) for row in told_beside(connection, scope, person_row(store))]


def test_what_they_say_now_stands_beside_what_the_record_says(store: Store) -> None:
    with store.write() as connection:
        known(connection, "p1")
    received(store, phone="555 0200", best_time="after 5", language="so")
    taken(store)
    assert (person_row(store).phone, person_row(store).language) == ("555-0177", "es")
    assert beside(store) == [("555 0200", "after 5", "so")]
    answered(store, Status.COMPLETED, outcome="helped")
    assert beside(store) == []


def test_what_the_record_says_too_is_not_said_twice_nor_to_whom_it_may_not_be(store: Store) -> None:
    with store.write() as connection:
        known(connection, "p1")
    received(store, language="es")
    taken(store)
    assert beside(store) == []
    with store.write() as connection:
        connection.execute(update(INBOUND).values(phone="555 0200", restricted=True))
    assert (beside(store), beside(store, DOCTOR)) == ([], [("555 0200", None, "es")])


def test_whom_no_sweep_knows_is_as_they_were_told_of_last(store: Store) -> None:
    received(store, best_time="after 5")
    taken(store)
    other = "6f1a2c34-0000-4000-8000-000000000002"
    received(store, SELF, id=other, phone="555 0200")
    taken(store, id=other)
    assert (person_row(store).phone, person_row(store).best_time) == ("555 0200", "after 5")


@pytest.mark.parametrize("patient", ["", "   ", "a\nb", "x" * 129])
def test_without_a_record_nothing_is_taken(store: Store, patient: str) -> None:
    received(store)
    with pytest.raises(NotNow, match="say who it is"):
        taken(store, patient)
    with pytest.raises(NotNow, match="say who it is"):
        answered(store, Status.ACCEPTED)


DOUBTFUL: dict[str, tuple[dict[str, Any], str]] = {
    "another name": ({"name": "Bell, Ann"}, "another name;"),
    "another age": ({"age": 12}, "another age;"),
    "both": ({"name": "Bell, Ann", "age": 12}, "another name and another age;"),
}


@pytest.mark.parametrize(("fields", "why"), DOUBTFUL.values(), ids=DOUBTFUL)
def test_if_the_record_speaks_against_it_they_are_asked_again(store: Store, fields: dict[str, Any], why: str) -> None:
    with store.write() as connection:
        known(connection, "p1", **fields)
    received(store)
    with pytest.raises(NotSure, match=why) as doubt:
        taken(store, " Patient/p1 ", sure=False)
    assert (doubt.value.patient, stored(store).state) == ("p1", "requested")
    taken(store, "Patient/p1")
    assert stored(store).patient == "p1"


def test_only_who_is_not_known_or_another_is_asked_about_again(store: Store) -> None:
    with store.write() as connection:
        known(connection, "p1", name="", age=None)
    received(store)
    with pytest.raises(NotSure, match="nobody with this id"):
        taken(store, "p2", sure=False)
    taken(store, sure=False)
    assert stored(store).patient == "p1"


def undone(store: Store) -> None:
    with store.write() as connection:
        mistaken(connection, CARE, grip(store), NOON + timedelta(hours=2))


def test_that_it_was_somebody_else_undoes_it(store: Store) -> None:
    received(store, safe=False)
    taken(store)
    undone(store)
    row = stored(store)
    assert (row.state, row.patient, row.episode, row.version) == ("requested", None, None, 3)
    with store.read() as connection:
        closed = connection.execute(select(EPISODES)).one()
        assert (closed.outcome, closed.folded, in_force(connection, ["p1"], TODAY)) == ("over", " p1", {})
        assert verify(connection) > 0
    assert (person_row(store).name, person_row(store).phone) == ("", "")
    taken(store, "p2")
    assert (stored(store).patient, person_row(store, "p2").name) == ("p2", "José Bell")
    with store.read() as connection:
        assert set(in_force(connection, ["p1", "p2"], TODAY)) == {"p2"}


def test_what_others_said_of_them_stays(store: Store) -> None:
    other = "6f1a2c34-0000-4000-8000-000000000002"
    received(store, SELF, id=other, name="Ann Bell", phone="555 0200")
    episode = taken(store, id=other)
    received(store)
    taken(store, at=NOON + timedelta(hours=1))
    undone(store)
    assert (person_row(store).name, person_row(store).phone, conversation(store).state) == ("Ann Bell", "555 0200", "open")
    assert (conversation(store).id, conversation(store).folded) == (episode, "ann bell p1")


def test_nothing_is_undone_that_was_not_done(store: Store) -> None:
    received(store)
    with pytest.raises(NotNow, match="nobody has said"):
        undone(store)
    with pytest.raises(Forbidden), store.write() as connection:
        mistaken(connection, BANK, grip(store), NOON)
