"""People change their minds: what stands against reaching them is taken back on a page, and what they agreed to as well."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from support.databases import database_of
from support.outreach import REFERS, person, published
from support.worklist import AS_OF, application

from plugin.access import Role, Scope, verify
from plugin.outreach.restricting import restrict
from plugin.outreach.taking import take
from plugin.outreach.words import Restriction
from plugin.referrals.consenting import Consent, agree
from plugin.store import Store, open_store
from plugin.store.tables.outreach import EPISODES, RESTRICTIONS
from plugin.store.tables.referrals import CONSENTS
from plugin.store.versions import ready

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("carer", Role.CARE_MANAGER)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With one person who may want food."""
    found = ready(open_store(database_of(tmp_path / "state")))
    take(found, published(tmp_path / "state", "s1", [person("a", {REFERS: "yes"})]), AS_OF, clock=lambda: NOON)
    return found


@pytest.fixture
def client(store: Store, tmp_path: Path) -> FlaskClient:
    return application(tmp_path / "state").test_client()


def episode(store: Store) -> Any:
    with store.read() as connection:
        return connection.execute(select(EPISODES)).one()


def address(store: Store) -> str:
    return f"/outreach/{episode(store).id}/wishes"


def posted(client: FlaskClient, store: Store, verb: str, **fields: str) -> Any:
    return client.post(f"{address(store)}/{verb}", data=fields)


def ids(page: str) -> list[str]:
    return re.findall(r'name="id" value="([^"]+)"', page)


def attempt(client: FlaskClient, store: Store, outcome: str) -> None:
    row = episode(store)
    fields = {"version": str(row.version), "attempt": f"try-{row.version}", "channel": "phone", "outcome": outcome}
    assert client.post(f"/outreach/{row.id}/attempt", data=fields).status_code == 303


@pytest.mark.parametrize("outcome", ["declined-offer", "declined-all", "deceased", "moved-away"])
def test_what_ended_the_conversation_can_be_taken_back_and_opens_it_again(client: FlaskClient, store: Store, outcome: str) -> None:
    attempt(client, store, outcome)
    assert episode(store).state == "closed"
    (id,) = ids(client.get(address(store)).text)
    assert posted(client, store, "lift", id=id).status_code == 303
    assert (episode(store).state, episode(store).outcome) == ("open", None)
    assert "Nothing is on record" in client.get(address(store)).text
    with store.read() as connection:
        assert verify(connection) >= 2


def test_a_channel_that_is_given_back_opens_nothing_that_staff_closed(client: FlaskClient, store: Store) -> None:
    posted(client, store, "restrict", what="letter", note="reads badly")
    row = episode(store)
    client.post(f"/outreach/{row.id}/close", data={"version": str(row.version), "ending": "helped"})
    page = client.get(address(store)).text
    assert "Does not want to be reached</strong>: <bdi>Letter</bdi>" in page
    assert "reads badly" in page
    posted(client, store, "lift", id=ids(page)[0])
    assert episode(store).state == "closed"


def test_a_refusal_can_be_taken_back_after_the_next_conversation_began(client: FlaskClient, store: Store) -> None:
    attempt(client, store, "declined-offer")
    with store.write() as connection:
        row = connection.execute(select(EPISODES)).one()._asdict() | {"id": "0" * 36, "state": "open", "outcome": None, "closed": None}
        connection.execute(EPISODES.insert(), row)
    old = f"/outreach/{_closed(store)}/wishes"
    client.post(f"{old}/lift", data={"id": ids(client.get(old).text)[0]})
    assert _closed(store)
    assert "Nothing is on record" in client.get(old).text


def _closed(store: Store) -> str:
    with store.read() as connection:
        return str(connection.scalar(select(EPISODES.c.id).where(EPISODES.c.state == "closed")))


def test_what_they_said_of_a_channel_is_kept_once_and_until_its_day(client: FlaskClient, store: Store) -> None:
    for _ in range(2):
        assert posted(client, store, "restrict", what="sms", until="2026-12-31").status_code == 303
    with store.read() as connection:
        rows = connection.execute(select(RESTRICTIONS)).all()
    assert [(row.kind, row.scope, row.until) for row in rows] == [("opted-out", "sms", "2026-12-31")]
    assert "they do not want to be reached this way" in client.get(f"/outreach/{episode(store).id}").text


@pytest.mark.parametrize(
    ("first", "then", "kept"),
    [
        ({"until": "2026-07-31"}, {"until": "2026-12-31"}, ["2026-07-31", "2026-12-31"]),
        ({"until": "2026-07-31"}, {}, ["2026-07-31", None]),
        ({"until": "2026-07-31"}, {"until": "2026-07-31"}, ["2026-07-31"]),
        ({"until": "2026-07-31"}, {"until": "2026-07-01"}, ["2026-07-31"]),
        ({}, {"until": "2026-07-31"}, [None]),
        ({}, {}, [None]),
        ({"note": "he reads it"}, {"note": "he reads it"}, [None]),
        ({"note": "he reads it"}, {"until": "2026-07-31"}, [None]),
        ({}, {"note": "he reads it"}, [None, None]),
    ],
)
def test_only_what_something_on_record_covers_is_not_kept_again(
    client: FlaskClient, store: Store, first: dict[str, str], then: dict[str, str], kept: list[str | None]
) -> None:
    for fields in (first, then):
        assert posted(client, store, "restrict", what="unsafe", **fields).status_code == 303
    with store.read() as connection:
        rows = connection.execute(select(RESTRICTIONS.c.until, RESTRICTIONS.c.note)).all()
    assert sorted((row.until for row in rows), key=str) == sorted(kept, key=str)
    assert {row.note for row in rows} >= {fields["note"] for fields in (first, then) if "note" in fields}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"what": "pigeon"}, "choose what they said"),
        ({"what": "declined"}, "choose what they said"),
        ({"what": "sms", "until": "tomorrow"}, "choose the last day"),
        ({"what": "sms", "until": "2026-06-29"}, "is over"),
    ],
)
def test_what_cannot_be_kept_is_told_and_changes_nothing(client: FlaskClient, store: Store, fields: dict[str, str], why: str) -> None:
    answer = posted(client, store, "restrict", **fields)
    assert answer.status_code == 409
    assert why in answer.text
    with store.read() as connection:
        assert connection.execute(select(RESTRICTIONS)).all() == []


def test_a_consent_is_withdrawn(client: FlaskClient, store: Store) -> None:
    with store.write() as connection:
        agree(connection, CARE, Consent("a", "food-insecurity", "voluntary sector", "patient"), NOON)
    page = client.get(address(store)).text
    assert "food insecurity" in page
    (id,) = ids(page)
    assert posted(client, store, "withdraw", id=id).status_code == 303
    with store.read() as connection:
        assert connection.scalar(select(CONSENTS.c.withdrawn)) is not None
    again = posted(client, store, "withdraw", id=id)
    assert again.status_code == 409
    assert "it is not on record any more" in again.text


def test_nobody_takes_back_what_somebody_else_said(client: FlaskClient, store: Store) -> None:
    with store.write() as connection:
        restriction = restrict(connection, CARE, "b", Restriction.OPTED_OUT, NOON)
        consent = agree(connection, CARE, Consent("b", "food-insecurity", "voluntary sector", "patient"), NOON)
    assert posted(client, store, "lift", id=restriction).status_code == 409
    assert posted(client, store, "withdraw", id=consent).status_code == 409
    with store.read() as connection:
        assert connection.scalar(select(RESTRICTIONS.c.lifted)) is None
        assert connection.scalar(select(CONSENTS.c.withdrawn)) is None


def test_a_shared_page_does_not_tell_what_was_offered_in_confidence(client: FlaskClient, store: Store) -> None:
    with store.write() as connection:
        restriction = restrict(connection, CARE, "a", Restriction.DECLINED, NOON, of="need:intimate-partner-violence")
        agree(connection, CARE, Consent("a", "intimate-partner-violence", "voluntary sector", "patient"), NOON)
    page = client.get(address(store)).text
    assert "violence" not in page
    assert posted(client, store, "lift", id=restriction).status_code == 409


def test_an_episode_that_is_not_there_is_not_found(client: FlaskClient) -> None:
    there = "/outreach/22222222-2222-4222-8222-222222222222/wishes"
    assert client.get(there).status_code == 404
    assert client.post(f"{there}/restrict", data={"what": "sms"}).status_code == 404
