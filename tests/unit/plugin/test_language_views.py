"""Choosing the language of the pages: for whoever comes, for a year, and back to the page."""

from pathlib import Path

import pytest
from flask import Flask
from support.access import signed_in, site

from plugin.access import Role
from plugin.translations import COOKIE

SPANISH, ENGLISH = '<html lang="es">', '<html lang="en">'


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return site(tmp_path_factory.mktemp("languages"))[0]


def test_what_somebody_chose_wins_over_the_language_of_the_browser(app: Flask) -> None:
    browser, german = app.test_client(), {"Accept-Language": "en"}
    assert ENGLISH in browser.get("/sign-in", headers=german).text
    answer = browser.post("/language", data={"language": "es"}, headers={"Referer": "http://localhost/sign-in?ended=1"})
    assert (answer.status_code, answer.location) == (303, "/sign-in?ended=1")
    page = browser.get("/sign-in", headers=german).text
    assert SPANISH in page
    assert '<button name="language" value="en" lang="en">English</button>' in page
    browser.post("/language", data={"language": "en"})
    assert ENGLISH in browser.get("/sign-in", headers={"Accept-Language": "es"}).text


def test_it_lasts_a_year_and_no_script_reads_it(app: Flask, tmp_path: Path) -> None:
    kept = app.test_client().post("/language", data={"language": "es"}).headers["Set-Cookie"]
    for said in (f"{COOKIE}=es;", "Max-Age=31536000", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert said in kept
    assert "Secure" not in kept
    behind_https, _ = site(tmp_path, public_url="https://almoner.example.org")
    assert "Secure" in behind_https.test_client().post("/language", data={"language": "es"}).headers["Set-Cookie"]


@pytest.mark.parametrize("language", ["", "fr", "ES", "es\r\nX: y", "../es"])
def test_a_language_that_we_do_not_speak_is_not_kept(app: Flask, language: str) -> None:
    browser = app.test_client()
    answer = browser.post("/language", data={"language": language})
    assert answer.status_code == 303
    assert "Set-Cookie" not in answer.headers
    browser.set_cookie(COOKIE, "fr")
    assert ENGLISH in browser.get("/sign-in").text


@pytest.mark.parametrize(
    ("before", "then"),
    [
        ("http://localhost/account/password", "/account/password"),
        ("http://localhost/rules?x=1#here", "/rules?x=1"),
        ("https://elsewhere.example/rules", "/rules"),
        ("http://localhost/outreach/search", "/"),
        ("http://localhost//elsewhere.example", "/"),
        ("http://localhost/nowhere", "/"),
        ("http://[", "/"),
        ("", "/"),
    ],
)
def test_it_leads_back_to_a_page_of_ours_that_can_be_asked_for_again(app: Flask, before: str, then: str) -> None:
    answer = app.test_client().post("/language", data={"language": "es"}, headers={"Referer": before})
    assert answer.location == then


def test_another_site_cannot_choose(app: Flask) -> None:
    answer = app.test_client().post("/language", data={"language": "es"}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(("role", "path"), [(Role.AGENCY, "/agency"), (Role.ANALYST, "/account"), (Role.CARE_MANAGER, "/outreach")])
def test_every_page_offers_the_other_language(app: Flask, role: Role, path: str) -> None:
    browser = signed_in(app, role)
    offered = '<button name="language" value="es" lang="es">Español</button>'
    assert offered in browser.get(path).text
    assert offered in browser.get("/nowhere").text
