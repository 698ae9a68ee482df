"""Signing in and out over HTTP: whoever is not recognised gets nothing, and learns nothing."""

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select, update
from support.access import PASSWORD, SHELL, Clock, account, sign_in, signed_in, site, store_of, token
from support.worklist import SWEEP, finding, person, publish

from plugin.access import Role, accounts
from plugin.access.attempts import BY_ADDRESS, BY_BOTH, BY_LOGIN
from plugin.store.tables.access import ACCOUNTS, ATTEMPTS, AUDIT, SESSIONS


@pytest.fixture
def made(tmp_path: Path) -> tuple[Flask, Clock]:
    return site(tmp_path)


@pytest.fixture
def app(made: tuple[Flask, Clock]) -> Flask:
    return made[0]


@pytest.fixture
def clock(made: tuple[Flask, Clock]) -> Clock:
    return made[1]


def count(app: Flask, table: object) -> int:
    with store_of(app).read() as connection:
        return connection.scalar(select(func.count()).select_from(table)) or 0  # type: ignore[arg-type]


def actions(app: Flask) -> list[tuple[str, str]]:
    with store_of(app).read() as connection:
        return [(row.action, row.user) for row in connection.execute(select(AUDIT).order_by(AUDIT.c.seq))]


def test_a_stranger_is_led_to_the_form_and_comes_back_to_the_page(app: Flask) -> None:
    account(store_of(app), "maria")
    answer = app.test_client().get("/sweeps?page=2")
    assert (answer.status_code, answer.location) == (303, "/sign-in?next=/sweeps?page%3D2")
    browser = app.test_client()
    form = browser.get(answer.location)
    assert 'value="/sweeps?page=2"' in form.text
    answer = browser.post("/sign-in", data={"login": "Maria ", "password": PASSWORD, "next": "/sweeps?page=2"})
    assert (answer.status_code, answer.location) == (303, "/sweeps?page=2")
    assert browser.get("/sweeps").status_code == 200


@pytest.mark.parametrize("elsewhere", ["https://evil.example", "//evil.example", "/\\evil.example", "/a\\b", "/\tx", "sweeps"])
def test_signing_in_leads_nowhere_else(app: Flask, elsewhere: str) -> None:
    account(store_of(app), "maria")
    _, answer = sign_in(app, "maria", next=elsewhere)
    assert (answer.status_code, answer.location) == (303, "/")


def test_programs_get_a_status(app: Flask) -> None:
    answer = app.test_client().get("/sweeps", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["error"]) == (401, "Unauthorized")  # type: ignore[index]
    assert app.test_client().get("/sweeps", headers={"HX-Request": "true"}).status_code == 401


def test_no_answer_says_whether_there_is_such_a_login(app: Flask) -> None:
    account(store_of(app), "maria")
    with store_of(app).write() as connection:
        gone = accounts.add(connection, SHELL, "gone", "", Role.ANALYST, None, PASSWORD, Clock().now)
        accounts.disable(connection, SHELL, gone, Clock().now)
    answers = [sign_in(app, "maria", "wrong password"), sign_in(app, "nobody", "wrong password"), sign_in(app, "gone")]
    assert {answer.status_code for _, answer in answers} == {401}
    assert len({re.sub(r'value="\w+"', "", answer.text) for _, answer in answers}) == 1
    assert count(app, SESSIONS) == 0
    assert [action for action, _ in actions(app)].count("session.refuse") == 3


@pytest.mark.parametrize("login", ["maria", "nobody"])
def test_after_some_attempts_nothing_is_looked_at_for_a_while(app: Flask, clock: Clock, login: str) -> None:
    account(store_of(app), "maria")
    for _ in range(BY_BOTH):
        assert sign_in(app, login, "wrong password")[1].status_code == 401
    _, answer = sign_in(app, login)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "900")
    assert "15 minutes" in answer.text
    clock.pass_by(minutes=15)
    assert sign_in(app, "maria")[1].status_code == 303


def test_who_signs_in_at_last_begins_counting_anew(app: Flask) -> None:
    account(store_of(app), "maria")
    for _ in range(3):
        for _ in range(BY_BOTH - 1):
            assert sign_in(app, "maria", "wrong password")[1].status_code == 401
        assert sign_in(app, "maria")[1].status_code == 303


def attempt(app: Flask, login: str, address: str) -> int:
    headers = {"X-Forwarded-For": f"203.0.113.9, {address}"}
    data = {"login": login, "password": "wrong password"}
    return app.test_client().post("/sign-in", data=data, headers=headers).status_code


def test_one_address_and_one_login_are_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "check_password_hash", lambda *_: False)
    app, _ = site(tmp_path, proxies=1)
    assert [attempt(app, f"login-{number}", "198.51.100.1") for number in range(BY_ADDRESS + 1)] == [401] * BY_ADDRESS + [429]
    assert [attempt(app, "maria", f"198.51.101.{number}") for number in range(BY_LOGIN + 1)] == [401] * BY_LOGIN + [429]
    assert attempt(app, "anna", "198.51.100.2") == 401
    assert count(app, ATTEMPTS) > 0


def test_idle_people_are_signed_out(app: Flask, clock: Clock) -> None:
    browser = signed_in(app, Role.ANALYST)
    for _ in range(3):
        clock.pass_by(minutes=29)
        assert browser.get("/sweeps").status_code == 200
    clock.pass_by(minutes=30)
    assert browser.get("/sweeps").status_code == 303


def test_nobody_stays_signed_in_for_longer_than_a_shift(app: Flask, clock: Clock) -> None:
    browser = signed_in(app, Role.ANALYST)
    for _ in range(12 * 3 - 1):
        clock.pass_by(minutes=20)
        assert browser.get("/sweeps").status_code == 200
    clock.pass_by(minutes=20)
    assert browser.get("/sweeps").status_code == 303


def test_signing_out_ends_the_session_and_not_only_the_cookie(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST)
    cookie = browser.get_cookie("almoner")
    assert cookie is not None
    answer = browser.post("/sign-out", data={"csrf": token(browser)})
    assert answer.location == "/sign-in?ended=1"
    assert browser.get_cookie("almoner") is None
    browser.set_cookie("almoner", cookie.value)
    assert browser.get("/sweeps").status_code == 303
    assert "You are signed out" in browser.get("/sign-in?ended=1").text


def test_signing_out_everywhere(app: Flask) -> None:
    one = signed_in(app, Role.ANALYST, "ann")
    other, _ = sign_in(app, "ann")
    somebody = signed_in(app, Role.ANALYST, "ben")
    assert one.post("/sign-out", data={"csrf": token(one), "everywhere": "1"}).status_code == 303
    assert [browser.get("/sweeps").status_code for browser in (one, other, somebody)] == [303, 303, 200]


def test_whoever_signs_in_again_has_another_secret(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST, "ann")
    first = browser.get_cookie("almoner")
    answer = browser.post("/sign-in", data={"login": "ann", "password": PASSWORD})
    second = browser.get_cookie("almoner")
    assert answer.status_code == 303
    assert first is not None
    assert second is not None
    assert first.value != second.value
    assert count(app, SESSIONS) == 1


def test_a_disabled_account_is_out_at_once(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST, "ann")
    with store_of(app).write() as connection:
        connection.execute(update(ACCOUNTS).values(disabled=Clock().now))
    assert browser.get("/sweeps").status_code == 303


def test_a_new_password_ends_every_session(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST, "ann")
    with store_of(app).write() as connection:
        found = accounts.find(connection, "ANN")
        assert found is not None
        accounts.set_password(connection, SHELL, found, "another password", Clock().now)
    assert browser.get("/sweeps").status_code == 303
    assert sign_in(app, "ann")[1].status_code == 401
    assert sign_in(app, "ann", "another password")[1].status_code == 303


def test_the_store_holds_neither_passwords_nor_cookies(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST)
    cookie = browser.get_cookie("almoner")
    assert cookie is not None
    with store_of(app).read() as connection:
        rows = [tuple(row) for table in (ACCOUNTS, SESSIONS, ATTEMPTS, AUDIT) for row in connection.execute(select(table))]
    assert rows
    assert not [row for row in rows if PASSWORD in str(row) or cookie.value in str(row)]


def test_who_came_and_went_is_recorded(app: Flask) -> None:
    browser = signed_in(app, Role.ANALYST, "ann")
    browser.post("/sign-out", data={"csrf": token(browser)})
    sign_in(app, "ann", "wrong password")
    assert [action for action, _ in actions(app)] == ["account.add", "session.start", "session.end", "session.refuse"]
    assert actions(app)[-1][1] == "sign-in"


def test_the_form_speaks_spanish(app: Flask) -> None:
    page = app.test_client().get("/sign-in", headers={"Accept-Language": "es-MX,es;q=0.9,en;q=0.5"}).text
    assert '<html lang="es">' in page
    assert "Iniciar sesión" in page
    assert '<html lang="en">' in app.test_client().get("/sign-in", headers={"Accept-Language": "fr"}).text


@pytest.mark.parametrize("login", ["", "x" * 300, "' OR 1=1 --", "\ud83d"])
def test_no_login_breaks_anything(app: Flask, login: str) -> None:
    assert sign_in(app, login.encode("utf-8", "replace").decode(), "wrong password")[1].status_code == 401


def test_looking_at_a_person_is_recorded(tmp_path: Path) -> None:
    publish(tmp_path, [person(1, finding()), person(2, finding())])
    app, _ = site(tmp_path)
    browser = signed_in(app, Role.CARE_MANAGER)
    assert browser.get(f"/people/{SWEEP}/1").status_code == 200
    assert browser.get("/findings").status_code == 200
    with store_of(app).read() as connection:
        row = connection.execute(select(AUDIT).order_by(AUDIT.c.seq.desc()).limit(1)).one()
    assert (row.action, row.entity, row.patient, row.role) == ("person.see", "person/p2", "p2", "care-manager")
    answer = browser.post("/search", data={"text": "Person", "csrf": token(browser)})
    assert answer.status_code == 303
    assert browser.get(answer.location).status_code == 200
