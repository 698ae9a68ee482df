"""Referrals to us: what is kept, who it may be, how it becomes a conversation, and what whoever referred hears of it."""

import uuid
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update
from support import referrals as given
from support.inbound import BANK, ID, asked, grip, known, received, stored
from support.outreach import person, published
from support.referrals import CARE, DOCTOR, NOON, TODAY

from fhir_adapters.referral_states import MAY_SET, TRANSITIONS, IllegalMove, Side, Status
from plugin.access import Forbidden, Role, Scope, verify
from plugin.inbound.acting import NotSure, Saying, answer, call_off, mistaken, take
from plugin.inbound.asking import NEEDS, Asked, NotAsked
from plugin.inbound.conversing import told_beside
from plugin.inbound.keeping import SELF, NoSuchInbound, SentBefore, forget, listed, one, receive
from plugin.inbound.keeping import Grip as Seen
from plugin.inbound.recognising import same
from plugin.outreach.acting import Attempt, Grip, NotNow, attempt, learned, snooze
from plugin.outreach.episodes import Wish, whole
from plugin.outreach.episodes import listed as episodes
from plugin.outreach.restricting import in_force
from plugin.outreach.taking import take as take_sweep
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS
from plugin.translations import LANGUAGES, texts

NEW = Seen(ID, 1)
"""As it was when it came."""


def taken(store: Store, patient: str = "p1", scope: Scope = CARE, at: datetime = NOON, id: str = ID, sure: bool = True) -> str:
    with store.write() as connection:
        return take(connection, scope, grip(store, id), patient, at, sure=sure)


def answered(store: Store, to: Status, scope: Scope = CARE, id: str = ID, **said: str) -> None:
    with store.write() as connection:
        answer(connection, scope, grip(store, id), Saying(to, **said), NOON)


# ---------------------------------------------------------------- what is kept

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"id": "1"}, "form old"),
    "no name": ({"name": ""}, "name wrong"),
    "a name that turns its surroundings": ({"name": "Ann \u202e Bell"}, "name wrong"),
    "no day of birth": ({"birth_date": None}, "birth date wrong"),
    "born tomorrow": ({"birth_date": date(2027, 1, 1)}, "birth date wrong"),
    "born too long ago": ({"birth_date": date(1880, 1, 1)}, "birth date wrong"),
    "no phone": ({"phone": "call me"}, "phone missing"),
    "nobody said whether it is safe": ({"safe": None}, "safe missing"),
    "a strange postcode": ({"postcode": "<b>"}, "postcode wrong"),
    "no need": ({"need": "a yacht"}, "need missing"),
    "another purpose": ({"purpose": "gossip"}, "need missing"),
    "a language that there is not": ({"language": "xx"}, "need missing"),
    "nobody agreed": ({"given_by": ""}, "consent missing"),
    "a long message": ({"message": "a" * 1001}, "too long"),
}


@pytest.mark.parametrize(("fields", "why"), WRONG.values(), ids=WRONG)
def test_without_the_least_that_is_needed_nothing_is_kept(store: Store, fields: dict[str, Any], why: str) -> None:
    with pytest.raises(NotAsked) as refused:
        received(store, **fields)
    assert refused.value.what == why
    assert all(why in texts("plugin.agency.texts", language) for language in LANGUAGES)
    with store.read() as connection:
        assert listed(connection, CARE)[1] == 0


def test_sent_twice_it_is_one(store: Store) -> None:
    assert received(store) == received(store) == ID
    with store.read() as connection:
        assert listed(connection, CARE)[1] == 1
        assert verify(connection) == 1
    with pytest.raises(NotNow):
        received(store, given.agency(2))


@pytest.mark.parametrize("fields", [{"name": "Jose Bell"}, {"phone": "555 0200"}, {"safe": False}, {"message": ""}])
def test_what_was_put_right_is_not_taken_for_what_was_sent_before(store: Store, fields: dict[str, Any]) -> None:
    received(store)
    with pytest.raises(SentBefore):
        received(store, **fields)
    assert stored(store).phone == "555 0177"


def test_an_agency_and_nobody_else_refers_in_its_name(store: Store) -> None:
    with pytest.raises(Forbidden), store.write() as connection:
        receive(connection, CARE, asked(), "", NOON)


def test_every_need_and_every_answer_has_words() -> None:
    from plugin.referrals.words import CHOSEN

    say = texts("plugin.agency.texts", "en")
    assert {f"need {need}" for need in NEEDS} | {f"theirs {status}" for status in Status if status != "draft"} <= set(say)
    assert {f"we {code}" for code in CHOSEN} <= set(say)


# ---------------------------------------------------------------- who it may be

SAME: dict[str, tuple[dict[str, Any], bool]] = {
    "to the letter but for case and accents": ({}, True),
    "not yet a year older in the sweep": ({"age": 45}, True),
    "another age": ({"age": 47}, False),
    "another phone": ({"phone": "555-0178"}, False),
    "no phone on record": ({"phone": ""}, False),
    "a further name": ({"name": "Bell, Jose Maria"}, False),
    "an age that is not known": ({"age": None}, False),
}


@pytest.mark.parametrize(("fields", "shown"), SAME.values(), ids=SAME)
def test_only_whose_details_are_the_same_is_shown(store: Store, fields: dict[str, Any], shown: bool) -> None:
    received(store)
    with store.write() as connection:
        known(connection, "p1", **fields)
    with store.read() as connection:
        found = same(connection, CARE, stored(store), TODAY)
    assert [each.patient for each in found] == (["p1"] if shown else [])


def test_two_with_the_same_details_are_both_shown_and_nobody_is_taken(store: Store) -> None:
    received(store)
    with store.write() as connection:
        known(connection, "p1")
        known(connection, "p2")
    with store.read() as connection:
        assert [each.patient for each in same(connection, CARE, stored(store), TODAY)] == ["p1", "p2"]
    assert (stored(store).state, stored(store).patient) == ("requested", None)


def test_nobody_outside_learns_who_is_known(store: Store) -> None:
    received(store)
    with store.read() as connection, pytest.raises(Forbidden):
        same(connection, BANK, stored(store), TODAY)


# ---------------------------------------------------------------- a conversation


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


# ---------------------------------------------------------------- and back


def test_the_agency_hears_what_came_of_it(store: Store) -> None:
    received(store, purpose="assessment")
    taken(store)
    with pytest.raises(IllegalMove, match="came of it"):
        answered(store, Status.COMPLETED)
    answered(store, Status.COMPLETED, outcome="They need food twice a week")
    with store.write() as connection:
        row, history = one(connection, BANK, ID, NOON)
    assert (row.state, row.outcome) == ("completed", "They need food twice a week")
    assert [step.after for step in history] == ["requested", "accepted", "completed"]


def test_a_refusal_says_why(store: Store) -> None:
    received(store)
    for said in ({}, {"reason_code": "made-up"}):
        with pytest.raises(NotNow, match="reasons"):
            answered(store, Status.REJECTED, **said)
    with pytest.raises(IllegalMove):
        answered(store, Status.REJECTED, reason_code="other")
    answered(store, Status.REJECTED, reason_code="not-offered", reason="not on Sundays")
    assert (stored(store).state, stored(store).reason_code, stored(store).reason) == ("rejected", "not-offered", "not on Sundays")


def test_no_other_agency_sees_it(store: Store) -> None:
    received(store)
    other = given.agency(2)
    with store.write() as connection:
        assert listed(connection, other) == ([], 0)
        with pytest.raises(NoSuchInbound):
            one(connection, other, ID, NOON)
        with pytest.raises(NoSuchInbound):
            call_off(connection, other, NEW, NOON)


def test_nobody_outside_answers(store: Store) -> None:
    received(store)
    for scope in (BANK, Scope("a", Role.ANALYST)):
        with pytest.raises(Forbidden):
            answered(store, Status.REJECTED, scope, reason_code="not-offered")
        with pytest.raises(Forbidden):
            taken(store, scope=scope)


def test_whoever_referred_calls_it_off(store: Store) -> None:
    received(store)
    with store.write() as connection:
        call_off(connection, BANK, NEW, NOON)
    assert (stored(store).state, stored(store).reason_code) == ("cancelled", "no-longer-wanted")


def test_of_all_steps_exactly_those_of_our_side_succeed(store: Store) -> None:
    received(store)
    done = set()
    for start, to in product(Status, Status):
        with store.write() as connection:
            connection.execute(update(INBOUND).values(state=str(start)))
        try:
            answered(store, to, reason_code="not-reached", outcome="x")
        except (IllegalMove, NotNow):
            continue
        done.add((start, to))
    mine = MAY_SET[Side.TARGET] - {Status.ACCEPTED}
    assert done == {(start, to) for start in Status for to in TRANSITIONS.get(start, ()) if to in mine}


def test_two_who_answer_at_one_time_do_not_overwrite_each_other(store: Store) -> None:
    received(store)
    with store.write() as connection:
        answer(connection, CARE, NEW, Saying(Status.REJECTED, "not-offered"), NOON)
    with pytest.raises(NotNow), store.write() as connection:
        take(connection, CARE, NEW, "p1", NOON)


def test_every_step_is_recorded_and_an_agencys_entries_name_no_patient(store: Store) -> None:
    received(store)
    taken(store)
    answered(store, Status.COMPLETED, outcome="helped")
    with store.write() as connection:
        one(connection, BANK, ID, NOON)
    with store.read() as connection:
        rows = connection.execute(select(AUDIT.c.action, AUDIT.c.patient).where(AUDIT.c.entity == f"inbound/{ID}").order_by(AUDIT.c.seq))
        assert [tuple(row) for row in rows] == [
            ("inbound.receive", None),
            ("inbound.moved", "p1"),
            ("inbound.moved", "p1"),
            ("inbound.see", None),
        ]
        assert verify(connection) == 6


def test_what_was_closed_long_ago_is_forgotten(store: Store) -> None:
    received(store)
    later = NOON + timedelta(days=9)
    with store.write() as connection:
        assert forget(connection, later, later) == 0
    answered(store, Status.REJECTED, reason_code="not-offered")
    with store.write() as connection:
        assert forget(connection, NOON, later) == 0
        assert forget(connection, later, later) == 1
        assert listed(connection, CARE) == ([], 0)


def test_what_was_typed_is_kept_and_nothing_else() -> None:
    told = replace(asked(), language="es", best_time="after 5")
    assert Asked(**told.row() | {"birth_date": date(1980, 3, 4)}) == told
