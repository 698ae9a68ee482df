"""The pages: an agency refers somebody to us, somebody asks for help, staff say who it is."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from support import referrals as given
from support.access import Clock, signed_in, site, store_of, token
from support.inbound import BANK, ID, known, received, stored

from plugin.access import Role, verify
from plugin.inbound.public import BY_ADDRESS
from plugin.listings.site import EXTENSION
from plugin.store import Store
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.referrals import REFERRALS

OTHER = "6f1a2c34-0000-4000-8000-000000000002"
WHO = {"name": "José  Bell", "birth_date": "1980-03-04", "phone": "555 0177", "safe": "yes", "need": "food-insecurity"}


@pytest.fixture
def town(tmp_path: Path) -> tuple[Flask, Clock]:
    app, clock = site(tmp_path)
    app.extensions[EXTENSION] = given.directory(given.bank(1), given.bank(2))
    return app, clock


@pytest.fixture
def app(town: tuple[Flask, Clock]) -> Flask:
    """Where people can ask for help themselves."""
    app, _ = town
    runtime = app.extensions["almoner"]
    own = runtime.settings.referrals.model_copy(update={"self_referral": True})
    app.extensions["almoner"] = replace(runtime, settings=runtime.settings.model_copy(update={"referrals": own}))
    return app


@pytest.fixture
def store(app: Flask) -> Store:
    return store_of(app)


def count(store: Store) -> int:
    with store.read() as connection:
        return connection.execute(select(func.count()).select_from(INBOUND)).scalar_one()


# ---------------------------------------------------------------- an agency


def volunteer(app: Flask, number: int = 1) -> FlaskClient:
    return signed_in(app, Role.AGENCY, f"bank-{number}", f"dir#Organization/bank-{number}")


def refer(browser: FlaskClient, **fields: str) -> Any:
    page = browser.get("/agency/sent/new").text
    id = re.search(r'name="id" value="([^"]+)"', page)
    assert id
    return browser.post("/agency/sent/new", data={"csrf": token(browser, "/agency"), "id": id[1], "given_by": "patient"} | WHO | fields)


def test_an_agency_refers_somebody_and_follows_it(app: Flask, store: Store) -> None:
    browser = volunteer(app)
    answer = refer(browser, purpose="assessment", message="three children")
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    assert "We will look at it" in page
    assert "To find out what they need, and tell us" in page
    assert "José Bell" in browser.get("/agency/sent").text
    with store.read() as connection:
        row = connection.execute(select(INBOUND)).one()
        assert (row.agency, row.agency_name, row.name, row.purpose) == (BANK.agency, "Food bank 1", "José Bell", "assessment")
        assert verify(connection) > 0
    fields = {"csrf": token(browser, "/agency"), "version": "1"}
    there = answer.location.partition("?")[0]
    assert browser.post(there, data=fields).status_code == 303
    assert "Called off" in browser.get(there).text
    assert browser.post(there, data=fields).status_code == 409


def test_without_consent_nothing_is_kept_and_nothing_is_typed_twice(app: Flask, store: Store) -> None:
    answer = refer(volunteer(app), given_by="")
    assert answer.status_code == 422
    assert "Please say who agreed" in answer.text
    assert 'value="José Bell"' in answer.text
    assert count(store) == 0


def test_to_another_agency_it_is_not_there(app: Flask, store: Store) -> None:
    there = refer(volunteer(app)).location.partition("?")[0]
    other = volunteer(app, 2)
    nowhere = "/agency/sent/00000000-0000-0000-0000-000000000000"
    assert (other.get(there).status_code, other.get(there).data) == (404, other.get(nowhere).data)
    assert other.post(there, data={"csrf": token(other, "/agency"), "version": "1"}).status_code == 404
    assert "José" not in other.get("/agency/sent").text
    assert refer(other, id=there.rpartition("/")[2]).status_code == 409


# ---------------------------------------------------------------- the person


def ask(browser: FlaskClient, headers: Mapping[str, str] | None = None, **fields: str) -> Any:
    page = browser.get("/ask-for-help").text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    return browser.post("/ask-for-help", data=hidden | {"agreed": "yes"} | WHO | fields, headers=headers)


def test_somebody_asks_for_help_without_an_account(app: Flask, store: Store) -> None:
    answer = ask(app.test_client())
    assert (answer.status_code, "Thank you" in answer.text) == (200, True)
    with store.read() as connection:
        row = connection.execute(select(INBOUND)).one()
    assert (row.agency, row.user, row.name, row.given_by, row.safe) == (None, "self-referral", "José Bell", "patient", True)


def test_nobody_learns_who_is_known(app: Flask, store: Store) -> None:
    with store.write() as connection:
        known(connection, "p1")
    one, other = ask(app.test_client()), ask(app.test_client(), name="Nobody Atall", phone="555 9999")
    assert (one.status_code, one.data) == (other.status_code, other.data)


WRONG = [{"agreed": ""}, {"safe": ""}, {"safe": "perhaps"}, {"name": " "}, {"birth_date": "yesterday"}, {"phone": "none"}, {"need": ""}]


@pytest.mark.parametrize("fields", WRONG)
def test_what_is_missing_is_asked_for(app: Flask, store: Store, fields: dict[str, str]) -> None:
    answer = ask(app.test_client(), **fields)
    assert (answer.status_code, 'role="alert"' in answer.text, count(store)) == (422, True, 0)


def test_what_was_put_right_can_be_sent_as_another_one(app: Flask, store: Store) -> None:
    person, agency = app.test_client(), volunteer(app)
    first = [ask(person, id=ID), refer(agency, id=OTHER)]
    again = [ask(person, id=ID, phone="555 0200"), refer(agency, id=OTHER, phone="555 0200")]
    assert [each.status_code for each in first + again] == [200, 303, 409, 409]
    for answer in again:
        assert "with something different in it" in answer.text
        assert 'value="555 0200"' in answer.text
        assert ID not in answer.text
        assert OTHER not in answer.text
    assert count(store) == 2
    assert ask(person, phone="555 0200").status_code == 200
    assert count(store) == 3


def test_no_other_site_asks_in_somebodys_name(app: Flask, store: Store) -> None:
    browser = app.test_client()
    assert ask(browser, token="0" * 64).status_code == 403
    assert ask(browser, headers={"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert app.test_client().post("/ask-for-help", data=WHO | {"agreed": "yes", "id": ID}).status_code == 403
    assert count(store) == 0
    cookie = browser.get("/ask-for-help").headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=Strict", "Path=/ask-for-help"} <= {part.strip() for part in cookie.split(";")}


def test_so_many_and_no_more_can_ask_from_one_place(app: Flask, town: tuple[Flask, Clock], store: Store) -> None:
    for _ in range(BY_ADDRESS):
        assert ask(app.test_client()).status_code == 200
    refused = ask(app.test_client())
    assert (refused.status_code, int(refused.headers["Retry-After"]) > 0) == (429, True)
    assert "Please wait a little" in refused.text
    assert count(store) == BY_ADDRESS
    town[1].pass_by(minutes=16)
    assert ask(app.test_client()).status_code == 200


def test_mistakes_are_not_counted(app: Flask) -> None:
    for _ in range(BY_ADDRESS + 1):
        assert ask(app.test_client(), name="").status_code == 422
    assert ask(app.test_client()).status_code == 200


def test_it_is_offered_only_where_the_settings_say_so(town: tuple[Flask, Clock]) -> None:
    site, _ = town
    browser = site.test_client()
    assert (browser.get("/ask-for-help").status_code, browser.post("/ask-for-help", data=WHO).status_code) == (404, 404)


def test_it_speaks_spanish(app: Flask) -> None:
    page = app.test_client().get("/ask-for-help", headers={"Accept-Language": "es"}).text
    assert '<html lang="es">' in page
    assert "Pedir ayuda" in page


# ---------------------------------------------------------------- staff


def test_staff_say_who_it_is_and_what_came_of_it(app: Flask, store: Store) -> None:
    received(store, best_time="after 5")
    with store.write() as connection:
        known(connection, "p1")
    manager, agency = signed_in(app, Role.CARE_MANAGER), volunteer(app)
    assert "José Bell" in manager.get("/inbound").text
    page = manager.get(f"/inbound/{ID}").text
    assert "BELL, Jose" in page
    assert "name, age and phone are the same" in page
    csrf = token(manager)
    assert manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1", "patient": "p1"}).status_code == 303
    with store.read() as connection:
        episode = connection.scalar(select(EPISODES.c.id))
    assert "Asked for help 30 Jun 2026</dt><dd><bdi>555 0177</bdi>, <bdi>after 5</bdi>" in manager.get(f"/outreach/{episode}").text
    assert f"/outreach/{episode}" in manager.get(f"/inbound/{ID}").text
    shown = manager.get(f"/outreach/{episode}").text
    assert "Food insecurity: asked by Food bank 1" in shown
    spanish = manager.get(f"/outreach/{episode}", headers={"Accept-Language": "es"}).text
    assert "Inseguridad alimentaria: lo pidió Food bank 1" in spanish
    assert "Taken" in agency.get(f"/agency/sent/{ID}").text
    assert "p1" not in agency.get(f"/agency/sent/{ID}").text
    said = {"csrf": csrf, "version": "2", "to": "completed"}
    assert "say what came of it" in manager.post(f"/inbound/{ID}/answer", data=said).text
    assert manager.post(f"/inbound/{ID}/answer", data=said | {"outcome": "a voucher"}).status_code == 303
    assert "a voucher" in agency.get(f"/agency/sent/{ID}").text


def test_of_whom_nobody_knows_staff_give_the_id_of_the_record(app: Flask, store: Store) -> None:
    received(store, safe=False)
    manager = signed_in(app, Role.CARE_MANAGER)
    page = manager.get(f"/inbound/{ID}").text
    assert "Nobody on record has the same name, age and phone" in page
    assert "not safe to phone them" in page
    csrf = token(manager)
    assert manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1", "record": ""}).status_code == 409
    assert manager.post(f"/inbound/{ID}/answer", data={"csrf": csrf, "version": "1", "to": "nowhere"}).status_code == 409
    doubt = manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1", "record": " Patient/77 "})
    assert (doubt.status_code, "nobody with this id is known here yet" in doubt.text) == (409, True)
    hidden = dict(re.findall(r'type="hidden" name="(patient|sure)" value="([^"]+)"', doubt.text))
    assert manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1"} | hidden).status_code == 303
    assert stored(store).patient == "77"
    assert "It was somebody else" in manager.get(f"/inbound/{ID}").text
    assert manager.post(f"/inbound/{ID}/mistaken", data={"csrf": csrf, "version": "2"}).status_code == 303
    assert (stored(store).state, stored(store).patient) == ("requested", None)


def test_what_is_not_there_is_told(app: Flask, store: Store) -> None:
    received(store, need="intimate-partner-violence")
    manager = signed_in(app, Role.CARE_MANAGER)
    nowhere = "00000000-0000-0000-0000-000000000000"
    assert manager.get(f"/inbound/{ID}").data == manager.get(f"/inbound/{nowhere}").data
    csrf = token(manager)
    assert manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1", "record": "77"}).status_code == 404
    assert "José" not in manager.get("/inbound?view=all").text
    assert "José" in signed_in(app, Role.CLINICIAN).get("/inbound?view=all").text


def test_what_was_asked_for_is_referred_on_and_the_conversation_is_over(app: Flask, store: Store) -> None:
    received(store)
    manager = signed_in(app, Role.CARE_MANAGER)
    csrf = token(manager)
    manager.post(f"/inbound/{ID}/take", data={"csrf": csrf, "version": "1", "record": "77", "sure": "yes"})
    with store.read() as connection:
        episode = connection.scalar(select(EPISODES.c.id))
    links = re.findall(rf'href="(/outreach/{episode}/refer/[^"]+)"', manager.get(f"/outreach/{episode}").text)
    assert links
    page = manager.get(links[0]).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', page))
    there = {"partner": "food bank", "shown": "food bank", "given_by": "patient", "wanted": "yes", "assessment": "yes"}
    answer = manager.post(links[0], data=hidden | there | {"listing": "dir#HealthcareService/bank-2"})
    assert answer.status_code == 303
    with store.read() as connection:
        row = connection.execute(select(REFERRALS)).one()
        assert (row.service_code, row.service_display) == ("710824005", "Assessment of health and social care needs")
        assert connection.execute(select(EPISODES.c.state, EPISODES.c.outcome)).one() == ("closed", "referred")
    assert "What did you find?" not in volunteer(app).get(f"/agency/{row.id}").text
    other = volunteer(app, 2)
    other.post(f"/agency/{row.id}", data={"csrf": token(other, "/agency"), "version": "2", "to": "accepted"})
    assert "What did you find?" in other.get(f"/agency/{row.id}").text
