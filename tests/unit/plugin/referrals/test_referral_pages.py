"""From a conversation to a service over HTTP: asked first, the best services first, and what became of it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from support.databases import database_of
from support.outreach import REFERS, person, published
from support.worklist import AS_OF, application

from fhir_adapters.synthetic import write_agencies
from plugin.access import verify
from plugin.outreach.taking import take
from plugin.settings import CdsSettings, ReferralSettings, ServerSettings, Settings
from plugin.store import Store, open_store
from plugin.store.tables.outreach import EPISODES, RESTRICTIONS
from plugin.store.tables.referrals import CONSENTS, REFERRALS, WRITES
from plugin.store.versions import ready

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With one person who may want food."""
    found = ready(open_store(database_of(tmp_path / "state")))
    take(found, published(tmp_path / "state", "s1", [person("a", {REFERS: "yes"})]), AS_OF, clock=lambda: NOON)
    return found


@pytest.fixture
def client(store: Store, tmp_path: Path) -> FlaskClient:
    write_agencies(tmp_path / "directory", 7, AS_OF)
    return application(tmp_path / "state", cds=CdsSettings(directory=(f"town={tmp_path / 'directory'}",))).test_client()


def address(store: Store) -> str:
    with store.read() as connection:
        return f"/outreach/{connection.scalar(select(EPISODES.c.id))}/refer/{REFERS}"


def form(client: FlaskClient, store: Store, **fields: str) -> dict[str, str]:
    """The form as it was shown, filled in for the first service that may be chosen."""
    page = client.get(address(store)).text
    id = re.search(r'name="id" value="([^"]+)"', page)
    partner = re.search(r'<option value="([^"]+)" selected>', page)
    listing = re.search(r'name="listing" value="([^"]+)"', page)
    assert id
    assert partner
    assert listing
    filled = {
        "id": id[1],
        "partner": partner[1],
        "listing": listing[1],
        "wanted": "yes",
        "given_by": "patient",
        "shown": partner[1],
        "message": "after 5 pm",
    }
    return filled | fields


def test_a_conversation_offers_what_its_rule_says_may_help(client: FlaskClient, store: Store) -> None:
    episode = address(store).partition("/refer/")[0]
    assert f"/refer/{REFERS}" in client.get(episode).text
    page = client.get(address(store)).text
    assert "Do they want this help?" in page
    assert page.count('class="service"') > 3
    assert "other services, and why not" in page
    assert "Not for them: " in page


def test_somebody_who_wants_it_is_referred_with_consent_and_the_conversation_is_over(client: FlaskClient, store: Store) -> None:
    answer = client.post(address(store), data=form(client, store))
    assert answer.status_code == 303
    with store.read() as connection:
        row = connection.execute(select(REFERRALS)).one()
        assert (row.state, row.patient, row.rule, row.need, row.message) == ("requested", "a", REFERS, "food-insecurity", "after 5 pm")
        assert connection.execute(select(CONSENTS)).one().agency == row.agency
        assert connection.scalars(select(WRITES.c.kind)).all() == []  # no server: nobody else is to be told
        assert connection.execute(select(EPISODES.c.state, EPISODES.c.outcome)).one() == ("closed", "referred")
        assert verify(connection) > 3
    assert answer.headers["Location"].endswith(f"/referrals/{row.id}")
    page = client.get(answer.headers["Location"]).text
    assert "requested" in page
    assert "Person a" in page
    assert "Person a" in client.get("/referrals").text


def test_a_form_that_was_sent_twice_is_one_referral(client: FlaskClient, store: Store) -> None:
    filled = form(client, store)
    assert client.post(address(store), data=filled).status_code == 303
    assert client.post(address(store), data=filled).status_code in (303, 404)
    with store.read() as connection:
        assert len(connection.execute(select(REFERRALS)).all()) == 1


def test_a_refusal_is_kept_and_nothing_is_sent(client: FlaskClient, store: Store) -> None:
    assert client.post(address(store), data=form(client, store, wanted="no")).status_code == 303
    with store.read() as connection:
        assert connection.execute(select(REFERRALS)).all() == []
        assert set(connection.scalars(select(RESTRICTIONS.c.scope))) == {"need:food-insecurity", REFERS}
    with store.read() as connection:
        assert connection.execute(select(EPISODES.c.state, EPISODES.c.outcome)).one() == ("closed", "declined")


def test_a_refusal_is_taken_back_whole_and_the_conversation_goes_on(client: FlaskClient, store: Store) -> None:
    client.post(address(store), data=form(client, store, wanted="no"))
    wishes = address(store).partition("/refer/")[0] + "/wishes"
    page = client.get(wishes).text
    said = re.search(r"Does not want this help</strong>: <bdi>([^<]+)<", page)
    assert said
    assert "food insecurity" in said[1].split("; ")
    assert len(said[1].split("; ")) == 2
    ids = re.findall(r'name="id" value="([^"]+)"', page)
    assert len(ids) == 1
    assert client.post(f"{wishes}/lift", data={"id": ids[0]}).status_code == 303
    with store.read() as connection:
        assert None not in connection.scalars(select(RESTRICTIONS.c.lifted)).all()
        assert connection.execute(select(EPISODES.c.state)).scalar_one() == "open"
    assert client.post(address(store), data=form(client, store)).status_code == 303


def test_a_consent_tells_what_went_out_on_it_and_that_can_be_marked_as_an_error(client: FlaskClient, store: Store) -> None:
    sent = client.post(address(store), data=form(client, store)).headers["Location"]
    wishes = address(store).partition("/refer/")[0] + "/wishes"
    assert sent.rpartition("/")[2] in client.get(wishes).text
    assert "It should never have been" in client.get(sent).text
    version = re.search(r'name="version" value="(\d+)"', client.get(sent).text)
    assert version
    assert client.post(f"{sent}/mistaken", data={"version": version[1]}).status_code == 303
    page = client.get(sent).text
    assert "<strong>entered-in-error</strong>" in page
    assert "It should never have been" not in page
    assert sent.rpartition("/")[2] not in client.get(wishes).text
    assert client.post(f"{sent}/mistaken", data={"version": version[1]}).status_code == 409


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"wanted": ""}, "ask first whether they want this help"),
        ({"given_by": ""}, "may know"),
        ({"listing": "nowhere"}, "choose one of the services"),
        ({"id": "not-a-uuid"}, "load the page again"),
        ({"shown": "police"}, "the kind of partner was changed"),
    ],
)
def test_what_was_not_asked_or_chosen_is_told_and_nothing_is_kept(
    client: FlaskClient, store: Store, fields: dict[str, str], told: str
) -> None:
    answer = client.post(address(store), data=form(client, store, **fields))
    assert answer.status_code == 409
    assert told in answer.text
    with store.read() as connection:
        assert connection.execute(select(REFERRALS)).all() == []
        assert connection.execute(select(CONSENTS)).all() == []


def test_a_service_that_is_not_for_them_cannot_be_chosen(client: FlaskClient, store: Store) -> None:
    barred = "town#HealthcareService/school-1-1"
    assert barred not in client.get(address(store)).text
    answer = client.post(address(store), data=form(client, store, listing=barred))
    assert answer.status_code == 409
    assert "this service is not for them" in answer.text


def test_the_postcode_changes_what_fits(client: FlaskClient, store: Store) -> None:
    page = client.post(address(store), data=form(client, store, postcode="00000", look="1"))
    assert page.status_code == 200
    assert "serves only" in page.text


def test_it_is_taken_back_with_a_reason(client: FlaskClient, store: Store) -> None:
    there = client.post(address(store), data=form(client, store)).headers["Location"]
    with store.read() as connection:
        version = str(connection.scalar(select(REFERRALS.c.version)))
    assert client.post(f"{there}/cancel", data={"version": version, "reason_code": ""}).status_code == 409
    assert client.post(f"{there}/cancel", data={"version": "99", "reason_code": "mistake"}).status_code == 409
    assert client.post(f"{there}/cancel", data={"version": version, "reason_code": "no-longer-wanted"}).status_code == 303
    assert "No longer wanted" in client.get(there).text
    assert "None is closed yet" not in client.get("/referrals?view=closed").text


def test_what_asked_for_attention_is_seen_to(client: FlaskClient, store: Store) -> None:
    there = client.post(address(store), data=form(client, store)).headers["Location"]
    with store.write() as connection:
        connection.execute(REFERRALS.update().values(attention="nudged"))
        version = str(connection.scalar(select(REFERRALS.c.version)))
    assert "No answer yet: remind them" in client.get("/referrals?view=attention").text
    assert client.post(f"{there}/seen", data={"version": version}).status_code == 303
    assert "Nothing needs to be looked at" in client.get("/referrals?view=attention").text


def test_what_is_not_there_is_not_there(client: FlaskClient, store: Store) -> None:
    nowhere = "00000000-0000-0000-0000-000000000000"
    episode = address(store).partition("/refer/")[0]
    for path in (
        f"/referrals/{nowhere}",
        f"/outreach/{nowhere}/refer/{REFERS}",
        f"{episode}/refer/phq9-no-follow-up",
        f"{episode}/refer/x",
    ):
        assert client.get(path).status_code == 404
    assert client.post(f"/referrals/{nowhere}/cancel", data={"version": "1", "reason_code": "mistake"}).status_code == 404
    assert client.post(f"/referrals/{nowhere}/explode").status_code == 404


def test_without_a_directory_the_page_says_what_to_do(store: Store, tmp_path: Path) -> None:
    page = application(tmp_path / "state").test_client().get(address(store)).text
    assert "There is no directory: name one in the settings (cds.directory)" in page


def test_referrals_go_to_the_server_that_is_named() -> None:
    servers = {"north": "n", "south": "s"}
    assert ReferralSettings(server="south").tenant(servers) == "s"
    assert ReferralSettings().tenant({"north": "n"}) == "n"
    assert ReferralSettings().tenant(servers) == ReferralSettings().tenant({}) == "here"
    known = {"north": ServerSettings(base_url="https://ehr.example.org")}
    assert Settings(servers=known, referrals=ReferralSettings(server="north")).referrals.server == "north"
    with pytest.raises(ValueError, match="no such server; there are: north"):
        Settings(servers=known, referrals=ReferralSettings(server="west"))
