"""What servers say that is late, in the future, of others, or not as it should be: whatever it is, nothing else is lost by it."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from support.referral_loop import Loop
from support.referrals import TENANT, sent, stored

from fhir_adapters.gravity import CATEGORIES
from fhir_adapters.referral_states import Status
from plugin.referrals import polling
from plugin.referrals.reading import outputs
from plugin.referrals.taking import take_in
from plugin.referrals.words import reason_code
from plugin.store.tables.referrals import POLLS

MARK = "ZZ" + "CANARY"


def test_a_task_that_cannot_be_taken_in_keeps_no_other_waiting(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ids = [loop.sent(patient) for patient in ("ann", "ben")]
    for id in ids:
        loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    bad = loop.place(ids[0])

    def broken(connection: Any, tenant: str, task: dict[str, Any], at: datetime) -> str:
        if f"Task/{task['id']}" == bad:
            raise KeyError(MARK)
        return take_in(connection, tenant, task, at)

    with monkeypatch.context() as patched:
        patched.setattr(polling, "take_in", broken)
        assert loop.poll().tasks == {"failed": 1, "moved": 1}
        loop.ehr.now += timedelta(days=1)
        loop.ehr.agency(loop.place(ids[1]), Status.IN_PROGRESS)
        assert loop.poll(timedelta(days=1)).tasks["failed"] == 1
    assert "error=KeyError" in caplog.text
    assert MARK not in caplog.text
    assert loop.poll().tasks["moved"] == 1
    assert [stored(loop.store, id).state for id in ids] == ["accepted", "in-progress"]


def test_a_task_that_a_subscription_told_of_and_cannot_be_taken_in_waits_for_the_poll(
    loop: Loop, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    id = loop.sent()
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    with monkeypatch.context() as patched:
        patched.setattr(polling, "take_in", lambda *_: {}[MARK])
        assert polling.heard(loop.store, loop.server, TENANT, loop.place(id), loop.at) == "failed"
    assert "error=KeyError" in caplog.text
    assert MARK not in caplog.text
    assert loop.poll().tasks["moved"] == 1


@pytest.mark.parametrize("code", [["no-capacity"], {"a": 1}, 7, None])
def test_a_reason_whose_code_is_no_text_is_another_reason(code: Any) -> None:
    assert reason_code({"coding": [{"system": CATEGORIES, "code": code}]}) == "other"


def test_a_task_without_a_moment_that_failed_is_asked_for_again(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    id = sent(loop.store, at=loop.at)
    loop.deliver()
    with monkeypatch.context() as patched:
        patched.setattr(polling, "take_in", lambda *_: {}["x"])
        patched.setattr(polling, "updated", lambda _: None)
        assert loop.poll().tasks == {"failed": 1}
    assert loop.poll().tasks == {"known": 1}
    assert stored(loop.store, id).there == "requested"


def test_tasks_of_others_cost_no_write(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    id = loop.sent()
    for number in range(3):
        loop.ehr.store({"resourceType": "Task", "id": f"other-{number}", "status": "requested", "for": {"reference": "Patient/ann"}})
    taken: list[str] = []

    def one_of_ours(connection: Any, tenant: str, task: dict[str, Any], at: datetime) -> str:
        taken.append(f"Task/{task['id']}")
        return take_in(connection, tenant, task, at)

    monkeypatch.setattr(polling, "take_in", one_of_ours)
    assert loop.poll().tasks == {"not ours": 3, "known": 1}
    assert taken == [loop.place(id)]


def test_a_moment_far_in_the_future_hides_nothing(loop: Loop) -> None:
    id = loop.sent()
    task = loop.task(id)
    loop.ehr.agency(loop.place(id), Status.ACCEPTED)
    loop.task(id)["meta"]["lastUpdated"] = "2999-01-01T00:00:00+00:00"
    loop.poll()
    loop.ehr.now = loop.at + timedelta(minutes=30)
    loop.ehr.store(loop.task(id) | {"status": "in-progress", "meta": task["meta"]})
    loop.poll()
    assert stored(loop.store, id).state == "in-progress"


def test_what_was_never_seen_is_asked_for_by_itself(loop: Loop) -> None:
    """A Task of long ago, of a referral that came to be known late."""
    loop.sent()
    late = sent(loop.store, "ben", loop.at)
    loop.deliver()
    loop.ehr.agency(loop.place(late), Status.ACCEPTED)
    with loop.store.write() as connection:
        connection.execute(update(POLLS).values(since=loop.at + timedelta(hours=1)))
    assert loop.poll().tasks == {"moved": 1}
    assert stored(loop.store, late).state == "accepted"
    asked = loop.ehr.asked
    loop.poll()
    assert loop.ehr.asked == asked + 1


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        (["x", None, 7], []),
        ({"valueReference": {"reference": "Procedure/7"}}, []),
        ([{"type": [], "valueReference": {"reference": "Procedure/7"}}], ["resulting-activity"]),
        ([{"type": {"coding": {}}, "valueReference": {"reference": "Procedure/7"}}], ["resulting-activity"]),
        ([{"type": {"coding": ["x", {"code": []}]}, "valueReference": {"reference": "Procedure/7"}}], ["resulting-activity"]),
        ([{"type": {"coding": [{"code": "additional-content"}]}, "valueCodeableConcept": {"text": "x"}}, "x"], ["additional-content"]),
    ],
)
def test_an_output_that_is_not_as_it_should_be_spoils_no_other(loop: Loop, told: Any, kinds: list[str]) -> None:
    id = loop.sent()
    loop.ehr.store(loop.task(id) | {"status": "accepted", "output": told})
    loop.poll()
    with loop.store.read() as connection:
        assert [each.kind for each in outputs(connection, id)] == kinds
    assert stored(loop.store, id).state == "accepted"
