"""Referrals as time goes by: reminded, withdrawn, sent to the next agency, and asked what came of them."""

from sqlalchemy import event, select
from support.referral_loop import Loop
from support.referrals import CARE, episode, sent, stored

from fhir_adapters.referral_states import Status
from plugin.referrals.carrying import carry_out
from plugin.referrals.consenting import withdraw
from plugin.referrals.words import status_reason
from plugin.store.tables.referrals import REFERRALS, WRITES


def test_no_answer_a_reminder_then_the_next_agency(loop: Loop) -> None:
    first = loop.sent()
    assert loop.days(9) == {}
    assert loop.days(1) == {"nudge": 1}
    assert stored(loop.store, first).attention == "nudged"
    assert loop.days(4) == {}
    assert loop.days(1) == {"withdraw": 1}
    assert loop.days(1) == {}, "not before the server shows that it was withdrawn"
    loop.deliver()
    loop.poll()
    assert loop.days(0) == {"reroute": 1}
    loop.deliver()
    tasks = {each["owner"]["display"]: each["status"] for each in loop.ehr.of("Task")}
    assert tasks == {"Food bank 1": "cancelled", "Food bank 2": "requested"}
    with loop.store.read() as connection:
        second = connection.execute(select(REFERRALS).where(REFERRALS.c.rerouted_from == first)).one()
    assert (second.state, second.consent is not None) == ("requested", True)
    assert loop.days(0) == {}


def withdrawn(loop: Loop) -> str:
    """The id of one that nobody answered."""
    id = loop.sent()
    assert (loop.days(10), loop.days(5)) == ({"nudge": 1}, {"withdraw": 1})
    return id


def test_a_withdrawal_that_the_server_never_shows_is_for_a_person(loop: Loop) -> None:
    id = withdrawn(loop)
    del loop.ehr.held[loop.place(id)]
    loop.deliver()
    assert loop.days(1) == {}
    assert loop.days(1) == {"stuck": 1}
    assert stored(loop.store, id).attention == "no-other"
    assert loop.days(1) == {}


def test_an_answer_that_comes_even_later_counts_as_any_other(loop: Loop) -> None:
    id = withdrawn(loop)
    assert loop.days(2) == {"stuck": 1}
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    for _ in range(2):
        loop.deliver()
        loop.poll()
    assert (stored(loop.store, id).state, stored(loop.store, id).attention) == ("accepted", "overtaken")
    loop.ehr.store(loop.task(id) | {"status": "cancelled", "statusReason": status_reason("no-answer", None)})
    loop.poll()
    assert loop.days(0) == {"reroute": 1}


def test_an_episode_is_locked_before_the_record(loop: Loop) -> None:
    """As everybody else does it: else two of them would wait for each other."""
    episode(loop.store)
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.REJECTED, reason=status_reason("no-capacity", None))
    loop.poll()
    said: list[str] = []
    event.listen(loop.store.engine, "before_cursor_execute", lambda *told: said.append(told[2]))
    assert loop.days(0) == {"reroute": 1}
    first = {name: next(n for n, each in enumerate(said) if name in each) for name in ("FROM outreach_episodes", "audit_head")}
    assert first["FROM outreach_episodes"] < first["audit_head"]


def test_an_answer_that_comes_late_still_counts(loop: Loop) -> None:
    id = loop.sent()
    loop.days(10)
    loop.days(5)
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.deliver()
    loop.poll()
    assert (loop.task(id)["status"], stored(loop.store, id).state) == ("accepted", "accepted")
    assert loop.days(30) == {}
    assert len(loop.ehr.of("Task")) == 1


def test_no_place_the_next_agency_at_once_and_then_a_person(loop: Loop) -> None:
    id = loop.sent()
    full = status_reason("no-capacity", None)
    loop.ehr.agency(loop.place(id), Status.REJECTED, reason=full)
    loop.poll()
    assert loop.days(0) == {"reroute": 1}
    loop.deliver()
    loop.poll()
    (second,) = (each for each in loop.ehr.of("Task") if each["status"] == "requested")
    loop.ehr.agency(f"Task/{second['id']}", Status.REJECTED, reason=full)
    loop.poll()
    assert loop.days(0) == {"nobody else": 1}
    assert loop.days(1) == {}
    with loop.store.read() as connection:
        rows = connection.execute(select(REFERRALS.c.attention, REFERRALS.c.rerouted).order_by(REFERRALS.c.created)).all()
    assert [tuple(row) for row in rows] == [(None, True), ("no-other", True)]


def test_another_reason_stays_with_staff(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.REJECTED)
    loop.poll()
    assert loop.days(0) == {}
    assert stored(loop.store, id).reason == "because"


def test_without_leave_nobody_else_is_told(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.REJECTED, reason=status_reason("no-capacity", None))
    loop.poll()
    with loop.store.write() as connection:
        assert withdraw(connection, CARE, stored(loop.store, id).patient, stored(loop.store, id).consent, loop.at)
    assert loop.days(0) == {"nobody else": 1}
    assert len(loop.ehr.of("Task")) == 1
    with loop.store.read() as connection:
        assert len(connection.execute(select(REFERRALS)).all()) == 1, "no draft is left behind"


def test_moves_wait_for_each_other(loop: Loop) -> None:
    id = sent(loop.store, at=loop.at)
    loop.answered(id, Status.ACCEPTED)
    loop.answered(id, Status.ON_HOLD, reason_code="waitlist")
    assert carry_out(loop.store, loop.outbox, loop.at) == {"put": 1, "waits": 2}
    assert carry_out(loop.store, loop.outbox, loop.at) == {"waits": 2}
    with loop.store.read() as connection:
        assert [row.put is not None for row in connection.execute(select(WRITES).order_by(WRITES.c.number))] == [True, False, False]
    for _ in range(2):
        loop.deliver()
    assert loop.task(id)["status"] == "on-hold"
