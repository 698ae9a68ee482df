"""Several conversations at one time, and views of the list under a name, over the API."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from support.api import Program, program

from plugin.access import Role, verify
from plugin.outreach import forms
from plugin.store import Store
from plugin.store.tables.access import AUDIT

NOWHERE = "00000000-0000-0000-0000-000000000001"


def post(caller: Program, path: str, body: Any, key: str = "k") -> Any:
    return caller.call("post", path, body, Idempotency_Key=key)


@pytest.fixture
def both(staff: Program) -> list[dict[str, Any]]:
    return [{"id": each["id"], "version": each["version"]} for each in staff.read("/conversations?sort=priority")["items"]]


def test_each_answers_for_itself(staff: Program, store: Store, both: list[dict[str, Any]]) -> None:
    ann, bo = both
    body = {"chosen": [ann, {**bo, "version": bo["version"] + 1}, {"id": NOWHERE, "version": 1}], "until": "2026-07-10", "why": "away"}
    done = post(staff, "/conversations/together/snooze", body)
    told = [(each["id"], each["version"], each["status"]) for each in done.json["items"]]
    assert told == [(ann["id"], ann["version"] + 1, 200), (bo["id"], None, 412), (NOWHERE, None, 404)]
    assert [bool(each["detail"]) for each in done.json["items"]] == [False, True, True]
    assert staff.read(f"/conversations/{ann['id']}")["snoozed_until"] == "2026-07-10"
    assert staff.read(f"/conversations/{bo['id']}")["version"] == bo["version"]
    assert post(staff, "/conversations/together/snooze", body).data == done.data, "sent twice, it is done once"
    with store.read() as connection:
        assert connection.scalars(select(AUDIT.c.action)).all().count("episode.snooze") == 1
        assert verify(connection) > 0


def test_a_defect_of_ours_leaves_none_changed(staff: Program, both: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    claim, calls = forms.VERBS["claim"], []

    def second_breaks(deed: forms.Deed) -> int:
        calls.append(deed.grip.episode)
        if len(calls) == 2:
            raise ValueError("ours")
        return claim(deed)

    with monkeypatch.context() as broken:
        broken.setattr(forms, "VERBS", {**forms.VERBS, "claim": second_breaks})
        sent = {"Authorization": f"Bearer {staff.token}", "Idempotency-Key": "one"}
        assert staff.client.post("/api/v1/conversations/together/claim", json={"chosen": both}, headers=sent).status_code == 500
    assert [staff.read(f"/conversations/{each['id']}")["owner"] for each in both] == [None, None]
    assert [each["status"] for each in post(staff, "/conversations/together/claim", {"chosen": both}, "one").json["items"]] == [200, 200]


@pytest.mark.parametrize(
    "chosen",
    [
        None,
        [],
        "all",
        [NOWHERE],
        [{"id": NOWHERE}],
        [{"id": "x", "version": 1}],
        [{"id": NOWHERE, "version": True}],
        [{"id": NOWHERE, "version": -1}],
        [{"id": NOWHERE, "version": 1}] * 2,
        [{"id": f"00000000-0000-0000-0000-{number:012}", "version": 1} for number in range(51)],
    ],
)
def test_what_was_not_chosen_well_is_refused(staff: Program, chosen: Any) -> None:
    assert post(staff, "/conversations/together/wake", {"chosen": chosen}).status_code == 400


def test_the_verbs_are_those_of_the_page() -> None:
    from plugin.api.together import FIELDS

    assert set(FIELDS) == set(forms.TOGETHER)


def test_a_view_is_saved_shared_replaced_and_forgotten(app: Flask, staff: Program) -> None:
    first = post(staff, "/views", {"name": "Spanish", "language": "es", "role": "clinician"}, "one").json
    again = post(staff, "/views", {"name": "Spanish", "language": "es", "view": "free", "role": "clinician"}, "two").json
    assert first["id"] == again["id"]
    (mine,) = staff.read("/views")["items"]
    assert mine == {"id": first["id"], "name": "Spanish", "wish": {"view": "free", "language": "es"}, "own": True, "shared": True}
    clinician = program(app, Role.CLINICIAN)
    assert [each["own"] for each in clinician.read("/views")["items"]] == [False]
    assert post(clinician, f"/views/{first['id']}/forget", None).status_code == 404
    assert post(staff, f"/views/{first['id']}/forget", None, "three").status_code == 200
    assert staff.read("/views")["items"] == []


def test_what_cannot_be_saved_is_told(app: Flask, staff: Program) -> None:
    assert post(staff, "/views", {"language": "es"}).status_code == 400
    assert post(staff, "/views", {"name": " "}).status_code == 409
    assert post(staff, "/views", {"name": "x", "role": "analyst"}).status_code == 400
    assert post(staff, "/views", {"name": "x", "text": "Ann Lee"}).status_code == 400
    assert staff.get("/views?view=mine").status_code == 400
    assert program(app, Role.ANALYST).get("/views").status_code == 403
