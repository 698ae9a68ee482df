"""Referrals to us: what is kept, who it may be, how it becomes a conversation, and what whoever referred hears of it."""

from dataclasses import replace
from datetime import date, timedelta
from itertools import product
from typing import Any

import pytest
from sqlalchemy import select, update
from support import referrals as given
from support.inbound import BANK, ID, answered, asked, known, received, stored, taken
from support.referrals import CARE, NOON, TODAY

from fhir_adapters.referral_states import MAY_SET, TRANSITIONS, IllegalMove, Side, Status
from plugin.access import Forbidden, Role, Scope, verify
from plugin.inbound.acting import Saying, answer, call_off, take
from plugin.inbound.asking import NEEDS, Asked, NotAsked
from plugin.inbound.keeping import Grip as Seen
from plugin.inbound.keeping import NoSuchInbound, SentBefore, forget, listed, one, receive
from plugin.inbound.recognising import same
from plugin.outreach.acting import NotNow
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.inbound import INBOUND
from plugin.translations import LANGUAGES, texts

NEW = Seen(ID, 1)
"""As it was when it came."""


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
