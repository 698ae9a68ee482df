"""From the store to the EHR and back: what is decided here stands there once, and what is said there is known here."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from support.referral_ehr import Crash
from support.referral_loop import Loop
from support.referrals import CARE, TENANT, agency, chosen, sent, stored

from fhir_adapters.errors import EhrUnavailable, NotWritable
from fhir_adapters.referral_states import Status
from plugin.access import verify
from plugin.referrals import carrying
from plugin.referrals.carrying import carry_out
from plugin.referrals.consenting import Consent, agree, withdraw
from plugin.referrals.disclosure import DISCLOSURES, check, least
from plugin.referrals.matching import Sought
from plugin.referrals.moving import Output
from plugin.referrals.polling import heard, overdue
from plugin.referrals.reading import listed, one
from plugin.referrals.taking import take_in
from plugin.referrals.words import REASONS, reason_code, status_reason
from rules.grammar import PARTNER_TYPES

FED = Output("resulting-activity", {"text": "A parcel a week"})
MARK = "ZZ" + "CANARY"


def crash(*_: Any) -> None:
    raise Crash


# ---------------------------------------------------------------- there


@pytest.mark.requirement("gravity:refer-5", "gravity:conf-4", "gravity:conf-5")
def test_an_order_and_its_task_stand_there_once(loop: Loop) -> None:
    id = loop.sent(reasons=("Condition/7",), message="Vegetarian")
    carry_out(loop.store, loop.outbox, loop.at)
    loop.deliver()
    (order,), (task,) = loop.ehr.of("ServiceRequest"), loop.ehr.of("Task")
    assert task["focus"]["reference"] == f"ServiceRequest/{order['id']}"
    assert (task["status"], task["intent"], task["owner"]["display"]) == ("requested", "order", "Food bank 1")
    assert [coding["code"] for concept in order["category"] for coding in concept["coding"]] == ["410606002", "food-insecurity"]
    assert order["note"] == [{"text": "Vegetarian"}]
    assert "reasonReference" not in order, "a food bank is told no diagnosis"
    assert "orderDetail" not in order
    row = stored(loop.store, id)
    assert (row.task_place, row.request_place, row.there) == (f"Task/{task['id']}", f"ServiceRequest/{order['id']}", "requested")


@pytest.mark.requirement("gravity:serv-3", "gravity:conf-1", "gravity:conf-3", "gravity:priv-10")
def test_what_is_known_and_permitted_is_said(loop: Loop) -> None:
    """To those who treat, with a consent that the server holds."""
    sought = Sought("food-insecurity", "health provider")
    with loop.store.write() as connection:
        agree(connection, CARE, Consent("ann", sought.need, sought.partner, "patient", place="Consent/3"), loop.at - timedelta(days=1))
        agree(connection, CARE, Consent("ann", sought.need, sought.partner, "patient", place="Consent/7"), loop.at + timedelta(hours=1))
    id = loop.sent(sought=sought, reasons=("Condition/7",), goal="Goal/7", message="Vegetarian", priority="urgent")
    order, task = loop.order(id), loop.task(id)
    assert order["reasonReference"] == [{"reference": "Condition/7"}]
    assert [each["valueReference"] for each in order["extension"]] == [{"reference": "Goal/7"}]
    assert order["supportingInfo"] == [{"reference": "Consent/7"}]
    assert (order["priority"], task["priority"]) == ("urgent", "urgent")
    assert order["requester"] == task["requester"]
    assert order["performer"] == [task["owner"]]


def test_an_agency_that_the_server_lists_is_named_by_its_place(loop: Loop) -> None:
    there = replace(chosen(), agency=f"{TENANT}#Organization/bank-1")
    id = loop.sent(candidate=there)
    assert loop.task(id)["owner"]["reference"] == "Organization/bank-1"


def test_where_contact_is_not_safe_the_order_says_so(loop: Loop) -> None:
    id = loop.sent(sought=Sought("intimate-partner-violence", "voluntary sector"))
    assert loop.order(id)["orderDetail"][0]["coding"][0]["code"] == "contacting-subject-prohibited"


@pytest.mark.requirement("gravity:priv-5")
def test_every_kind_of_partner_is_told_what_is_on_its_list_and_nothing_else(loop: Loop) -> None:
    assert set(DISCLOSURES) == set(PARTNER_TYPES)
    patient = dict.fromkeys(("name", "telecom", "address", "birthDate", "gender", "maritalStatus", "identifier"), MARK)
    told = {partner: set(least(partner, {"resourceType": "Patient", **patient})) - {"resourceType"} for partner in PARTNER_TYPES}
    assert told["fire service"] == {"name", "telecom", "address"}
    assert told["school"] == {"name"}
    assert told["health provider"] == {"name", "telecom", "address", "birthDate", "gender", "identifier"}
    with pytest.raises(NotWritable, match="maritalStatus is not for the council"):
        check("council", {"resourceType": "Patient", "maritalStatus": MARK})
    assert least("council", {"resourceType": "Observation", "valueString": MARK}) == {}


@pytest.mark.requirement("gravity:refer-6", "gravity:refer-9")
def test_answers_on_our_page_come_to_the_chart(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.ACCEPTED)
    loop.answered(id, Status.IN_PROGRESS)
    loop.answered(id, Status.COMPLETED, outputs=(FED,))
    for _ in range(3):
        loop.deliver()
    task = loop.task(id)
    assert task["status"] == "completed"
    assert [each["valueCodeableConcept"] for each in task["output"]] == [{"text": "A parcel a week"}]
    assert loop.order(id)["status"] == "completed"
    loop.poll()
    row = stored(loop.store, id)
    assert (row.state, row.there, row.due) == ("completed", "completed", None)
    assert loop.aside() == []


def test_a_reason_goes_along(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.REJECTED, reason_code="not-eligible", reason="lives elsewhere")
    loop.deliver()
    assert loop.task(id)["statusReason"]["text"] == "Not eligible: lives elsewhere"
    assert loop.order(id)["status"] == "revoked"


def test_reasons_are_understood_again() -> None:
    assert {code: reason_code(status_reason(code, "x")) for code in REASONS} == {code: code for code in REASONS}
    assert reason_code({"text": "the van broke down"}) == "other"
    assert reason_code(None) == "other"


# ---------------------------------------------------------------- and back


@pytest.mark.requirement("gravity:refer-3")
def test_what_an_agency_does_on_the_server_is_known_here(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    assert loop.poll().tasks["moved"] == 1
    loop.ehr.agency(loop.place(id), Status.IN_PROGRESS)
    loop.ehr.agency(loop.place(id), Status.COMPLETED, outputs=2)
    loop.poll()
    with loop.store.write() as connection:
        found = one(connection, CARE, id, loop.at)
        verify(connection)
    assert (found.row.state, len(found.outputs)) == ("completed", 2)
    assert [each.after for each in found.history] == ["draft", "requested", "accepted", "completed"], "what lay between was not seen"
    loop.deliver()
    assert loop.order(id)["status"] == "completed", "who refers ends the order"


@pytest.mark.requirement("gravity:task-12")
def test_the_server_is_not_asked_more_often_than_every_quarter_of_an_hour(loop: Loop) -> None:
    loop.sent()
    assert not loop.poll(timedelta(minutes=14)).asked
    assert loop.poll(timedelta(minutes=2)).asked


@pytest.mark.requirement("gravity:task-11")
@pytest.mark.parametrize(("hours", "late"), [(23, False), (25, True)])
def test_a_business_day_without_asking_is_noticed(loop: Loop, hours: int, late: bool) -> None:
    loop.sent()
    assert overdue(loop.store, TENANT, loop.at + timedelta(hours=hours)) is late
    assert not overdue(loop.store, "south", loop.at)


def test_over_the_weekend_nobody_need_ask(loop: Loop) -> None:
    loop.at = datetime.fromisoformat("2026-07-03T12:00:00+00:00")
    loop.sent()
    assert not overdue(loop.store, TENANT, loop.at + timedelta(days=2, hours=23))
    assert overdue(loop.store, TENANT, loop.at + timedelta(days=3, hours=1))


def test_a_server_that_cannot_search_by_time_is_asked_for_each_task(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.searches = False
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    assert loop.poll().tasks["moved"] == 1
    assert stored(loop.store, id).state == "accepted"
    del loop.ehr.held[loop.place(id)]
    assert loop.poll().gone == [loop.place(id)]


def test_a_poll_that_failed_is_made_up_for(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.ehr.down = True
    with pytest.raises(EhrUnavailable):
        loop.poll()
    loop.ehr.down = False
    loop.poll(timedelta(days=3))
    assert stored(loop.store, id).state == "accepted"


def test_a_subscription_tells_at_once(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    assert heard(loop.store, loop.server, TENANT, loop.place(id), loop.at) == "moved"
    assert heard(loop.store, loop.server, TENANT, loop.place(id), loop.at) == "known"
    assert heard(loop.store, loop.server, TENANT, "Task/none", loop.at) is None
    loop.ehr.store({"resourceType": "Task", "id": "other", "status": "requested", "for": {"reference": "Patient/ann"}})
    assert heard(loop.store, loop.server, TENANT, "Task/other", loop.at) == "not ours"


def test_what_it_came_to_may_be_told_later(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.ehr.agency(loop.place(id), Status.COMPLETED, legal=False)
    loop.poll()
    assert loop.days(0) == {"ask": 1}
    assert stored(loop.store, id).attention == "outcome"
    assert loop.days(1) == {}
    loop.ehr.agency(loop.place(id), Status.COMPLETED, outputs=1, legal=False)
    loop.poll()
    row = stored(loop.store, id)
    assert (row.attention, row.due) == (None, None)


# ---------------------------------------------------------------- both at once


def test_of_two_who_move_it_at_once_the_first_on_the_server_wins(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.ACCEPTED)
    loop.ehr.agency(loop.place(id), Status.REJECTED)
    loop.deliver()
    assert loop.task(id)["status"] == "rejected"
    assert loop.poll().tasks["overtaken"] == 1
    row = stored(loop.store, id)
    assert (row.state, row.attention) == ("rejected", "overtaken")
    assert loop.aside() == [("overtaken", "accepted", "accepted")]


def test_an_end_that_came_too_late_ends_no_order(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.REJECTED, reason_code="not-eligible")
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    assert loop.poll().tasks["overtaken"] == 1
    for _ in range(2):
        loop.deliver()
    assert (loop.task(id)["status"], loop.order(id)["status"]) == ("accepted", "active")


def test_a_cancellation_holds_although_they_accepted_meanwhile(loop: Loop) -> None:
    id = loop.sent()
    loop.cancelled(id)
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.poll()
    assert stored(loop.store, id).state == "cancelled"
    loop.deliver()
    loop.poll()
    assert loop.task(id)["status"] == "cancelled"
    assert stored(loop.store, id).there == "cancelled"
    assert loop.aside() == []


def test_both_say_the_same(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.ACCEPTED)
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.deliver()
    loop.poll()
    assert (stored(loop.store, id).state, stored(loop.store, id).there) == ("accepted", "accepted")
    assert loop.aside() == []


def test_both_come_to_the_same_by_two_ways(loop: Loop) -> None:
    id = loop.sent()
    loop.answered(id, Status.ACCEPTED)
    loop.answered(id, Status.FAILED, reason_code="not-reached")
    for step in (Status.ACCEPTED, Status.IN_PROGRESS):
        loop.ehr.agency(loop.place(id), step)
    loop.ehr.agency(loop.place(id), Status.FAILED)
    loop.poll()
    for _ in range(3):
        loop.deliver()
    row = stored(loop.store, id)
    assert (row.state, row.there, row.attention, loop.aside()) == ("failed", "failed", None, [])
    assert loop.order(id)["status"] == "revoked"


def test_what_cannot_be_is_put_aside(loop: Loop) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.REJECTED)
    loop.poll()
    for status in ("in-progress", "ready", "nonsense"):
        loop.ehr.store(loop.task(id) | {"status": status})
        assert loop.poll().tasks["put aside"] == 1
    loop.ehr.store(loop.task(id) | {"status": "rejected", "for": {"reference": "Patient/ben"}})
    loop.poll()
    assert [reason for reason, *_ in loop.aside()] == ["illegal-move", "unknown-status", "unknown-status", "other-patient"]
    row = stored(loop.store, id)
    assert (row.state, row.attention) == ("rejected", "illegal")


def test_an_end_that_came_too_late_reopens_nothing_beside_another(loop: Loop) -> None:
    """Rejected here, accepted there, and by then somebody else was asked."""
    first = loop.sent()
    loop.answered(first, Status.REJECTED, reason_code="not-eligible")
    loop.ehr.agency(loop.place(first), Status.ACCEPTED)
    second = sent(loop.store, at=loop.at, message="again")
    other = loop.sent("ben")
    loop.ehr.agency(loop.place(other), Status.ACCEPTED)
    loop.poll()
    assert [reason for reason, *_ in loop.aside()] == ["another-is-open"]
    assert [stored(loop.store, id).state for id in (first, second, other)] == ["rejected", "requested", "accepted"]
    assert stored(loop.store, first).attention == "illegal"


def test_versions_that_come_late_change_nothing(loop: Loop) -> None:
    id = loop.sent()
    old = dict(loop.task(id))
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    new = dict(loop.task(id))
    with loop.store.write() as connection:
        told = [take_in(connection, TENANT, each, loop.at) for each in (new, old, new)]
    assert told == ["moved", "known", "known"]
    assert stored(loop.store, id).state == "accepted"


# ---------------------------------------------------------------- taken back before it went out


def test_what_was_cancelled_before_it_went_out_never_does(loop: Loop) -> None:
    id = sent(loop.store, at=loop.at)
    loop.cancelled(id)
    assert carry_out(loop.store, loop.outbox, loop.at) == {"kept back": 3}
    assert carry_out(loop.store, loop.outbox, loop.at) == {}
    loop.deliver()
    assert loop.ehr.held == {}
    assert stored(loop.store, id).attention is None


def test_without_its_consent_it_does_not_go_out_and_somebody_looks(loop: Loop) -> None:
    id = sent(loop.store, at=loop.at)
    with loop.store.write() as connection:
        assert withdraw(connection, CARE, stored(loop.store, id).patient, stored(loop.store, id).consent, loop.at)
    assert carry_out(loop.store, loop.outbox, loop.at) == {"kept back": 1}
    assert (stored(loop.store, id).state, stored(loop.store, id).attention) == ("requested", "not-sent")
    loop.cancelled(id)
    loop.deliver()
    assert loop.ehr.held == {}
    assert carry_out(loop.store, loop.outbox, loop.at) == {}, "nothing waits for a Task that never comes"


def test_nobody_is_reminded_of_what_they_never_got(loop: Loop) -> None:
    id = sent(loop.store, at=loop.at)
    with loop.store.write() as connection:
        withdraw(connection, CARE, stored(loop.store, id).patient, stored(loop.store, id).consent, loop.at)
    assert loop.days(10) == {"nudge": 1}, "it waits for the outbox that long"
    assert carry_out(loop.store, loop.outbox, loop.at) == {"kept back": 1}
    assert [loop.days(10), loop.days(10)] == [{}, {}]
    row = stored(loop.store, id)
    assert (row.state, row.attention, row.due) == ("requested", "not-sent", None)
    with loop.store.read() as connection:
        assert listed(connection, agency(1), "all") == ([], 0), "to the agency it is not there"


def test_what_is_in_the_outbox_unnoted_does_not_go_either(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process died after the outbox had it, and before that was noted."""
    id = sent(loop.store, at=loop.at)
    with monkeypatch.context() as patched:
        patched.setattr(carrying, "_mark", crash)
        with pytest.raises(Crash):
            carry_out(loop.store, loop.outbox, loop.at)
    loop.cancelled(id)
    for _ in range(2):
        loop.deliver()
    assert loop.ehr.held == {}
    assert carry_out(loop.store, loop.outbox, loop.at) == {}


def test_an_answer_on_our_page_comes_to_the_chart_with_the_referral(loop: Loop) -> None:
    id = sent(loop.store, at=loop.at)
    loop.answered(id, Status.REJECTED, reason_code="not-eligible")
    for _ in range(2):
        loop.deliver()
    assert (loop.task(id)["status"], loop.order(id)["status"]) == ("rejected", "revoked")
