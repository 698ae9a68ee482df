"""The pages of outreach over HTTP: what is told, what is done, and what is refused."""

import csv
import io
import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from support.databases import database_of
from support.outreach import person, published
from support.worklist import AS_OF, application

from plugin.outreach.taking import take
from plugin.store import Store, open_store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.outreach import REASONS as WHY
from plugin.store.versions import ready

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Store:
    """The store of an application with two people on its list."""
    found = ready(open_store(database_of(tmp_path / "state")))
    people = [
        person("a", {"phq9-no-follow-up": "yes", "unsafe-home": "yes"}, name="=HYPERLINK(1)", language="es"),
        person("b", {"screening-overdue": "yes", "damp-home": "unknown"}),
    ]
    take(found, published(tmp_path / "state", "s1", people), AS_OF, clock=lambda: NOON)
    return found


@pytest.fixture
def client(site: Store, tmp_path: Path) -> FlaskClient:
    return application(tmp_path / "state").test_client()


def rows(site: Store) -> dict[str, tuple[str, int, str | None, str]]:
    """Patient → episode, version, owner, state."""
    with site.read() as connection:
        found = connection.execute(select(EPISODES.c.patient, EPISODES.c.id, EPISODES.c.version, EPISODES.c.owner, EPISODES.c.state))
        return {row[0]: tuple(row[1:]) for row in found}  # type: ignore[misc]


def test_the_list_tells_who_why_and_by_when(client: FlaskClient) -> None:
    page = client.get("/outreach").text
    assert page.index("=HYPERLINK(1)") < page.index("Person b")
    assert "phq9 no follow up" in page
    assert "unsafe" not in page
    assert "not named on a shared list" in page
    assert "Also not known: damp home" in page
    assert "7 Jul 2026" in page


def test_a_title_that_is_no_text_of_ours_is_shown_as_it_is(client: FlaskClient, site: Store) -> None:
    """One of no rule may hold what somebody wrote."""
    with site.write() as connection:
        connection.execute(update(WHY).values(rule="", title="100%s <b>").where(WHY.c.rule == "screening-overdue"))
    page = client.get("/outreach")
    assert (page.status_code, "100%s &lt;b&gt;" in page.text) == (200, True)


@pytest.mark.parametrize(
    ("address", "there", "gone"),
    [
        ("?view=mine", "You have taken nobody yet", "Person b"),
        ("?view=nonsense&sort=x&page=-1", "Person b", "Nobody here"),
        ("?rule=phq9-no-follow-up", "HYPERLINK", "Person b"),
        ("?language=es", "HYPERLINK", "Person b"),
    ],
)
def test_the_list_is_narrowed_by_its_address(client: FlaskClient, address: str, there: str, gone: str) -> None:
    page = client.get(f"/outreach{address}").text
    assert there in page
    assert gone not in page


def test_a_name_is_searched_without_standing_in_an_address(client: FlaskClient) -> None:
    answer = client.post("/outreach/search", data={"text": "person B"})
    assert answer.status_code == 200
    assert "Person b" in answer.text
    assert "HYPERLINK" not in answer.text
    assert "text=" not in answer.text


def test_an_episode_is_claimed_tried_and_closed(client: FlaskClient, site: Store) -> None:
    id, version, _, _ = rows(site)["a"]
    assert client.post(f"/outreach/{id}/claim", data={"version": version}).status_code == 303
    assert rows(site)["a"][1:3] == (version + 1, "trial")
    tried = {"version": version + 1, "attempt": "t-1", "channel": "phone", "outcome": "no-answer", "note": "<b>rang</b>"}
    assert client.post(f"/outreach/{id}/attempt", data=tried).status_code == 303
    page = client.get(f"/outreach/{id}").text
    assert "No answer" in page
    assert "&lt;b&gt;rang" in page
    assert client.post(f"/outreach/{id}/close", data={"version": version + 2, "ending": "helped"}).status_code == 303
    assert rows(site)["a"][3] == "closed"
    assert "Helped" in client.get("/outreach?view=closed").text


def test_a_form_that_was_sent_twice_is_one_attempt(client: FlaskClient, site: Store) -> None:
    id, version, _, _ = rows(site)["a"]
    tried = {"version": version, "attempt": "t-1", "channel": "phone", "outcome": "no-answer"}
    assert [client.post(f"/outreach/{id}/attempt", data=tried).status_code for _ in range(2)] == [303, 303]
    assert client.get(f"/outreach/{id}").text.count("<td>No answer") == 1


@pytest.mark.parametrize(
    ("verb", "fields", "told"),
    [
        ("claim", {"version": "0"}, "somebody changed it meanwhile"),
        ("claim", {}, "load the page again"),
        ("snooze", {"version": "1", "until": "soon", "why": "x"}, "choose the day"),
        ("snooze", {"version": "1", "until": "2026-07-03", "why": ""}, "say in a few words why"),
        ("attempt", {"version": "1", "attempt": "t", "channel": "phone", "outcome": "call-back"}, "choose the day"),
        ("attempt", {"version": "1", "attempt": "t", "channel": "phone", "outcome": ""}, "an outcome that are known"),
        ("attempt", {"version": "1", "attempt": "x" * 37, "channel": "phone", "outcome": "reached"}, "load the page again"),
        ("close", {"version": "1", "ending": "need-met"}, "one of the outcomes"),
        ("reopen", {"version": "1"}, "it is open"),
        ("prefer", {"version": "1", "channel": "pigeon"}, "one of the channels"),
    ],
)
def test_what_cannot_be_done_is_told_and_changes_nothing(
    client: FlaskClient, site: Store, verb: str, fields: dict[str, str], told: str
) -> None:
    before = rows(site)
    answer = client.post(f"/outreach/{before['a'][0]}/{verb}", data=fields)
    assert answer.status_code == 409
    assert told in re.sub(r"\s+", " ", answer.text)
    assert rows(site) == before


def test_what_does_not_exist_is_not_there(client: FlaskClient, site: Store) -> None:
    id = rows(site)["a"][0]
    nowhere = "00000000-0000-0000-0000-000000000000"
    assert client.get(f"/outreach/{nowhere}").status_code == 404
    assert client.post(f"/outreach/{nowhere}/claim", data={"version": "1"}).status_code == 404
    assert client.post(f"/outreach/{id}/explode", data={"version": "1"}).status_code == 404
    assert client.get("/outreach/list.xlsx").status_code == 404
    assert client.get("/outreach/not-a-uuid").status_code == 404


def test_several_are_changed_together_and_one_that_cannot_be_keeps_no_other_back(client: FlaskClient, site: Store) -> None:
    before = rows(site)
    chosen = [f"{before['a'][0]} {before['a'][1]}", f"{before['b'][0]} 77", "nonsense"]
    page = client.post("/outreach/together", data={"verb": "claim", "chosen": chosen}).text
    assert "1 of 3 changed." in page
    assert "Not changed: somebody changed it meanwhile" in page
    assert (rows(site)["a"][2], rows(site)["b"][2]) == ("trial", None)


def test_nothing_ticked_is_told(client: FlaskClient) -> None:
    answer = client.post("/outreach/together", data={"verb": "claim"})
    assert answer.status_code == 409
    assert "tick at least one person" in answer.text


def test_the_list_as_a_file_holds_no_formula_and_is_recorded(client: FlaskClient, site: Store) -> None:
    answer = client.get("/outreach/list.csv")
    assert answer.headers["Content-Disposition"] == 'attachment; filename="outreach-2026-06-30.csv"'
    first, second = csv.DictReader(io.StringIO(answer.text))
    assert (first["name"], second["name"]) == ("'=HYPERLINK(1)", "Person b")
    assert "unsafe" not in answer.text
    lines = [json.loads(line) for line in client.get("/outreach/list.ndjson").text.splitlines()]
    assert [line["name"] for line in lines] == ["=HYPERLINK(1)", "Person b"]
    with site.read() as connection:
        exports = connection.scalars(select(AUDIT.c.detail).where(AUDIT.c.action == "list.export").order_by(AUDIT.c.seq)).all()
    assert [(each["people"], each["kind"]) for each in exports] == [(2, "csv"), (2, "ndjson")]


def test_another_site_cannot_make_a_browser_change_anything(client: FlaskClient, site: Store) -> None:
    id, version, _, _ = rows(site)["a"]
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://elsewhere.example"}, {"Origin": "null"}):
        assert client.post(f"/outreach/{id}/claim", data={"version": version}, headers=headers).status_code == 403
    ours = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    assert client.post(f"/outreach/{id}/claim", data={"version": version}, headers=ours).status_code == 303


def test_a_character_that_cannot_be_kept_is_refused(client: FlaskClient, site: Store) -> None:
    id, version, _, _ = rows(site)["a"]
    for answer in (
        client.post("/outreach/search", data={"text": "a\0b"}),
        client.post(f"/outreach/{id}/assign", data={"version": version, "owner": "\0"}),
        client.get("/outreach?rule=%00"),
    ):
        assert answer.status_code == 400
    assert rows(site)["a"][2] is None
