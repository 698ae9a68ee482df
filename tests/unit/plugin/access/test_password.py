"""People change their own password: who knows the one they have, and nobody else."""

from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from support.access import PASSWORD, sign_in, signed_in, site, store_of, token

from plugin.access import Role
from plugin.access.attempts import BY_BOTH
from plugin.store.tables.access import ACCOUNTS, AUDIT

NEW = "four words in a row"


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return site(tmp_path)[0]


def change(browser: FlaskClient, **fields: str) -> Any:
    sent = {"csrf": token(browser), "current": PASSWORD, "new": NEW, "again": NEW} | fields
    return browser.post("/account/password", data=sent)


def test_whoever_knows_theirs_changes_it_and_is_signed_out_elsewhere(app: Flask) -> None:
    here = signed_in(app, Role.AGENCY, "desk")
    there, _ = sign_in(app, "desk")
    assert "Change your password" in here.get("/account").text
    assert 'href="/account/password"' in here.get("/agency").text
    answer = change(here)
    assert (answer.status_code, answer.location) == (303, "/account/password?changed=1")
    assert "Your password is changed" in here.get(answer.location).text
    assert here.get("/agency").status_code == 200
    assert there.get("/agency").status_code == 303
    assert sign_in(app, "desk")[1].status_code == 401
    assert sign_in(app, "desk", NEW)[1].status_code == 303
    with store_of(app).read() as connection:
        actions = connection.scalars(select(AUDIT.c.action).order_by(AUDIT.c.seq)).all()
    assert actions[-4:] == ["account.password", "session.start", "session.refuse", "session.start"]


WRONG = [
    ({"current": "another password"}, 403, "is another one"),
    ({"again": "another password"}, 422, "are not the same"),
    ({"new": "short", "again": "short"}, 422, "at least 12 characters"),
    ({"new": "a" * 257, "again": "a" * 257}, 422, "at most 256"),
]


@pytest.mark.parametrize(("fields", "status", "told"), WRONG)
def test_otherwise_it_stays(app: Flask, fields: dict[str, str], status: int, told: str) -> None:
    answer = change(signed_in(app, Role.ANALYST, "ann"), **fields)
    assert (answer.status_code, told in answer.text) == (status, True)
    assert sign_in(app, "ann")[1].status_code == 303


def test_nobody_guesses_it_at_a_desk_that_was_left(app: Flask) -> None:
    browser = signed_in(app, Role.CLINICIAN, "doc")
    for _ in range(BY_BOTH):
        assert change(browser, current="a guess").status_code == 403
    refused = change(browser)
    assert (refused.status_code, "Too many attempts" in refused.text) == (429, True)


def test_who_signs_in_without_a_password_has_none_to_change(app: Flask) -> None:
    browser = signed_in(app, Role.AGENCY, "link")
    with store_of(app).write() as connection:
        connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.login == "link").values(password=None))
    assert "password" not in browser.get("/account").text.lower()
    assert "/account/password" not in browser.get("/agency").text
    assert (browser.get("/account/password").status_code, change(browser).status_code) == (404, 404)


def test_it_speaks_spanish(app: Flask) -> None:
    page = signed_in(app, Role.ANALYST, "ann").get("/account/password", headers={"Accept-Language": "es"}).text
    assert "Contraseña nueva" in page
