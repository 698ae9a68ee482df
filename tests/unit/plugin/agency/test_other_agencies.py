"""Two agencies never see each other's people: over every address, with the other's ids in every place, whatever the two have got.

Everything about people of an agency holds a word of its own. None of another agency's may be in any answer, and nothing of it may change.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update
from support import referrals as loop
from support.access import account, site, store_of
from support.inbound import received
from support.inbound import stored as inbound
from werkzeug.routing import AnyConverter, Rule, UUIDConverter
from werkzeug.routing.converters import IntegerConverter

from fhir_adapters.directory.model import Contact
from fhir_adapters.referral_states import Status
from plugin.access import Role, Scope, sessions
from plugin.access.web import EXTENSION as ACCESS
from plugin.agency.links import invite
from plugin.inbound import acting as inbound_acting
from plugin.listings.keeping import Grip as ListingGrip
from plugin.listings.keeping import say
from plugin.listings.saying import Details
from plugin.listings.site import EXTENSION as DIRECTORY
from plugin.referrals.acting import Answer
from plugin.referrals.acting import answer as say_of
from plugin.referrals.moving import Output
from plugin.store import Store
from plugin.store.tables import METADATA
from plugin.store.tables.outreach import PEOPLE

AT = loop.NOON
NUMBERS = count(1)
LEAVE = "access.sign_out"
"""Whoever is signed out sees nothing any more: this address comes last."""

STEPS: dict[str, tuple[Status, ...]] = {
    "new": (),
    "taken": (Status.ACCEPTED,),
    "done": (Status.ACCEPTED, Status.COMPLETED),
    "refused": (Status.REJECTED,),
    "waiting": (Status.ACCEPTED, Status.ON_HOLD),
}
ANSWERS = st.sampled_from(["", "accepted", "completed", "rejected", "cancelled", "in-progress", "on-hold", "failed"])


@dataclass
class Agency:
    """One of the two, and everything of it that the other must not come by."""

    number: int
    ids: list[str] = field(default_factory=list)
    """Of referrals, inbound referrals and conversations."""
    versions: set[int] = field(default_factory=set)

    @property
    def key(self) -> str:
        return self.scope.agency or ""

    @property
    def word(self) -> str:
        """In every text about its people, and in their ids."""
        return f"zq{self.number}qz"

    @property
    def scope(self) -> Scope:
        return loop.agency(self.number)

    @property
    def listing(self) -> str:
        return f"dir#HealthcareService/bank-{self.number}"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Flask:
    return site(tmp_path_factory.mktemp("agencies"))[0]


# ---------------------------------------------------------------- what an agency has


@st.composite
def has(draw: st.DrawFn) -> dict[str, Any]:
    """Which referrals to it, which from it, and whether it says something about its service."""
    return {
        "referrals": draw(st.lists(st.sampled_from(sorted(STEPS)), max_size=3)),
        "sent": draw(st.lists(st.sampled_from(["new", "taken", "done", "refused"]), max_size=2)),
        "states": draw(st.booleans()),
    }


def made(store: Store, wanted: dict[str, Any]) -> Agency:
    agency = Agency(next(NUMBERS))
    for number, steps in enumerate(wanted["referrals"]):
        referred(store, agency, f"{agency.word}-p{number}", STEPS[steps])
    for number, steps in enumerate(wanted["sent"]):
        sent(store, agency, f"{number}", steps)
    with store.write() as connection:
        invite(connection, loop.CARE, agency.key, f"Volunteer {agency.word}", AT)
    return agency


def referred(store: Store, agency: Agency, patient: str, steps: tuple[Status, ...]) -> None:
    """Somebody is referred to it, and it answers."""
    word = agency.word
    episode = loop.episode(store, patient)
    with store.write() as connection:
        own = {"name": f"Name {word}", "phone": f"555 {word}", "best_time": word, "language": "en", "age": 40}
        connection.execute(update(PEOPLE).where(PEOPLE.c.patient == patient).values(own))
    candidate = loop.chosen(among=loop.directory(loop.bank(agency.number)))
    id = loop.sent(store, patient, candidate=candidate, message=f"Message {word}", origin_id=episode)
    for to in steps:
        outputs = (Output("resulting-activity", {"text": f"Outcome {word}"}),) if to is Status.COMPLETED else ()
        why = ("other", f"Reason {word}") if to in (Status.REJECTED, Status.ON_HOLD) else (None, "")
        with store.write() as connection:
            say_of(connection, agency.scope, loop.grip(store, id), Answer(to, *why, outputs), AT)
    agency.ids += [id, episode]
    agency.versions.add(loop.stored(store, id).version)


def sent(store: Store, agency: Agency, number: str, steps: str) -> None:
    """It refers somebody to us, and staff answer."""
    word = agency.word
    id = f"6f1a2c34-0000-4000-8000-{agency.number:08}{number:0>4}"
    texts = {"name": f"Name {word}", "phone": f"5{agency.number:07}", "message": f"Message {word}", "best_time": word, "postcode": word}
    received(store, agency.scope, id=id, **texts)

    def grip() -> Any:
        return inbound_acting.Grip(id, inbound(store, id).version)

    if steps in ("taken", "done"):
        with store.write() as connection:
            agency.ids.append(inbound_acting.take(connection, loop.CARE, grip(), f"{word}-known{number}", AT, sure=True))
    if steps == "done":
        with store.write() as connection:
            inbound_acting.answer(connection, loop.CARE, grip(), inbound_acting.Saying(Status.COMPLETED, outcome=f"Outcome {word}"), AT)
    if steps == "refused":
        with store.write() as connection:
            said = inbound_acting.Saying(Status.REJECTED, "other", f"Reason {word}")
            inbound_acting.answer(connection, loop.CARE, grip(), said, AT)
    agency.ids.append(id)
    agency.versions.add(inbound(store, id).version)


def listed(app: Flask, agencies: list[Agency], states: list[bool]) -> None:
    """The directory has both; some say something about their service."""
    services = [
        loop.bank(each.number, contacts=(Contact("email", f"{each.word}@example.org"),), eligibility=(f"Word {each.word}",))
        for each in agencies
    ]
    app.extensions[DIRECTORY] = directory = loop.directory(*services)
    for each, speaks in zip(agencies, states, strict=True):
        if speaks:
            said = Details(documents=(f"Paper {each.word}",), phone=f"55500{each.number}")
            with store_of(app).write() as connection:
                say(connection, each.scope, directory, ListingGrip(each.listing, 0), said, AT)


# ---------------------------------------------------------------- who looks at it


def browser_of(app: Flask, agency: Agency) -> tuple[FlaskClient, str, str]:
    """Somebody of the agency who is signed in, the token of their forms, and who they are."""
    store, by = store_of(app), app.extensions[ACCESS]
    someone = account(store, f"volunteer-{agency.number}", Role.AGENCY, agency=agency.key)
    with store.write() as connection:
        secret = sessions.start(connection, someone, AT)
        found = sessions.find(connection, secret, by.lasting, AT)
    assert found
    browser = app.test_client()
    browser.set_cookie(by.cookie, secret)
    return browser, found.token, someone.id


def addresses(app: Flask, other: Agency) -> Iterator[tuple[str, str]]:
    """Method and path of every address, with each of the other's ids in every place where it fits."""
    adapter = app.url_map.bind("localhost")
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.endpoint == LEAVE, rule.endpoint, rule.rule)):
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            for values in arguments(rule, other):
                yield method, adapter.build(rule.endpoint, values, method)


def arguments(rule: Rule, other: Agency) -> list[dict[str, Any]]:
    choices: list[dict[str, Any]] = [{}]
    for name in sorted(rule.arguments):
        choices = [before | {name: value} for before in choices for value in fitting(rule._converters[name], other)]
    return choices


def fitting(converter: Any, other: Agency) -> list[Any]:
    if isinstance(converter, AnyConverter):
        return sorted(converter.items)
    if isinstance(converter, IntegerConverter):
        return [1]
    if isinstance(converter, UUIDConverter):
        return [UUID(id) for id in other.ids if not id.startswith("episode")] or [UUID(int=1)]
    return [other.listing, f"{other.word}-p0", *other.ids[:1]]


def form(other: Agency, csrf: str, to: str, id: str, version: int) -> dict[str, str]:
    """Whatever any form holds, about the other's."""
    fields = {
        "csrf": csrf,
        "id": id,
        "version": str(version),
        "number": str(version),
        "to": to,
        "reason_code": "no-capacity",
        "reason": "x",
    }
    fields |= {"outcome": "x", "patient": f"{other.word}-p0", "record": f"{other.word}-p0", "what": "room", "state": "full", "verb": "seen"}
    fields |= {"given_by": "patient", "name": "A B", "birth_date": "1980-03-04", "phone": "555 0177", "safe": "yes", "purpose": "help"}
    return fields | {"need": "food-insecurity", "agency": other.key, "listing": other.listing, "episodes": id}


def kept(store: Store, other: Agency) -> set[str]:
    """Every row of the store in which something of the other's stands, whoever wrote it."""
    marks = [other.word, f"{other.key}'", *other.ids]
    with store.read() as connection:
        rows = [f"{table.name} {tuple(row)!r}" for table in METADATA.sorted_tables for row in connection.execute(select(table))]
    return {row for row in rows if any(mark in row for mark in marks)}


@settings(max_examples=6, phases=[Phase.generate], deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mine=has(), theirs=has(), to=ANSWERS, data=st.data())
def test_no_address_tells_an_agency_about_another_or_changes_anything_of_its(
    app: Flask, mine: dict[str, Any], theirs: dict[str, Any], to: str, data: st.DataObject
) -> None:
    store = store_of(app)
    agency, other = made(store, mine), made(store, theirs)
    listed(app, [agency, other], [mine["states"], theirs["states"]])
    id = data.draw(st.sampled_from(other.ids or ["00000000-0000-0000-0000-000000000001"]))
    version = data.draw(st.sampled_from(sorted(other.versions or {1})))
    browser, csrf, user = browser_of(app, agency)
    before = kept(store, other)
    assert any(agency.word in browser.get(f"/agency?view={view}").text for view in ("open", "closed")) == bool(mine["referrals"])
    assert (agency.word in browser.get("/agency/sent").text) == bool(mine["sent"])
    for method, path in addresses(app, other):
        sent = form(other, csrf, to, id, version) if method != "GET" else None
        answer = browser.open(path, method=method, data=sent, query_string={"view": "all", "q": "Name"})
        assert other.word not in answer.text, (method, path)
        assert other.word not in str(answer.headers), (method, path)
        assert answer.status_code < 500, (method, path)
    after = kept(store, other)
    assert before <= after
    assert all(user in row for row in after - before), "what it referred to us itself, under an id that somebody else uses elsewhere"
