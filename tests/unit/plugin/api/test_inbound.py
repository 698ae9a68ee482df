"""Referrals to us over the API: an agency sends one and sees how it goes, staff say who it is, take it, and tell what came of it."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from support import inbound as given
from support.api import Program, program
from support.referrals import agency

from plugin.access import Role, verify
from plugin.store import Store
from plugin.store.tables.inbound import INBOUND

BANK, SECOND = (str(agency(number).agency) for number in (1, 2))
JOSE: dict[str, Any] = {
    "name": "José Bell",
    "birth_date": "1980-03-04",
    "phone": "555 0177",
    "need": "food-insecurity",
    "given_by": "patient",
    "safe": False,
    "message": "three children",
}


@pytest.fixture
def bank(app: Flask) -> Program:
    return program(app, Role.AGENCY, "bank", BANK)


def sent_by(bank: Program, key: str = "one", **fields: Any) -> Any:
    """The answer to a referral of José."""
    return bank.call("post", "/agency/sent", JOSE | fields, Idempotency_Key=key)


def test_an_agency_refers_somebody_once_and_sees_how_it_goes(bank: Program, staff: Program, store: Store) -> None:
    first, again = sent_by(bank), sent_by(bank)
    assert (first.status_code, first.json["version"], again.json) == (200, 1, first.json)
    assert sent_by(bank, name="Another").status_code == 422
    id = first.json["id"]
    (listed,) = bank.read("/agency/sent")["items"]
    assert (listed["id"], listed["name"], listed["state"]) == (id, "José Bell", "requested")
    assert staff.do(f"/inbound/{id}/take", 1, {"patient": "b"}).status_code == 409
    assert staff.do(f"/inbound/{id}/take", 1, {"patient": "b", "sure": True}).status_code == 200
    seen = bank.read(f"/agency/sent/{id}")
    assert (seen["state"], seen["can_be_called_off"], [step["after"] for step in seen["history"]]) == (
        "accepted",
        True,
        ["requested", "accepted"],
    )
    assert "patient" not in seen, "whom we think that it is, is not for the agency"
    assert bank.do(f"/agency/sent/{id}/call-off", 1).status_code == 412
    assert bank.do(f"/agency/sent/{id}/call-off", 2).status_code == 200
    assert bank.do(f"/agency/sent/{id}/call-off", 3).status_code == 409
    with store.read() as connection:
        assert connection.scalar(select(func.count()).select_from(INBOUND)) == 1
        assert verify(connection) > 0


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"given_by": None}, "who agreed"),
        ({"name": "J"}, "first name and the last name"),
        ({"birth_date": "soon"}, "date of birth"),
        ({"phone": "call me"}, "phone number"),
        ({"need": "money"}, "need is one of"),
        ({"safe": "no"}, "true or false"),
    ],
)
def test_what_is_missing_is_told_and_nothing_is_kept(bank: Program, store: Store, fields: dict[str, Any], said: str) -> None:
    answer = sent_by(bank, **fields)
    assert answer.status_code == 400
    assert said in answer.json["detail"]
    assert "Bell" not in answer.text
    with store.read() as connection:
        assert connection.execute(select(INBOUND)).all() == []


def test_staff_see_who_it_may_be_and_take_it(staff: Program, store: Store) -> None:
    with store.write() as connection:
        given.known(connection, "jose")
    id = given.received(store)
    (new,) = staff.read("/inbound")["items"]
    assert (new["id"], new["agency"], new["birth_date"]) == (id, BANK, "1980-03-04")
    one = staff.get(f"/inbound/{id}")
    assert one.json is not None
    assert [each["patient"] for each in one.json["known"]] == ["jose"]
    assert one.json["can"] == ["rejected"]
    assert staff.get(f"/inbound/{id}", If_None_Match=one.headers["ETag"]).status_code == 304
    assert staff.do(f"/inbound/{id}/take", 1, {}).status_code == 409
    done = staff.do(f"/inbound/{id}/take", one.headers["ETag"], {"patient": "jose"})
    assert done.json is not None
    assert staff.read(f"/conversations/{done.json['conversation']}")["patient"] == "jose"
    assert staff.read(f"/inbound/{id}")["version"] == done.json["version"]
    assert staff.do(f"/inbound/{id}/answer", 2, {}).status_code == 400
    assert staff.do(f"/inbound/{id}/answer", 2, {"to": "rejected"}).status_code == 409
    assert staff.do(f"/inbound/{id}/answer", 2, {"to": "on-hold"}).status_code == 409
    assert staff.do(f"/inbound/{id}/answer", 2, {"to": "completed", "outcome": "Parcels each Friday"}).status_code == 200
    assert staff.read("/inbound?view=closed")["items"][0]["outcome"] == "Parcels each Friday"


def test_to_others_it_is_not_there(app: Flask, bank: Program, staff: Program, store: Store) -> None:
    id, nowhere = given.received(store), "00000000-0000-0000-0000-000000000009"
    other = program(app, Role.AGENCY, "other", SECOND)
    assert other.read("/agency/sent")["items"] == []
    for each in (id, nowhere):
        assert other.get(f"/agency/sent/{each}").status_code == 404
        assert other.do(f"/agency/sent/{each}/call-off", 1).status_code == 404
    assert other.get(f"/inbound/{id}").status_code == 403
    assert staff.get(f"/inbound/{nowhere}").status_code == 404
    assert staff.get("/agency/sent").status_code == 403
    assert given.stored(store).state == "requested"
