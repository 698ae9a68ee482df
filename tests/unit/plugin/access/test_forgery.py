"""What other sites make a browser send changes nothing here, and cookies go where they belong."""

from pathlib import Path

import pytest
from support.access import PASSWORD, account, sign_in, signed_in, site, store_of, token

from plugin.access import Role
from plugin.errors import SettingsUnreadable
from plugin.settings import AccessSettings, Settings

HTTPS = "https://almoner.example.org"


@pytest.mark.parametrize("sent", [{}, {"csrf": ""}, {"csrf": "0" * 64}, {"csrf": "ü"}])
def test_a_form_without_the_token_changes_nothing(tmp_path: Path, sent: dict[str, str]) -> None:
    browser = signed_in(site(tmp_path)[0], Role.CARE_MANAGER)
    assert browser.post("/sign-out", data=sent).status_code == 403
    assert browser.get("/account").status_code == 200


def test_the_token_is_that_of_one_sign_in(tmp_path: Path) -> None:
    app, _ = site(tmp_path)
    one, other = signed_in(app, Role.CARE_MANAGER, "ann"), sign_in(app, "ann")[0]
    assert token(one) != token(other)
    assert other.post("/sign-out", data={"csrf": token(one)}).status_code == 403
    assert other.post("/sign-out", headers={"X-CSRF-Token": token(other)}).status_code == 303


ELSEWHERE = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.parametrize("said", ELSEWHERE)
@pytest.mark.parametrize("mode", ["open", "local"])
def test_what_another_site_sends_is_refused(tmp_path: Path, said: dict[str, str], mode: str) -> None:
    app, _ = site(tmp_path, mode=mode)
    path = "/search" if mode == "open" else "/sign-in"
    assert app.test_client().post(path, data={"text": "x"}, headers=said).status_code == 403


@pytest.mark.parametrize("said", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin", "Origin": "null"}, {}])
def test_our_own_forms_pass(tmp_path: Path, said: dict[str, str]) -> None:
    app, _ = site(tmp_path)
    account(store_of(app), "ann")
    assert app.test_client().post("/sign-in", data={"login": "ann", "password": PASSWORD}, headers=said).status_code == 303


def test_behind_a_proxy_with_a_port_of_its_own_our_forms_pass(tmp_path: Path) -> None:
    app, _ = site(tmp_path, public_url=f"{HTTPS}:8443/")
    account(store_of(app), "ann")
    data = {"login": "ann", "password": PASSWORD}
    send = app.test_client().post
    assert send("/sign-in", data=data, base_url=HTTPS, headers={"Origin": f"{HTTPS}:8443"}).status_code == 303
    assert send("/sign-in", data=data, base_url=HTTPS, headers={"Origin": f"{HTTPS}:9"}).status_code == 403


def test_with_https_the_cookie_is_for_https_and_this_host_alone(tmp_path: Path) -> None:
    app, _ = site(tmp_path, public_url=HTTPS)
    account(store_of(app), "ann")
    answer = app.test_client().post("/sign-in", data={"login": "ann", "password": PASSWORD}, base_url=HTTPS)
    name, *attributes = answer.headers["Set-Cookie"].split("; ")
    assert name.startswith("__Host-almoner=")
    assert sorted(attributes) == ["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]


def test_on_this_machine_the_cookie_goes_without_https(tmp_path: Path) -> None:
    app, _ = site(tmp_path)
    account(store_of(app), "ann")
    cookie = sign_in(app, "ann")[1].headers["Set-Cookie"]
    assert cookie.startswith("almoner=")
    assert "Secure" not in cookie
    assert "HttpOnly" in cookie


@pytest.mark.parametrize("mode", ["open", "local"])
def test_without_https_pages_are_for_this_machine_under_its_own_name(tmp_path: Path, mode: str) -> None:
    app, _ = site(tmp_path, mode=mode)
    for path in ("/", "/sweeps", "/sign-in"):
        expected = 404 if (mode, path) == ("open", "/sign-in") else 403
        assert app.test_client().get(path, base_url="http://almoner.example.org").status_code == expected
        assert app.test_client().get(path, environ_overrides={"REMOTE_ADDR": "192.0.2.7"}).status_code == expected
    assert app.test_client().get("/health/live", base_url="http://almoner.example.org").status_code == 200


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (Settings(host="0.0.0.0"), "access.mode"),  # noqa: S104
        (Settings(host="0.0.0.0", access=AccessSettings(mode="local")), "public_url"),  # noqa: S104
        (Settings(host="0.0.0.0", access=AccessSettings(mode="local"), public_url="http://a.example"), "public_url"),  # noqa: S104
    ],
)
def test_pages_are_not_served_to_everybody_unasked(settings: Settings, named: str) -> None:
    from plugin.access.exposure import check

    with pytest.raises(SettingsUnreadable, match=named):
        check(settings)


def test_pages_are_served_where_somebody_signs_in_over_https() -> None:
    from plugin.access.exposure import problems

    assert list(problems(Settings())) == []
    assert list(problems(Settings(host="0.0.0.0", access=AccessSettings(mode="local"), public_url=HTTPS))) == []  # noqa: S104
