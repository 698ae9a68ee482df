"""Signing in at an identity provider: whoever it recognises and gives a role, and nobody else, whatever comes back."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from support.access import SHELL, site, store_of
from support.identity import CLIENT, SECRET, Provider, agreed_there, own_provider, real_provider
from werkzeug.test import TestResponse

from plugin.access import accounts
from plugin.access.exposure import problems
from plugin.access.identity import secret_at
from plugin.access.web import EXTENSION, Access
from plugin.errors import SettingsUnreadable
from plugin.settings import AccessSettings, OidcSettings, Settings
from plugin.store.tables.access import AUDIT, SESSIONS

ROLES = {"doctors": "clinician", "nurses": "care-manager", "partners": "agency"}
PEOPLE: dict[str, dict[str, Any]] = {
    "ann": {"name": "Ann Lee", "roles": ["staff", "nurses"]},
    "bob": {"name": "Bob", "roles": ["staff"]},
    "bank": {"name": "Food Bank", "roles": "partners", "agency": "bank-1"},
    "lost": {"name": "Lost", "roles": "partners"},
}


@pytest.fixture
def provider() -> Iterator[Provider]:
    with own_provider() as found:
        yield found


@pytest.fixture
def app(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Flask:
    return behind(provider.url, tmp_path, monkeypatch)


def behind(url: str, state: Path, monkeypatch: pytest.MonkeyPatch, **more: Any) -> Flask:
    monkeypatch.setenv("OIDC_SECRET", SECRET)
    own = OidcSettings.model_validate({"issuer": url, "client_id": CLIENT, "client_secret": "env:OIDC_SECRET", "roles": ROLES} | more)
    app, _ = site(state, mode="oidc", oidc=own)
    made: Access = app.extensions[EXTENSION]
    app.extensions[EXTENSION] = Access(made.settings, made.store, lambda: datetime.now(UTC))
    return app


def gone(app: Flask, then: str = "/sweeps") -> tuple[FlaskClient, str]:
    """A browser that was sent to the provider, and the address."""
    browser = app.test_client()
    answer = browser.get("/sign-in/elsewhere", query_string={"next": then})
    assert answer.status_code == 303
    return browser, answer.location


def came_back(app: Flask, provider: Provider, **more: str) -> tuple[FlaskClient, TestResponse]:
    browser, address = gone(app)
    return browser, browser.get(provider.agree(address, **more))


@pytest.mark.slow
@pytest.mark.skipif(find_spec("oidc_provider_mock") is None, reason="oidc-provider-mock is not installed: make dev")
def test_a_real_provider_lets_in_who_has_a_role(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with real_provider(PEOPLE) as url:
        app = behind(url, tmp_path, monkeypatch)
        page = app.test_client().get("/sign-in?next=/rules").text
        assert 'href="/sign-in/elsewhere?next=/rules"' in page
        assert 'type="password"' not in page
        seen = {}
        for name in PEOPLE:
            browser, address = gone(app, "/account")
            answer = browser.get(agreed_there(address, name))
            seen[name] = (answer.status_code, browser.get("/account").status_code)
            if name == "ann":
                assert answer.location == "/account"
                assert "Ann Lee" in browser.get("/account").text
        assert seen == {"ann": (303, 200), "bob": (403, 303), "bank": (303, 200), "lost": (403, 303)}
        with store_of(app).read() as connection:
            known = {each.name: (str(each.role), each.agency) for each in accounts.listed(connection)}
        assert known == {"Ann Lee": ("care-manager", None), "Food Bank": ("agency", "bank-1")}


def test_the_provider_checks_that_the_same_browser_came_back(app: Flask, provider: Provider) -> None:
    browser, answer = came_back(app, provider)
    assert (answer.status_code, answer.location) == (303, "/sweeps")
    assert browser.get("/sweeps").status_code == 200
    assert provider.refused == []
    assert browser.get_cookie("almoner-way", path="/") is None


def now(**more: int) -> int:
    return int(time.time()) + more.get("seconds", 0)


BENT: dict[str, dict[str, Any]] = {
    "another issuer": {"iss": "https://evil.example"},
    "for another application": {"aud": "other"},
    "for several, by another": {"aud": [CLIENT, "other"], "azp": "other"},
    "run out": {"exp": -90},
    "of tomorrow": {"iat": 3600},
    "not yet good": {"nbf": 3600},
    "another nonce": {"nonce": "x"},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "a number as subject": {"sub": 7},
    "no end": {"exp": None},
    "another access token": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("bent", BENT.values(), ids=BENT)
def test_a_token_that_is_not_for_this_attempt_lets_nobody_in(app: Flask, provider: Provider, bent: dict[str, Any]) -> None:
    times = {name: now(seconds=value) for name, value in bent.items() if name in ("exp", "iat", "nbf") and value is not None}
    provider.claims = bent | times
    browser, answer = came_back(app, provider)
    assert answer.status_code == 403
    assert browser.get("/sweeps").status_code == 303
    with store_of(app).read() as connection:
        assert connection.scalars(select(AUDIT.c.action)).all() == ["session.refuse"]
        assert connection.execute(select(SESSIONS)).all() == []


def other_key(self: Provider, said: dict[str, Any]) -> str:
    return jwt.encode(said, Provider().key, "RS256", {"kid": self.kid})


FORGED = {
    "by another key": other_key,
    "by nobody": lambda self, said: jwt.encode(said, "", "none", {"kid": self.kid}),
    "by a word": lambda self, said: jwt.encode(said, SECRET * 3, "HS256", {"kid": self.kid}),
    "by a key that is not there": lambda self, said: jwt.encode(said, self.key, "RS256", {"kid": "two"}),
    "by an algorithm of its own": lambda self, said: jwt.encode(said, self.key, "RS512", {"kid": self.kid}),
    "not at all": lambda self, said: "token",
}


@pytest.mark.parametrize("forged", FORGED.values(), ids=FORGED)
def test_a_token_that_the_provider_did_not_sign_lets_nobody_in(app: Flask, provider: Provider, forged: Any) -> None:
    provider.signed = forged
    assert came_back(app, provider)[1].status_code == 403


def test_clocks_may_differ_by_a_minute(app: Flask, provider: Provider) -> None:
    provider.claims = {"iat": now(seconds=45), "exp": now(seconds=-45)}
    assert came_back(app, provider)[1].status_code == 303


def test_the_provider_may_change_its_keys_at_any_moment(app: Flask, provider: Provider) -> None:
    assert came_back(app, provider)[1].status_code == 303
    provider.turn_keys()
    assert came_back(app, provider)[1].status_code == 303


def test_a_token_without_the_name_of_its_key_is_of_the_only_key(app: Flask, provider: Provider) -> None:
    provider.signed = lambda self, said: jwt.encode(said, self.key, "RS256")
    assert came_back(app, provider)[1].status_code == 303


@pytest.mark.parametrize("more", [{"state": "x"}, {"state": ""}, {"iss": "https://evil.example"}, {"code": "x"}])
def test_a_way_back_that_is_not_ours_leads_nowhere(app: Flask, provider: Provider, more: dict[str, str]) -> None:
    assert came_back(app, provider, **more)[1].status_code == 403


def test_another_browser_cannot_come_back_for_it(app: Flask, provider: Provider) -> None:
    _, address = gone(app)
    victim, _ = gone(app)
    back = provider.agree(address)
    assert victim.get(back).status_code == 403
    assert app.test_client().get(back).status_code == 400


def test_nobody_comes_back_twice(app: Flask, provider: Provider) -> None:
    browser, address = gone(app)
    back = provider.agree(address)
    assert browser.get(back).status_code == 303
    assert browser.get(back).status_code == 400


def test_a_refusal_of_the_provider_is_said(app: Flask, provider: Provider) -> None:
    browser, address = gone(app)
    state = address.partition("state=")[2].partition("&")[0]
    answer = browser.get(f"/sign-in/back?error=access_denied&state={state}")
    assert (answer.status_code, "could not be signed in" in answer.text) == (403, True)


def test_who_gets_another_role_there_has_it_here_and_is_signed_out_elsewhere(app: Flask, provider: Provider) -> None:
    earlier, _ = came_back(app, provider)
    provider.claims = {"roles": ["doctors", "nurses"]}
    later, _ = came_back(app, provider)
    assert earlier.get("/account").status_code == 303
    assert "clinician" in later.get("/account").text
    with store_of(app).read() as connection:
        assert len(accounts.listed(connection)) == 1


def test_whom_we_disabled_the_provider_cannot_let_in(app: Flask, provider: Provider) -> None:
    came_back(app, provider)
    with store_of(app).write() as connection:
        (known,) = accounts.listed(connection)
        accounts.disable(connection, SHELL, known, datetime.now(UTC))
    assert came_back(app, provider)[1].status_code == 403


def test_no_password_signs_anybody_in(app: Flask) -> None:
    assert app.test_client().post("/sign-in", data={"login": "ann", "password": "x"}).status_code == 404


ELSEWHERE: list[dict[str, Any]] = [
    {"issuer": "https://evil.example"},
    {"authorization_endpoint": "http://example.org/x"},
    {"authorization_endpoint": 3},
]


@pytest.mark.parametrize("metadata", ELSEWHERE)
def test_a_provider_that_is_not_the_agreed_one_is_not_asked(app: Flask, provider: Provider, metadata: dict[str, Any]) -> None:
    provider.metadata = metadata
    answer = app.test_client().get("/sign-in/elsewhere")
    assert (answer.status_code, "does not answer" in answer.text) == (503, True)


def test_without_our_secret_there_is_no_provider(app: Flask, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    browser, address = gone(app)
    monkeypatch.setenv("OIDC_SECRET", "")
    back = browser.get(provider.agree(address))
    leave = app.test_client().get("/sign-in/elsewhere")
    assert [(answer.status_code, "does not answer" in answer.text) for answer in (back, leave)] == [(503, True)] * 2


def test_a_role_inside_a_claim(tmp_path: Path, provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    app = behind(provider.url, tmp_path, monkeypatch, role_claim="realm_access.roles")
    assert came_back(app, provider)[1].status_code == 403
    provider.claims = {"realm_access": {"roles": ["nurses"]}, "roles": None}
    assert came_back(app, provider)[1].status_code == 303


def test_what_the_settings_leave_out_is_said_before_pages_are_served(tmp_path: Path) -> None:
    said = "\n".join(problems(Settings(access=AccessSettings(mode="oidc"))))
    assert all(name in said for name in ("access.oidc.issuer", "access.oidc.client_id", "access.oidc.roles"))
    with pytest.raises(SettingsUnreadable, match="issuer"):
        site(tmp_path, mode="oidc", oidc=OidcSettings(issuer="http://idp.example.org", client_id="a", roles={"a": "analyst"}))


def test_the_secret_is_in_a_file_of_ours_or_in_a_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "secret.txt"
    file.write_text(SECRET + "\n")
    file.chmod(0o600)
    assert secret_at(str(file)) == SECRET
    monkeypatch.setenv("SOME_SECRET", SECRET)
    assert secret_at("env:SOME_SECRET") == SECRET
    with pytest.raises(ValueError, match="hold no secrets"):
        OidcSettings(client_secret="hunter2hunter2")  # noqa: S106
