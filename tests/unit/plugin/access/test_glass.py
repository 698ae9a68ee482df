"""Breaking the glass: for a reason, for a while, on the record, and reviewed."""

from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select
from support.access import Clock, signed_in, site, store_of, token

from plugin.access import Entry, Right, Role, record, verify
from plugin.access.sessions import Lasting, find
from plugin.access.web import EXTENSION
from plugin.store.tables.access import AUDIT

REASON = "She called and may be in danger"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Flask, Clock]:
    return site(tmp_path)


def rights(app: Flask, clock: Clock, secret: str) -> frozenset[Right]:
    by = app.extensions[EXTENSION]
    lasting: Lasting = by.lasting
    with store_of(app).read() as connection:
        session = find(connection, secret, lasting, clock.now)
    assert session is not None
    return session.scope(clock.now).rights


def test_it_is_broken_for_an_hour_and_everybody_sees_that(made: tuple[Flask, Clock]) -> None:
    app, clock = made
    browser = signed_in(app, Role.CARE_MANAGER, "ann")
    cookie = browser.get_cookie("almoner")
    assert cookie is not None
    assert Right.SEE_RESTRICTED not in rights(app, clock, cookie.value)
    answer = browser.post("/break-glass", data={"csrf": token(browser), "reason": f"  {REASON}\n "})
    assert (answer.status_code, answer.location) == (303, "/")
    assert Right.SEE_RESTRICTED in rights(app, clock, cookie.value)
    page = browser.get("/rules").text
    assert "The glass is broken" in page
    assert "until 13:00 UTC" in page
    assert REASON in page
    for _ in range(3):
        clock.pass_by(minutes=20)
        assert browser.get("/account").status_code == 200
    assert "The glass is broken" not in browser.get("/rules").text
    assert Right.SEE_RESTRICTED not in rights(app, clock, cookie.value)


def test_it_can_be_ended_before(made: tuple[Flask, Clock]) -> None:
    app, clock = made
    browser = signed_in(app, Role.CLINICIAN)
    sent = {"csrf": token(browser), "reason": REASON}
    browser.post("/break-glass", data=sent)
    clock.pass_by(minutes=5)
    browser.post("/break-glass/end", data=sent)
    assert "The glass is broken" not in browser.get("/rules").text
    browser.post("/break-glass/end", data=sent)
    with store_of(app).read() as connection:
        told = [(row.action, row.glass) for row in connection.execute(select(AUDIT).where(AUDIT.c.action.startswith("glass")))]
        assert told == [("glass.break", REASON), ("glass.end", REASON)]
        assert verify(connection) == 4


@pytest.mark.parametrize("reason", ["", "   ", "because", "\x01" * 11])
def test_without_a_reason_it_stays_whole(made: tuple[Flask, Clock], reason: str) -> None:
    browser = signed_in(made[0], Role.CARE_MANAGER)
    answer = browser.post("/break-glass", data={"csrf": token(browser), "reason": reason})
    assert answer.status_code == 400
    assert "Say why" in answer.text
    assert "The glass is broken" not in browser.get("/rules").text


def test_signing_in_anew_finds_it_whole(made: tuple[Flask, Clock]) -> None:
    app, _ = made
    browser = signed_in(app, Role.CARE_MANAGER, "ann")
    browser.post("/break-glass", data={"csrf": token(browser), "reason": REASON})
    browser.post("/sign-in", data={"login": "ann", "password": "correct horse battery"})
    assert "The glass is broken" not in browser.get("/rules").text


def test_an_administrator_reviews_each_use(made: tuple[Flask, Clock]) -> None:
    app, clock = made
    browser = signed_in(app, Role.CARE_MANAGER, "ann")
    browser.post("/break-glass", data={"csrf": token(browser), "reason": REASON})
    by = app.extensions[EXTENSION]
    cookie = browser.get_cookie("almoner")
    assert cookie is not None
    with store_of(app).write() as connection:
        session = find(connection, cookie.value, by.lasting, clock.now)
        assert session is not None
        for patient in ("p1", "p2", "p1"):
            record(connection, session.scope(clock.now), Entry("episode.see", "episode/1", patient), clock.now)
    admin = signed_in(app, Role.ADMINISTRATOR)
    page = admin.get("/break-glass/uses").text
    assert REASON in page
    assert "Ann" in page
    assert '<td class="number">2</td>' in page
    with store_of(app).read() as connection:
        seq = connection.scalar(select(AUDIT.c.seq).where(AUDIT.c.action == "glass.break"))
    sent = {"csrf": token(admin)}
    assert admin.post(f"/break-glass/uses/{seq}/reviewed", data=sent).status_code == 303
    for none in (1, 2**31, 2**64):
        assert admin.post(f"/break-glass/uses/{none}/reviewed", data=sent).status_code == 404
    page = admin.get("/break-glass/uses").text
    assert ">reviewed<" in page
    assert "<button>Reviewed" not in page
