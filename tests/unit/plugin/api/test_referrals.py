"""Referrals over the API: from an offer with its candidates to a service, the steps of those who refer, and the agency's side."""

from collections.abc import Mapping
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import insert, select, update
from support import referrals as given
from support.api import PATH, Program, program
from support.outreach import REFERS

from fhir_adapters.referral_states import MAY_SET, Side, Status
from plugin.access import Role, verify
from plugin.openapi.views import document
from plugin.referrals import offering
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import CONSENTS, REFERRALS

BANK = "dir#Organization/bank-1"
SECOND = "dir#Organization/bank-2"


def conversation(staff: Program) -> dict[str, Any]:
    first: dict[str, Any] = staff.read("/conversations?sort=priority")["items"][0]
    return first


def wishing(staff: Program, path: str, **fields: Any) -> dict[str, Any]:
    """What is sent to refer somebody to the first service that fits."""
    found = staff.ask(f"{path}/candidates").json
    assert found is not None
    fits = next(each for each in found["items"] if each["verdict"] != "left out")
    usual = {"wanted": True, "given_by": "patient", "listing": fits["listing"], "message": "after 5 pm"}
    return usual | fields


@pytest.fixture
def offered(staff: Program) -> str:
    return f"/conversations/{conversation(staff)['id']}/offers/{REFERS}"


def test_candidates_come_with_the_reasons_why_and_why_not(staff: Program, offered: str, store: Store) -> None:
    found = staff.ask(f"{offered}/candidates", {"postcode": "00001"}).json
    assert found is not None
    verdicts = [each["verdict"] for each in found["items"]]
    assert verdicts == sorted(verdicts, key=["fits", "ask", "left out"].index)
    assert len(verdicts) == found["total"] > 3
    assert all(any(ground["answer"] is False for ground in each["grounds"]) for each in found["items"] if each["verdict"] == "left out")
    assert staff.ask(f"{offered}/candidates", {"partner": "police"}).status_code == 400
    assert staff.ask(f"{offered.rpartition('/')[0]}/damp-home/candidates").status_code == 404
    assert staff.ask(f"/conversations/00000000-0000-0000-0000-000000000001/offers/{REFERS}/candidates").status_code == 404
    with store.read() as connection:
        assert "episode.see" in connection.scalars(select(AUDIT.c.action)).all()


def test_others_can_write_while_services_are_compared(staff: Program, offered: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    compare, written = offering.services, []

    def meanwhile(*asked: Any) -> Any:
        with store.write() as connection:
            written.append(connection.execute(update(PEOPLE).values(best_time="mornings")).rowcount)
        return compare(*asked)

    monkeypatch.setattr(offering, "services", meanwhile)
    assert staff.ask(f"{offered}/candidates").status_code == 200
    assert written == [2]


def test_somebody_who_wants_it_is_referred_once(staff: Program, offered: str, store: Store) -> None:
    wish = wishing(staff, offered)
    done = staff.do(f"{offered}/refer", 1, wish, key="one")
    assert staff.do(f"{offered}/refer", 1, wish, key="one").json == done.json
    assert done.json is not None
    sent = staff.read(f"/referrals/{done.json['referral']}")
    assert (sent["state"], sent["patient"], sent["name"], sent["message"]) == ("requested", "a", "Ann Lee", "after 5 pm")
    assert [step["after"] for step in sent["history"]] == ["draft", "requested"]
    assert staff.read("/referrals")["total"] == 1
    assert staff.read("/referrals?view=attention")["items"] == []
    with store.read() as connection:
        assert len(connection.execute(select(CONSENTS)).all()) == 1
        assert verify(connection) > 0
    consents = staff.read(f"/conversations/{done.json['id']}/wishes")["consents"]
    assert [each["given_by"] for each in consents] == ["patient"]


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"wanted": None}, 409),
        ({"listing": "nowhere"}, 409),
        ({"given_by": None}, 409),
        ({"given_by": "neighbour"}, 400),
        ({"wanted": "perhaps"}, 400),
        ({"shown": "police"}, 400),
        ({"message": "x" * 1001}, 400),
    ],
)
def test_nobody_is_referred_who_was_not_asked(staff: Program, offered: str, store: Store, fields: Mapping[str, Any], status: int) -> None:
    assert staff.do(f"{offered}/refer", 1, wishing(staff, offered, **fields)).status_code == status
    with store.read() as connection:
        assert connection.execute(select(REFERRALS)).all() == []
        assert connection.execute(select(CONSENTS)).all() == []


def test_a_refusal_is_kept(staff: Program, offered: str) -> None:
    done = staff.do(f"{offered}/refer", 1, {"wanted": False})
    assert done.json is not None
    assert done.json["referral"] is None
    found = staff.read(f"/conversations/{done.json['id']}/wishes")["restrictions"]
    assert [(each["kind"], sorted(each["of"])) for each in found] == [("declined", [REFERS, "need:food-insecurity"])]


def test_whoever_refers_on_an_old_version_is_told(staff: Program, offered: str) -> None:
    wish = wishing(staff, offered)
    assert staff.do(f"/conversations/{conversation(staff)['id']}/claim", 1).status_code == 200
    assert staff.do(f"{offered}/refer", 1, wish).status_code == 412
    assert staff.do(f"{offered}/refer", 2, wish).status_code == 200


def test_those_who_refer_take_back_and_see_to(staff: Program, store: Store) -> None:
    id = given.sent(store)
    path, version = f"/referrals/{id}", given.stored(store, id).version
    assert staff.do(f"{path}/seen", version).json == {"id": id, "version": version + 1}
    assert staff.do(f"{path}/cancel", version, {"reason_code": "mistake"}).status_code == 412
    assert staff.do(f"{path}/cancel", version + 1, {"reason_code": "no-answer"}).status_code == 400
    assert staff.do(f"{path}/cancel", version + 1, {}).status_code == 409
    assert staff.do(f"{path}/cancel", version + 1, {"reason_code": "mistake", "reason": "x" * 201}).status_code == 400
    assert staff.do(f"{path}/cancel", version + 1, {"reason_code": "other", "reason": "twins"}).status_code == 200
    assert staff.do(f"{path}/mistaken", version + 2).status_code == 200
    after = staff.get(path)
    assert after.json is not None
    assert after.json["state"] == "entered-in-error"
    assert staff.get(path, If_None_Match=after.headers["ETag"]).status_code == 304


@pytest.fixture
def bank(app: Flask, store: Store) -> Program:
    """A program of the food bank to which Ann is referred."""
    ann = {"patient": "ann", "name": "Ann", "phone": "555 0101", "age": 40, "sex": "female", "language": "es", "interpreter": True}
    with store.write() as connection:
        connection.execute(insert(PEOPLE), ann | {"sweep": "s1"})
    return program(app, Role.AGENCY, "bank", BANK)


def test_an_agency_sees_its_own_with_the_least_about_people(bank: Program, store: Store) -> None:
    id = given.sent(store)
    (first,) = bank.read("/agency/referrals")["items"]
    assert first["id"] == id
    assert (first["person"]["name"], first["person"]["phone"], first["person"]["age"]) == ("Ann", "555 0101", None)
    assert "patient" not in first
    one = bank.read(f"/agency/referrals/{id}")
    assert one["can"] == ["accepted", "rejected"]
    assert "draft" not in {step["after"] for step in one["history"]}
    assert bank.get("/conversations").status_code == 403
    assert bank.get(f"/referrals/{id}").status_code == 403


def test_to_another_agency_it_is_not_there(app: Flask, bank: Program, store: Store) -> None:
    id = given.sent(store)
    other = program(app, Role.AGENCY, "other", SECOND)
    nowhere = "00000000-0000-0000-0000-000000000001"
    assert other.read("/agency/referrals?view=all")["items"] == []
    mine, none = other.get(f"/agency/referrals/{id}"), other.get(f"/agency/referrals/{nowhere}")
    assert (mine.status_code, mine.data) == (none.status_code, none.data) == (404, none.data)
    refused = [other.do(f"/agency/referrals/{each}/answer", 2, {"to": "accepted"}) for each in (id, nowhere)]
    assert [(each.status_code, each.data) for each in refused] == [(404, none.data)] * 2
    assert given.stored(store, id).state == "requested"


def test_no_address_shows_an_agency_what_is_not_its_own(app: Flask, bank: Program, store: Store, staff: Program) -> None:
    """Whatever is asked with whatever id: the answer is the one that there is nothing, to the byte."""
    other, nowhere = program(app, Role.AGENCY, "other", SECOND), "00000000-0000-0000-0000-000000000001"
    ids = [given.sent(store), conversation(staff)["id"]]
    for path, item in document(None)["paths"].items():
        for method in {"get", "post"} & set(item) if path.startswith(PATH) and "{id}" in path else ():
            asked = [path.removeprefix(PATH).replace("{id}", id).replace("{rule}", REFERS) for id in (*ids, nowhere)]
            sent = {"If_Match": '"2"', "Idempotency_Key": "k"} if method == "post" else {}
            body = {"to": "accepted"} if path.endswith("/answer") else {}
            answers = [other.call(method, each, body if method == "post" else None, **sent) for each in asked]
            assert len({(each.status_code, each.data) for each in answers}) == 1, path
            assert answers[0].status_code in (403, 404), path
    assert given.stored(store, ids[0]).state == "requested"


def test_an_agency_answers_and_tells_what_came_of_it(bank: Program, store: Store) -> None:
    id = given.sent(store)
    path, version = f"/agency/referrals/{id}/answer", given.stored(store, id).version
    assert bank.do(path, version, {"to": "completed"}).status_code == 409
    assert bank.do(path, version, {"to": "draft"}).status_code == 400
    assert bank.do(path, version, {}).status_code == 409
    assert bank.do(path, version, {"to": "rejected"}).status_code == 409
    assert bank.do(path, version, {"to": "rejected", "reason_code": "other", "reason": "x" * 201}).status_code == 400
    for to in ("accepted", "in-progress"):
        assert bank.do(path, version, {"to": to}).status_code == 200
        version += 1
    assert bank.do(path, version - 1, {"to": "completed", "outcome": "Parcel each Friday"}).status_code == 412
    assert bank.do(path, version, {"to": "completed", "outcome": "Parcel each Friday"}).status_code == 200
    after = bank.read(f"/agency/referrals/{id}")
    assert (after["state"], after["outcomes"]) == ("completed", ["Parcel each Friday"])
    assert bank.read("/agency/referrals?view=closed")["total"] == 1


@pytest.mark.parametrize("to", sorted(set(Status) - MAY_SET[Side.TARGET]))
def test_what_is_not_for_an_agency_to_say_is_refused(bank: Program, store: Store, to: Status) -> None:
    id = given.sent(store)
    assert bank.do(f"/agency/referrals/{id}/answer", given.stored(store, id).version, {"to": str(to)}).status_code == 400


def test_a_long_list_is_read_to_its_end_although_it_changes_meanwhile(bank: Program, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers what stands on the first step misses nobody on the next."""
    monkeypatch.setattr("plugin.referrals.reading.PAGE", 2)
    ids = [given.sent(store, patient) for patient in ("ann", "b", "c", "d", "e")]
    seen: list[str] = []
    path: str | None = "/agency/referrals?view=open"
    steps = 0
    while path:
        answer = bank.get(path)
        assert answer.json is not None
        for each in answer.json["items"]:
            seen.append(each["id"])
            assert bank.do(f"/agency/referrals/{each['id']}/answer", each["version"], {"to": "accepted"}).status_code == 200
        links = {link.partition("; rel=")[2]: link.partition("; rel=")[0] for link in answer.headers.getlist("Link")}
        assert links['"first"'] == "</api/v1/agency/referrals?view=open>"
        following = links.get('"next"')
        assert (following is None) == (answer.json["next"] is None)
        path = following.strip("<>").removeprefix("/api/v1") if following else None
        steps += 1
    assert (steps, sorted(seen)) == (3, sorted(ids))
