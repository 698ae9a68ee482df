"""Conversations over the API: as the page lists them, one with its version, and each deed on the version that was seen."""

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update
from support.api import Program, assert_as_described, program

from plugin.access import Role, verify
from plugin.outreach.forms import VERBS
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import ATTEMPTS, PEOPLE, REASONS


def id_of(staff: Program, patient: str) -> str:
    found = staff.read("/conversations?view=ready")["items"] + staff.read("/conversations?view=closed")["items"]
    return next(str(each["id"]) for each in found if each["patient"] == patient)


def test_the_list_is_that_of_the_page(staff: Program) -> None:
    found = staff.read("/conversations?sort=priority")
    assert [each["name"] for each in found["items"]] == ["Ann Lee", "Bo Ray"]
    assert (found["total"], found["more"], found["next"]) == (2, False, None)
    ann = found["items"][0]
    assert {why["title"] for why in ann["why"]} == {"diabetes food insecurity", "not named on a shared list"}
    assert staff.read("/conversations?language=es&sort=name")["total"] == 1
    assert staff.read("/conversations?view=closed")["items"] == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("view=nowhere", "view is one of ready"),
        ("text=ann", "There is no argument text here"),
        ("page=2", "There is no argument page here"),
        ("after=", "after is what another answer named"),
        ("after=x", "after is what another answer named"),
        ("after=%C3%BC", "after is what another answer named"),
        ("after=MjAyNi0xMy0wMVQwMDowMDowMCswMDowMCBh", "after is what another answer named"),
        ("after=MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCBh&sort=due", "A sorted list is told as its beginning alone"),
        ("view=ready&view=mine", "view is one text"),
        ("Ann%20Lee=1", "There is no argument of that name here"),
    ],
)
def test_what_has_no_meaning_is_refused(staff: Program, query: str, said: str) -> None:
    answer = staff.get(f"/conversations?{query}")
    assert answer.status_code == 400
    assert answer.json is not None
    assert said in answer.json["detail"]
    assert "Ann" not in answer.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_list_is_read_to_its_end_although_it_changes_meanwhile(staff: Program, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    monkeypatch.setattr("plugin.outreach.episodes.PAGE", 1)

    def step(after: str = "") -> Any:
        if method == "get":
            return staff.read(f"/conversations{'?after=' if after else ''}{after}")
        return staff.ask("/conversations/search", {"after": after or None}).json

    first = step()
    told = first["items"][0]
    assert staff.do(f"/conversations/{told['id']}/snooze", told["version"], {"until": "2026-07-10", "why": "away"}).status_code == 200
    second = step(first["next"])
    assert {told["name"], second["items"][0]["name"]} == {"Ann Lee", "Bo Ray"}
    assert (first["total"], second["total"], second["next"]) == (2, 1, None)


def test_a_sorted_list_is_told_as_its_beginning(staff: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("plugin.outreach.episodes.PAGE", 1)
    found = staff.read("/conversations?sort=name")
    assert ([each["name"] for each in found["items"]], found["total"], found["next"]) == (["Ann Lee"], 2, None)


def test_somebody_is_searched_for_in_the_body(staff: Program) -> None:
    found = staff.ask("/conversations/search", {"text": "lee ANN"}).json
    assert found is not None
    assert [each["patient"] for each in found["items"]] == ["a"]
    assert staff.ask("/conversations/search").status_code == 200
    assert staff.ask("/conversations/search", {"view": "nowhere"}).status_code == 400
    assert staff.ask("/conversations/search", ["a"]).status_code == 400
    assert staff.ask("/conversations/search", {"text": "a\0"}).status_code == 400
    assert staff.ask("/conversations/search", {"text": {}}).status_code == 400


def test_one_whole_has_an_etag_and_is_not_sent_twice(staff: Program, store: Store) -> None:
    path = f"/conversations/{id_of(staff, 'a')}"
    first = staff.get(path)
    assert first.json is not None
    assert first.json["objections"]["letter"] is None
    assert [each["rule"] for each in first.json["offers"]] == ["diabetes-food-insecurity"]
    assert first.headers["ETag"].startswith(f'"{first.json["version"]}-')
    assert staff.get(path, If_None_Match=first.headers["ETag"]).status_code == 304
    assert staff.do(f"{path}/wishes/restrict", first.headers["ETag"], {"what": "letter"}).status_code == 200
    again = staff.get(path, If_None_Match=first.headers["ETag"])
    assert again.status_code == 200, "what stands against a call is told although the version is the same"
    assert again.json is not None
    assert (again.json["version"], again.json["not_by"]) == (first.json["version"], ["letter"])
    with store.read() as connection:
        seen = connection.scalars(select(AUDIT.c.patient).where(AUDIT.c.action == "episode.see")).all()
    assert set(seen) == {"a"}


def test_a_deed_is_done_on_the_version_that_was_seen(staff: Program, store: Store) -> None:
    path = f"/conversations/{id_of(staff, 'b')}"
    seen = staff.get(path).headers["ETag"]
    done = staff.do(f"{path}/claim", seen)
    assert done.json is not None
    assert done.headers["ETag"] == f'"{done.json["version"]}"'
    assert staff.read(path)["owner_name"] == "Ann"
    assert staff.do(f"{path}/wake", seen).status_code == 412
    assert staff.do(f"{path}/wake", done.headers["ETag"]).status_code == 200
    assert staff.do(f"{path}/wake", 'W/"1"').status_code == 412
    assert staff.do(f"{path}/wake", "*").status_code == 412
    assert staff.call("post", f"{path}/wake", Idempotency_Key="k").status_code == 428
    assert staff.call("post", f"{path}/wake", If_Match='"1"').status_code == 400
    with store.read() as connection:
        assert verify(connection) > 0


def test_others_at_the_address_are_told_unless_contact_there_could_be_unsafe(staff: Program, store: Store) -> None:
    ann, bo = (id_of(staff, patient) for patient in "ab")
    assert staff.read(f"/conversations/{bo}")["neighbours"] == []
    with store.write() as connection:
        connection.execute(update(PEOPLE).values(household="one address"))
    assert staff.read(f"/conversations/{bo}")["neighbours"] == [], "something about Ann stands on no shared list"
    with store.write() as connection:
        connection.execute(update(REASONS).values(restricted=False))
    assert staff.read(f"/conversations/{bo}")["neighbours"] == [{"id": ann, "name": "Ann Lee"}]


DEEDS: list[tuple[str, Any, dict[str, Any]]] = [
    ("claim", None, {"owner_name": "Ann"}),
    ("assign", {"owner": "ann"}, {"owner_name": "Ann"}),
    ("assign", {"owner": None}, {"owner": None}),
    ("snooze", {"until": "2026-07-10", "why": "away"}, {"snoozed_until": "2026-07-10", "snoozed_why": "away"}),
    ("wake", {}, {"snoozed_until": None}),
    ("attempt", {"channel": "phone", "outcome": "no-answer", "note": "twice"}, {"attempts": 1, "last_outcome": "no-answer"}),
    ("close", {"ending": "helped"}, {"state": "closed", "outcome": "helped"}),
    ("prefer", {"channel": "sms", "best_time": "mornings"}, {"channel": "sms", "best_time": "mornings"}),
    ("prefer", {"channel": "", "best_time": ""}, {"channel": None, "best_time": None}),
]


@pytest.mark.parametrize(("verb", "body", "then"), DEEDS)
def test_every_deed_of_the_page_can_be_done(staff: Program, verb: str, body: Any, then: dict[str, Any]) -> None:
    path = f"/conversations/{id_of(staff, 'b')}"
    before = staff.read(path)["version"]
    done = staff.do(f"{path}/{verb}", before, body)
    assert done.json == {"id": path.rpartition("/")[2], "version": before + 1}
    after = staff.read(path)
    assert {name: after[name] for name in then} == then
    if verb == "close":
        assert staff.do(f"{path}/wake", before + 1).status_code == 409
        assert staff.do(f"{path}/reopen", before + 1).status_code == 200
        assert staff.read(path)["state"] == "open"


def test_the_deeds_are_those_of_the_page() -> None:
    assert {verb for verb, _, _ in DEEDS} | {"reopen"} == set(VERBS)


@pytest.mark.parametrize(
    ("verb", "body", "status"),
    [
        ("close", {"ending": "need-met"}, 400),
        ("close", {}, 409),
        ("attempt", {"channel": "phone", "outcome": "sending"}, 400),
        ("attempt", {"channel": "phone", "outcome": "call-back"}, 409),
        ("attempt", {"channel": "phone", "outcome": "no-answer", "id": "x"}, 400),
        ("snooze", {"until": "soon", "why": "x"}, 409),
        ("assign", {"owner": "nobody-here"}, 409),
        ("assign", {"owner": ["ann"]}, 400),
        ("assign", {"owner": True}, 400),
        ("assign", {}, 400),
        ("prefer", {"channel": "sms", "best_time": "x" * 65}, 400),
        ("prefer", {"best_time": "mornings"}, 400),
        ("prefer", {"channel": "sms"}, 400),
        ("prefer", {"channel": None, "best_time": "mornings"}, 400),
        ("claim", {"owner": "ann"}, 400),
    ],
)
def test_what_cannot_be_is_told_and_changes_nothing(staff: Program, store: Store, verb: str, body: Any, status: int) -> None:
    path = f"/conversations/{id_of(staff, 'b')}"
    before = staff.read(path)
    assert staff.do(f"{path}/{verb}", before["version"], body).status_code == status
    assert staff.read(path)["version"] == before["version"]
    with store.read() as connection:
        assert connection.execute(select(ATTEMPTS)).all() == []


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b'{"text": "\\ud800"}', "content_type": "application/json"}, 400),
        ({"data": b'{"text": "' + b"x" * 70_000 + b'"}', "content_type": "application/json"}, 413),
        ({"data": b"text=ann", "content_type": "application/x-www-form-urlencoded"}, 415),
        ({"data": b"text", "content_type": "text/plain"}, 415),
        ({"json": {"text": "x" * 201}}, 400),
        ({"json": {"text": True}}, 400),
        ({"json": {"after": True}}, 400),
        ({"json": {"after": "MjAyNi0wMS0wMVQwMDowMDowMCswMDowMCBh"}}, 200),
        ({"json": None}, 200),
    ],
)
def test_a_body_is_a_small_json_object(staff: Program, sent: dict[str, Any], status: int) -> None:
    answer = staff.client.post("/api/v1/conversations/search", headers={"Authorization": f"Bearer {staff.token}"}, **sent)
    assert answer.status_code == status
    assert_as_described("post", "/api/v1/conversations/search", answer)


def test_what_they_want_is_kept_and_taken_back(staff: Program) -> None:
    path = f"/conversations/{id_of(staff, 'a')}"
    version = staff.read(path)["version"]
    assert staff.do(f"{path}/wishes/restrict", version, {"what": "unsafe", "until": "2026-08-01", "note": "ask"}).status_code == 200
    wishes = staff.get(f"{path}/wishes")
    assert wishes.json is not None
    (held,) = wishes.json["restrictions"]
    assert (held["kind"], held["of"], held["until"], held["note"]) == ("unsafe", ["all"], "2026-08-01", "ask")
    assert staff.get(f"{path}/wishes", If_None_Match=wishes.headers["ETag"]).status_code == 304
    assert staff.do(f"{path}/wishes/restrict", version, {"what": "unsafe", "until": "2020-01-01"}).status_code == 409
    assert staff.do(f"{path}/wishes/lift", version + 1, {"id": held["id"]}).status_code == 412
    assert staff.do(f"{path}/wishes/lift", version, {"id": "another"}).status_code == 409
    assert staff.do(f"{path}/wishes/withdraw", version, {"id": "another"}).status_code == 409
    assert staff.do(f"{path}/wishes/lift", version, {"id": held["id"]}).status_code == 200
    assert staff.read(f"{path}/wishes")["restrictions"] == []


def test_what_is_not_there_and_what_is_not_ones_work(app: Flask, staff: Program) -> None:
    nowhere = "/conversations/00000000-0000-0000-0000-000000000001"
    for answer in (staff.get(nowhere), staff.get(f"{nowhere}/wishes"), staff.do(f"{nowhere}/wake", 1)):
        assert answer.status_code == 404
    analyst = program(app, Role.ANALYST)
    assert analyst.get("/conversations").status_code == 403
    assert analyst.get(nowhere).status_code == 403
    assert analyst.do(f"{nowhere}/wake", 1).status_code == 403
