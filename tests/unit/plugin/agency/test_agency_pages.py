"""What people at an agency see and do, over HTTP: their own referrals, the least about people, and exactly the steps that are theirs."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from support import referrals as given
from support.access import signed_in, site, store_of, token

from fhir_adapters.referral_states import MAY_SET, TRANSITIONS, WITH_REASON, Side, Status
from plugin.access import Role
from plugin.agency.seeing import answers
from plugin.outreach.restricting import restrict
from plugin.outreach.words import Restriction
from plugin.store import Store
from plugin.store.tables.access import AUDIT
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import HISTORY, OUTPUTS, REFERRALS
from plugin.translations import LANGUAGES, texts

BANK = "dir#Organization/bank-1"
ANN = {"patient": "ann", "name": "Ann <b>ZZ", "phone": "555 0101", "age": 40, "sex": "female", "language": "es", "interpreter": True}


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    found, _ = site(tmp_path)
    with store_of(found).write() as connection:
        connection.execute(insert(PEOPLE), ANN | {"sweep": "s1"})
    return found


@pytest.fixture
def store(app: Flask) -> Store:
    return store_of(app)


@pytest.fixture
def volunteer(app: Flask) -> FlaskClient:
    """Somebody of the food bank to whom Ann is referred."""
    return signed_in(app, Role.AGENCY, "bank", BANK)


def state_of(store: Store, id: str) -> str:
    return str(given.stored(store, id).state)


def tell(browser: FlaskClient, id: str, store: Store, **fields: Any) -> int:
    sent = {"csrf": token(browser, "/agency"), "version": str(given.stored(store, id).version)} | fields
    return browser.post(f"/agency/{id}", data=sent).status_code


def test_an_agency_begins_with_its_own_referrals(volunteer: FlaskClient, store: Store) -> None:
    given.sent(store)
    assert volunteer.get("/").headers["Location"] == "/agency"
    page = volunteer.get("/agency").text
    assert "Ann &lt;b&gt;ZZ" in page
    assert "New" in page
    assert "Referred 30 Jun 2026" in page


def test_a_referral_of_another_agency_is_not_there(app: Flask, store: Store, volunteer: FlaskClient) -> None:
    id = given.sent(store)
    other = signed_in(app, Role.AGENCY, "other", "dir#Organization/bank-2")
    nowhere = "00000000-0000-0000-0000-000000000000"
    assert other.get("/agency").text.count("<li class=") == 0
    assert other.get(f"/agency/{id}").status_code == other.get(f"/agency/{nowhere}").status_code == 404
    assert other.get(f"/agency/{id}").data == other.get(f"/agency/{nowhere}").data
    assert tell(other, id, store, to="accepted") == 404
    assert state_of(store, id) == "requested"


def test_a_draft_is_not_there_yet(volunteer: FlaskClient, store: Store) -> None:
    wish = given.proposal()
    with store.write() as connection:
        given.propose(connection, given.CARE, wish, given.NOON)
    assert volunteer.get(f"/agency/{wish.id}").status_code == 404


def test_it_accepts_begins_and_completes_with_what_came_of_it(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    assert tell(volunteer, id, store, to="accepted") == 303
    assert tell(volunteer, id, store, to="in-progress") == 303
    assert tell(volunteer, id, store, to="completed") == 409
    assert tell(volunteer, id, store, to="completed", outcome="a food parcel") == 303
    assert state_of(store, id) == "completed"
    page = volunteer.get(f"/agency/{id}?sent=1").text
    assert "Thank you" in page
    assert "a food parcel" in page
    with store.read() as connection:
        assert connection.scalars(select(OUTPUTS.c.value)).all() == [{"text": "a food parcel"}]


def test_it_says_no_with_a_reason(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    assert tell(volunteer, id, store, to="rejected") == 409
    assert tell(volunteer, id, store, to="rejected", reason_code="other") == 409
    assert tell(volunteer, id, store, to="rejected", reason_code="made-up") == 409
    assert tell(volunteer, id, store, to="rejected", reason_code="no-capacity", reason="until August") == 303
    assert (state_of(store, id), given.stored(store, id).reason_code) == ("rejected", "no-capacity")
    assert "No place free: <bdi>until August</bdi>" in volunteer.get(f"/agency/{id}").text


def test_two_who_answer_at_one_time_do_not_overwrite_each_other(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    seen = str(given.stored(store, id).version)
    assert tell(volunteer, id, store, to="accepted", version=seen) == 303
    assert tell(volunteer, id, store, to="rejected", reason_code="no-capacity", version=seen) == 409
    assert state_of(store, id) == "accepted"


def test_what_is_chosen_nowhere_is_asked_for(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    answer = volunteer.post(f"/agency/{id}", data={"csrf": token(volunteer, "/agency")})
    assert answer.status_code == 409
    assert "choose what next" in answer.text


EVERY = [(start, to) for start in Status for to in Status if start is not Status.DRAFT]


@pytest.mark.parametrize("role", [Role.AGENCY, Role.CARE_MANAGER])
def test_of_all_steps_exactly_those_of_the_agency_succeed(app: Flask, store: Store, role: Role) -> None:
    id = given.sent(store)
    browser = signed_in(app, role, agency=BANK)
    csrf = token(browser)
    done = set()
    for start, to in EVERY:
        with store.write() as connection:
            connection.execute(OUTPUTS.delete())
            connection.execute(update(REFERRALS).where(REFERRALS.c.id == id).values(state=str(start), rerouted=False))
        fields = {
            "csrf": csrf,
            "to": str(to),
            "version": str(given.stored(store, id).version),
            "reason_code": "not-reached",
            "outcome": "x",
        }
        if browser.post(f"/agency/{id}", data=fields).status_code == 303:
            done.add((start, to))
    mine = MAY_SET[Side.TARGET] if role is Role.AGENCY else frozenset()
    told_more = {(Status.COMPLETED, Status.COMPLETED)} if role is Role.AGENCY else set()
    assert done == {(start, to) for start in Status for to in TRANSITIONS.get(start, ()) if to in mine} | told_more


def test_the_form_offers_what_can_be_and_nothing_else() -> None:
    for status in Status:
        offered = set(answers(status))
        assert offered <= TRANSITIONS.get(status, frozenset()) & MAY_SET[Side.TARGET]
    assert answers(Status.REQUESTED) == [Status.ACCEPTED, Status.REJECTED]
    assert answers(Status.COMPLETED) == []


SHOWN = {
    "food bank": {"name", "phone", "language"},
    "benefits advice": {"name", "phone", "language", "age"},
    "health provider": {"name", "phone", "language", "age", "sex"},
    "school": {"name"},
}


@pytest.mark.parametrize(("partner", "shown"), SHOWN.items())
def test_each_kind_of_partner_sees_what_it_needs(volunteer: FlaskClient, store: Store, partner: str, shown: set[str]) -> None:
    id = given.sent(store)
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(partner=partner))
    page = volunteer.get(f"/agency/{id}").text
    pieces = {"name": "Ann &lt;b&gt;ZZ", "phone": "555 0101", "language": "Spanish", "age": "40 years", "sex": "female"}
    assert {name for name, text in pieces.items() if text in page} == shown


def test_of_whom_contact_is_not_safe_there_is_no_number(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(unsafe=True))
    page = volunteer.get(f"/agency/{id}").text
    assert "555 0101" not in page
    assert "Do not get in touch with them" in page


def test_looking_and_answering_are_recorded(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    volunteer.get(f"/agency/{id}")
    tell(volunteer, id, store, to="accepted")
    with store.read() as connection:
        found = connection.execute(select(AUDIT.c.action, AUDIT.c.agency).where(AUDIT.c.entity == f"referral/{id}").order_by(AUDIT.c.seq))
        assert [tuple(row) for row in found][-2:] == [("referral.see", BANK), ("referral.moved", BANK)]
        assert connection.scalars(select(HISTORY.c.after).order_by(HISTORY.c.version)).all() == ["draft", "requested", "accepted"]


def test_the_pages_speak_spanish_to_whoever_asks_in_it(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    page = volunteer.get(f"/agency/{id}", headers={"Accept-Language": "es-MX,es;q=0.9"})
    assert '<html lang="es">' in page.text
    assert "Sí, la aceptamos" in page.text
    assert "Accept-Language" in page.headers["Vary"]


@pytest.mark.parametrize("package", ["plugin.agency.texts", "plugin.access.texts"])
def test_every_language_says_everything(package: str) -> None:
    first, *others = (texts(package, language) for language in LANGUAGES)
    assert all(set(first) == set(other) for other in others)
    assert all(text.strip() for other in (first, *others) for text in other.values())


def test_every_state_answer_and_reason_has_words() -> None:
    from plugin.referrals.words import REASONS

    say = texts("plugin.agency.texts", "en")
    assert {*(str(status) for status in Status if status is not Status.DRAFT), *REASONS} <= set(say)
    assert {f"to {status}" for start in Status for status in answers(start)} <= set(say)
    assert {str(status) for status in WITH_REASON} <= set(say)


def test_people_of_whom_nothing_is_kept_are_nobody(app: Flask, store: Store) -> None:
    from plugin.agency.seeing import person_of

    with store.read() as connection:
        what = {
            "patient": "nobody",
            "origin": "episode",
            "need": given.NEED,
            "rule": None,
            "consent": None,
            "message": "m",
            "state": "requested",
            "unsafe": False,
        }
        assert person_of(connection, SimpleNamespace(partner="food bank", **what), given.TODAY).name == ""  # type: ignore[arg-type]
        assert person_of(connection, SimpleNamespace(partner="", **what), given.TODAY).message == ""  # type: ignore[arg-type]


def test_of_whom_contact_became_unsafe_or_unwanted_there_is_no_number_any_more(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    assert "555 0101" in volunteer.get(f"/agency/{id}").text
    with store.write() as connection:
        restrict(connection, given.CARE, "ann", Restriction.OPTED_OUT, given.NOON)
    page = volunteer.get(f"/agency/{id}").text
    assert "555 0101" not in page
    assert "Do not get in touch" in page


@pytest.mark.parametrize("state", ["rejected", "cancelled", "entered-in-error"])
def test_of_what_was_never_taken_only_the_name_is_left(volunteer: FlaskClient, store: Store, state: str) -> None:
    id = given.sent(store, message="ring twice")
    assert "ring twice" in volunteer.get(f"/agency/{id}").text
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(state=state))
    page = volunteer.get(f"/agency/{id}").text
    assert "Ann &lt;b&gt;ZZ" in page
    assert "ring twice" not in page
    assert "555 0101" not in page


def test_an_agency_does_not_say_that_it_did_not_answer(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    assert tell(volunteer, id, store, to="accepted") == 303
    assert tell(volunteer, id, store, to="cancelled", reason_code="no-answer") == 409
    assert 'value="no-answer"' not in volunteer.get(f"/agency/{id}").text


def test_a_reminder_is_over_when_they_answer(volunteer: FlaskClient, store: Store) -> None:
    id = given.sent(store)
    with store.write() as connection:
        connection.execute(update(REFERRALS).values(attention="nudged"))
    assert tell(volunteer, id, store, to="accepted") == 303
    assert given.stored(store, id).attention is None
