"""Every address of the application and everybody who may come: who passes is what this table says."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.access import signed_in, site, store_of, token
from support.api import token_of
from werkzeug.routing import Rule

from plugin.access import Role
from plugin.access.doors import DOORS, Door, door
from plugin.access.web import API
from plugin.settings import OidcSettings

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
STAFF = {Role.CLINICIAN, Role.CARE_MANAGER}
REPORTS = STAFF | {Role.INFORMATICIAN, Role.ANALYST}
EVERYBODY = REPORTS | {Role.AGENCY, Role.ADMINISTRATOR}
STRANGERS = "strangers too"

WHO_PASSES: dict[str, set[Role] | str] = {
    "static": STRANGERS,
    "health.live": STRANGERS,
    "health.ready": STRANGERS,
    "jwks.keys": STRANGERS,
    "openapi.described": STRANGERS,
    "observe.show": STRANGERS,
    "cds.discover": STRANGERS,
    "cds.call": STRANGERS,
    "cds.feedback": STRANGERS,
    "subscriptions.notified": STRANGERS,
    "access.sign_in": STRANGERS,
    "access.signed_in": STRANGERS,
    "access.sign_out": EVERYBODY,
    "access.account": EVERYBODY,
    "access.password": EVERYBODY,
    "access.changed": EVERYBODY,
    "glass.form": STAFF,
    "glass.break_it": STAFF,
    "glass.mend": STAFF,
    "glass.uses": {Role.ADMINISTRATOR},
    "glass.reviewed": {Role.ADMINISTRATOR},
    "agency.enter": STRANGERS,
    "agency.entered": STRANGERS,
    "agency.referrals": {Role.AGENCY},
    "agency.referral": {Role.AGENCY},
    "agency.answered": {Role.AGENCY},
    "agency_services.services": {Role.AGENCY},
    "agency_services.service": {Role.AGENCY},
    "agency_services.stated": {Role.AGENCY},
    "agency_referring.sent": {Role.AGENCY},
    "agency_referring.form": {Role.AGENCY},
    "agency_referring.refer": {Role.AGENCY},
    "agency_referring.referral": {Role.AGENCY},
    "agency_referring.called_off": {Role.AGENCY},
    "language.choose": STRANGERS,
    "asking.form": STRANGERS,
    "asking.asked": STRANGERS,
    "inbound.page": STAFF,
    "inbound.referral": STAFF,
    "inbound.act": STAFF,
    "listings.listings": STAFF,
    "listings.reviewed": STAFF,
    "referrals.offer": STAFF,
    "referrals.referrals": STAFF,
    "referrals.referral": STAFF,
    "referrals.act": STAFF,
    "outreach.page": STAFF,
    "outreach.search": STAFF,
    "outreach.episode": STAFF,
    "outreach.act": STAFF,
    "outreach.together": STAFF,
    "outreach.export": STAFF,
    "wishes.page": STAFF,
    "wishes.said": STAFF,
    "saved.keep": STAFF,
    "saved.forget": STAFF,
    "messages.message": STAFF,
    "messages.sent": STAFF,
    "messages.agreed": STAFF,
    "messages.came_back": STAFF,
    "findings.home": EVERYBODY,
    "findings.page": STAFF,
    "findings.search": STAFF,
    "findings.found": STAFF,
    "findings.person": STAFF,
    "findings.rules": REPORTS,
    "findings.rule": REPORTS,
    "api_conversations.listed": STAFF,
    "api_conversations.search": STAFF,
    "api_conversations.one": STAFF,
    "api_conversations.act": STAFF,
    "api_conversations.wishes": STAFF,
    "api_conversations.said": STAFF,
    "api_messages.looked_at": STAFF,
    "api_messages.send": STAFF,
    "api_together.act": STAFF,
    "api_views.listed": STAFF,
    "api_views.save": STAFF,
    "api_views.forget": STAFF,
    "api_referrals.listed": STAFF,
    "api_referrals.one": STAFF,
    "api_referrals.act": STAFF,
    "api_referrals.candidates": STAFF,
    "api_referrals.refer": STAFF,
    "api_agency.listed": {Role.AGENCY},
    "api_agency.one": {Role.AGENCY},
    "api_agency.answered": {Role.AGENCY},
    "api_inbound.listed": STAFF,
    "api_inbound.one": STAFF,
    "api_inbound.take": STAFF,
    "api_inbound.answer": STAFF,
    "api_sent.own": {Role.AGENCY},
    "api_sent.own_one": {Role.AGENCY},
    "api_sent.refer": {Role.AGENCY},
    "api_sent.called_off": {Role.AGENCY},
    "sweeps.runs": REPORTS,
    "sweeps.sweep": REPORTS,
    "sweeps.quarantine": REPORTS,
    "analytics.page": REPORTS,
    "analytics.download": REPORTS,
    "cds_preview.page": REPORTS,
    "cds_preview.pasted": REPORTS,
    "playground.page": REPORTS,
    "playground.names": REPORTS,
    "playground.check": REPORTS,
    "playground.run": REPORTS,
}
"""The view → who passes its door."""
API_VERBS = {"api_conversations.act": "claim", "api_conversations.said": "lift", "api_referrals.act": "cancel", "api_together.act": "wake"}


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    """The application with nothing behind its doors."""
    found, _ = site(tmp_path_factory.mktemp("doors"))
    found.extensions["almoner.views"] = dict(found.view_functions)
    return found


def routes(app: Flask) -> list[tuple[str, str, str]]:
    """View, method and address of each."""
    adapter = app.url_map.bind("localhost")
    return [
        (rule.endpoint, method, adapter.build(rule.endpoint, sample(rule), method))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def sample(rule: Rule) -> dict[str, object]:
    known: dict[str, object] = {"row": 1, "seq": 1, "id": UUID(int=1), "episode": UUID(int=1)}
    known["verb"] = ({"referrals.act": "cancel", "inbound.act": "take", "wishes.said": "lift"} | API_VERBS).get(rule.endpoint, "x")
    return {name: known.get(name, "x") for name in rule.arguments}


def passes(browser: FlaskClient, method: str, path: str, sent: dict[str, str], secret: str) -> bool:
    """With the cookie and the form's token of a browser, or the token of a program: of the two each place heeds one."""
    headers = {"Authorization": f"Bearer {secret}"} if secret else {}
    answer = browser.open(path, method=method, data=sent or None, headers=headers)
    if answer.status_code == 200:
        assert answer.text == "inside"
        return True
    assert answer.status_code in ((401, 403) if path.startswith(API) else (303, 403))
    return False


def test_the_table_has_every_address_and_no_other(app: Flask) -> None:
    assert {rule.endpoint for rule in app.url_map.iter_rules()} == set(WHO_PASSES)


def test_the_way_to_an_identity_provider_is_open_and_is_all_that_comes_with_it(tmp_path: Path) -> None:
    own = OidcSettings(issuer="https://idp.example.org", client_id="almoner", roles={"a": "analyst"})
    app, _ = site(tmp_path, mode="oidc", oidc=own)
    assert {rule.endpoint for rule in app.url_map.iter_rules()} - set(WHO_PASSES) == {"identity.leave", "identity.back"}
    assert {door("identity.leave"), door("identity.back")} == {Door.ANYBODY}


@pytest.mark.parametrize("role", [None, *sorted(EVERYBODY)])
def test_nobody_passes_but_who_may(app: Flask, role: Role | None) -> None:
    app.view_functions.update(app.extensions["almoner.views"])
    browser = signed_in(app, role) if role else app.test_client()
    sent = {"csrf": token(browser)} if role else {}
    secret = token_of(store_of(app), f"{role}-user", NOON) if role else ""
    app.view_functions.update({name: lambda **_: "inside" for name in WHO_PASSES})
    passed = {view for view, method, path in routes(app) if passes(browser, method, path, sent if method != "GET" else {}, secret)}
    assert passed == {view for view, who in WHO_PASSES.items() if who == STRANGERS or role in who}


def test_whoever_may_not_learns_no_more_than_that(app: Flask) -> None:
    app.view_functions.update(app.extensions["almoner.views"])
    browser = signed_in(app, Role.AGENCY, "bank")
    there, nowhere = browser.get("/people/x/1"), browser.get("/people/x/2")
    assert (there.status_code, there.data) == (nowhere.status_code, nowhere.data)
    assert there.status_code == 403


HOMES = {
    Role.ANALYST: "/sweeps",
    Role.INFORMATICIAN: "/sweeps",
    Role.ADMINISTRATOR: "/break-glass/uses",
    Role.AGENCY: "/agency",
}


@pytest.mark.parametrize(("role", "home"), HOMES.items())
def test_who_has_no_worklist_begins_elsewhere(app: Flask, role: Role, home: str) -> None:
    app.view_functions.update(app.extensions["almoner.views"])
    browser = signed_in(app, role, f"{role}-at-home")
    answer = browser.get("/")
    assert (answer.status_code, answer.location) == (303, home)
    page = browser.get(home)
    assert page.status_code == 200
    assert ('href="/rules"' in page.text) == (role in REPORTS)


def test_an_address_that_nobody_thought_of_is_for_nobody(tmp_path: Path) -> None:
    app, _ = site(tmp_path)
    app.add_url_rule("/forgotten", "forgotten.page", lambda: "inside")
    for role in sorted(EVERYBODY):
        assert signed_in(app, role).get("/forgotten").status_code == 403
    assert app.test_client().get("/forgotten").status_code == 303
    assert "forgotten" not in DOORS


def test_where_pages_are_open_everybody_here_is_a_care_manager(tmp_path: Path) -> None:
    app, _ = site(tmp_path, mode="open")
    browser = app.test_client()
    page = browser.get("/rules")
    assert page.status_code == 200
    assert "everybody at this machine is a care manager" in page.text
    for path in ("/sign-in", "/account", "/break-glass", "/break-glass/uses"):
        assert browser.get(path).status_code == 404
    assert {Door.ANYBODY, Door.SIGNED_IN} < set(DOORS.values())
