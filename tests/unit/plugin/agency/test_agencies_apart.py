"""Two agencies: whatever address one of them asks for, with whatever id of the other, nothing of the other is shown or changed."""

from typing import Any

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select
from support import referrals as made
from support.access import sign_in, signed_in, site, store_of, token
from support.inbound import ID, received
from werkzeug.routing import Rule

from plugin.access import Role
from plugin.listings.keeping import Grip, say
from plugin.listings.saying import Room
from plugin.listings.site import EXTENSION
from plugin.store import Store
from plugin.store.tables.agency import STATEMENTS
from plugin.store.tables.inbound import INBOUND
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import REFERRALS

MARK = "Zebediah"
SERVICE = "dir#HealthcareService/bank-1"
FIELDS = ("to", "version", "number", "what", "state", "reason_code", "outcome", "given_by", "verb", "view", "page", "patient", "record")
VALUES = (
    "accepted",
    "rejected",
    "cancelled",
    "completed",
    "1",
    "2",
    "room",
    "details",
    "full",
    "open",
    "no-capacity",
    "patient",
    "all",
    "ann",
    "",
)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> tuple[Flask, str]:
    """Where the first agency has a referral, a person whom it referred, and a word about its places; the id of the referral."""
    app, _ = site(tmp_path_factory.mktemp("apart"))
    directory = made.directory(made.bank(1), made.bank(2))
    app.extensions[EXTENSION] = directory
    store = store_of(app)
    with store.write() as connection:
        connection.execute(insert(PEOPLE), {"patient": "ann", "name": f"{MARK} Bell", "phone": "555 0101", "sweep": "s1"})
        say(connection, made.agency(1), directory, Grip(SERVICE, 0), Room("limited"), made.NOON)
    referral = made.sent(store, message=f"for {MARK}")
    received(store, name=f"{MARK} Bell", message=f"for {MARK}")
    signed_in(app, Role.AGENCY, "first", "dir#Organization/bank-1")
    app.extensions["browser"] = signed_in(app, Role.AGENCY, "second", "dir#Organization/bank-2")
    return app, referral


def kept(store: Store) -> list[Any]:
    """Everything that is the first agency's."""
    mine = "dir#Organization/bank-1"
    with store.read() as connection:
        return [connection.execute(select(table).where(table.c.agency == mine)).all() for table in (REFERRALS, INBOUND, STATEMENTS)]


def address(app: Flask, rule: Rule, id: str) -> str:
    known: dict[str, Any] = {"id": id, "episode": id, "listing": SERVICE, "row": 0, "seq": 1}
    known["verb"] = {"referrals.act": "cancel", "wishes.said": "lift"}.get(rule.endpoint, "take")
    values = {name: known.get(name, "x") for name in rule.arguments}
    return app.url_map.bind("localhost").build(rule.endpoint, values, "GET" if "GET" in (rule.methods or ()) else "POST")


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(fields=st.dictionaries(st.sampled_from(FIELDS), st.sampled_from(VALUES), max_size=6))
def test_nothing_of_another_agency_is_shown_or_changed(town: tuple[Flask, str], fields: dict[str, str]) -> None:
    app, referral = town
    browser, before = app.extensions["browser"], kept(store_of(app))
    csrf = token(browser, "/agency")
    for rule in app.url_map.iter_rules():
        if rule.endpoint in ("access.sign_out", "static"):
            continue
        for id in (referral, ID):
            path = address(app, rule, id)
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                data = {"csrf": csrf, "id": id} | fields
                answer = browser.get(path, query_string=fields) if method == "GET" else browser.post(path, data=data)
                assert MARK not in answer.text, (method, path)
                assert answer.status_code < 500, (method, path)
    assert kept(store_of(app)) == before


def test_the_first_agency_sees_all_of_it(town: tuple[Flask, str]) -> None:
    app, referral = town
    browser, _ = sign_in(app, "first")
    for path in (f"/agency/{referral}", f"/agency/sent/{ID}", "/agency", "/agency/sent"):
        assert MARK in browser.get(path).text
    assert "Only a few places" in browser.get("/agency/services").text
