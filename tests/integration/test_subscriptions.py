"""A server that we did not write tells Almoner of a change, and the person is evaluated again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest
import requests
from support.ehr_server import Ehr
from support.faulty_ehr import Faulty, body, fixed, page, serving
from support.hand_made import HAND_MADE, about
from support.serving_app import serving_app

from fhir_adapters import FhirServer, Limits
from fhir_adapters.mapping import MAPPED_TYPES
from fhir_adapters.search import Plan
from fhir_adapters.subscriptions import Inbox, Wanted, catch_up, subscribe
from fhir_adapters.vendors import vendor
from plugin.app import create_app
from plugin.runtime import Runtime, build_runtime
from plugin.settings import Settings
from plugin.subscriptions.box import inbox_file
from plugin.subscriptions.evaluating import evaluate_again
from plugin.subscriptions.worker import Looked, look
from plugin.sweep.fresh import Fresh

ON_THE_SERVER = HAND_MADE
AS_OF = date(2026, 6, 30)
WITHIN = 30.0


@dataclass(frozen=True, slots=True)
class Receiver:
    """Almoner on loopback."""

    address: str
    runtime: Runtime
    inbox: Inbox

    def look(self, server: FhirServer) -> Looked:
        fresh = Fresh(self.runtime.settings.state)
        return look(
            self.inbox, lambda _: server, lambda _, patient: evaluate_again(self.runtime, fresh, server, patient, Plan(), MAPPED_TYPES)
        )

    def wait_for(self, changes: int) -> None:
        end = monotonic() + WITHIN
        while len(self.inbox.pending()) < changes:
            assert monotonic() < end, "the server told nothing"
            sleep(0.02)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    runtime = build_runtime(Settings(state=tmp_path / "state", as_of=AS_OF, engine="reference"))
    inbox = Inbox(inbox_file(runtime.settings))
    with serving_app(create_app(runtime)) as url:
        yield Receiver(url, runtime, inbox)


def goal(id: str, subject: str = "ann") -> dict[str, Any]:
    return {
        "resourceType": "Goal",
        "id": id,
        "lifecycleStatus": "active",
        "description": {"text": "eat"},
        "subject": about(subject),
    }


@pytest.mark.slow
def test_a_classic_subscription_tells_that_something_changed_and_what_is_searched(ehr: Ehr, receiver: Receiver) -> None:
    server = FhirServer(ehr.base_url)
    wanted = Wanted("labs", f"{receiver.address}/subscriptions", search=("Observation?status=final",))
    id = subscribe(server, "clinic", receiver.inbox, wanted)
    observation = next(r for r in HAND_MADE if r["resourceType"] == "Observation" and r["status"] == "final")
    ehr.put([observation])
    receiver.wait_for(1)
    assert receiver.look(server).vague == {"labs"}
    assert catch_up(server, receiver.inbox, receiver.inbox.expected()[0], silent=True).by == "search"
    assert receiver.look(server).people >= 1
    assert receiver.inbox.pending() == []
    patient = observation["subject"]["reference"].removeprefix("Patient/")
    line = Fresh(receiver.runtime.settings.state).of(patient)
    assert line is not None
    assert line.id == patient
    server.ask("DELETE", f"Subscription/{id}")


@pytest.mark.requirement("gravity:task-4", "gravity:task-6")
@pytest.mark.slow
def test_a_topic_shakes_hands_and_tells_of_a_patient(ehr: Ehr, receiver: Receiver) -> None:
    server = FhirServer(ehr.base_url)
    topic = "http://sekmet.dev/fhir/SubscriptionTopic/patient-change"
    wanted = Wanted("people", f"{receiver.address}/subscriptions", topic, ("Patient?_id=ann",), 3600)
    id = subscribe(server, "clinic", receiver.inbox, wanted)
    end = monotonic() + WITHIN
    while receiver.inbox.expected()[0].heard is None or server.get(f"Subscription/{id}")["status"] != "active":
        assert monotonic() < end, "no handshake came"
        sleep(0.02)
    ehr.put([r | {"active": True} for r in HAND_MADE if r["resourceType"] == "Patient"])
    receiver.wait_for(1)
    (pending,) = receiver.inbox.pending()
    assert pending.focus == "Patient/ann"
    assert receiver.look(server) == Looked(people=1)
    (expected,) = receiver.inbox.expected()
    assert (expected.id, expected.status, expected.sent) == (id, "active", 1)
    assert catch_up(server, receiver.inbox, expected).by == "nothing"
    server.ask("DELETE", f"Subscription/{id}")


@pytest.mark.slow
def test_what_was_told_while_nobody_listened_is_found(ehr: Ehr, receiver: Receiver) -> None:
    """The endpoint did not answer; the next notification that comes through shows by its number that some are missing."""
    server = FhirServer(ehr.base_url)
    topic = "http://sekmet.dev/fhir/SubscriptionTopic/patient-change"
    id = subscribe(server, "clinic", receiver.inbox, Wanted("people", f"{receiver.address}/subscriptions", topic, ("Patient",)))
    people = [r for r in HAND_MADE if r["resourceType"] == "Patient"]
    given = receiver.inbox
    given.expect("people", "clinic", "another secret", "Patient")  # what the server sends now is refused
    ehr.put([person | {"active": True} for person in people[:2]])
    sleep(1)
    assert given.pending() == []
    expected = given.expected()[0]
    given.named("people", id, "active")
    found = catch_up(server, given, expected, silent=True)
    assert found.by == "search"
    assert {p.focus for p in given.pending()} >= {f"Patient/{p['id']}" for p in people[:2]}
    server.ask("DELETE", f"Subscription/{id}")


# ---------------------------------------------------------------- the receiver


def test_nobody_without_the_secret_is_heard(receiver: Receiver) -> None:
    receiver.inbox.expect("labs", "clinic", "s3", "Observation")
    for headers in ({}, {"Authorization": "Bearer s4"}, {"Authorization": "Basic s3"}):
        assert requests.post(f"{receiver.address}/subscriptions/labs", headers=headers, timeout=30).status_code == 401
    assert requests.post(f"{receiver.address}/subscriptions/none", headers={"Authorization": "Bearer s3"}, timeout=30).status_code == 401
    assert receiver.inbox.pending() == []


def test_a_ping_and_a_put_are_changes_and_nonsense_is_refused(receiver: Receiver) -> None:
    receiver.inbox.expect("labs", "clinic", "s3", "Observation")
    secret = {"Authorization": "Bearer s3"}
    assert requests.post(f"{receiver.address}/subscriptions/labs", headers=secret, timeout=30).status_code == 200
    answer = requests.put(f"{receiver.address}/subscriptions/labs/Observation/o1", headers=secret, timeout=30)
    assert answer.status_code == 200
    assert [p.focus for p in receiver.inbox.pending()] == [None, "Observation/o1"]
    for nonsense in (b"{", b"[]", b'{"resourceType": "Bundle"}'):
        answer = requests.post(f"{receiver.address}/subscriptions/labs", nonsense, headers=secret, timeout=30)
        assert answer.status_code == 400
    assert len(receiver.inbox.pending()) == 2


def test_without_any_subscription_there_is_no_inbox(tmp_path: Path) -> None:
    client = create_app(build_runtime(Settings(state=tmp_path / "state", engine="reference"))).test_client()
    assert client.post("/subscriptions/labs", headers={"Authorization": "Bearer s"}).status_code == 401
    assert not (tmp_path / "state" / "subscriptions.sqlite").exists()


# ---------------------------------------------------------------- a server that does wrong


@pytest.fixture
def faulty() -> Iterator[Faulty]:
    with serving() as server:
        yield server


def test_a_server_that_fails_puts_a_change_off_and_one_that_forgot_it_sets_it_aside(faulty: Faulty, receiver: Receiver) -> None:
    server = FhirServer(faulty.base_url, limits=Limits(attempts=1))
    receiver.inbox.expect("k", "clinic", "s", "Goal")
    receiver.inbox.make_up("k", [], ["Goal/1", "Goal/2", "Goal/3"])
    answers = {"1": body({}, 500), "2": body({}, 410), "3": body(goal("3"))}
    faulty.behaviours["Goal"] = lambda path, query, _: body(page([], 0)) if query else answers[path.rsplit("/", 1)[1]]
    looked = receiver.look(server)
    assert (looked.people, looked.aside, looked.put_off) == (1, 1, 1)


def test_missing_changes_are_asked_for_by_number(faulty: Faulty, receiver: Receiver) -> None:
    receiver.inbox.expect("k", "clinic", "s", "Goal")
    receiver.inbox.named("k", "s1", "active")
    status = {
        "resourceType": "SubscriptionStatus",
        "type": "query-event",
        "subscription": {"reference": "Subscription/s1"},
        "eventsSinceSubscriptionStart": "2",
        "notificationEvent": [{"eventNumber": str(n), "focus": {"reference": f"Goal/{n}"}} for n in (1, 2)],
    }
    told = {"resourceType": "Bundle", "type": "history", "entry": [{"resource": status}]}
    subscription = {"resourceType": "Subscription", "id": "s1", "status": "active"}
    faulty.behaviours["Subscription"] = lambda path, *_: body(told if path.endswith("$events") else subscription)
    requests.post(
        f"{receiver.address}/subscriptions/k",
        json={"resourceType": "Bundle", "entry": [{"resource": {**status, "type": "heartbeat"}}]},
        headers={"Authorization": "Bearer s"},
        timeout=30,
    )
    assert receiver.inbox.missing("k") == [(1, 2)]
    found = catch_up(FhirServer(faulty.base_url), receiver.inbox, receiver.inbox.expected()[0])
    assert (found.by, found.found, found.gaps) == ("events", 2, ((1, 2),))
    assert receiver.inbox.missing("k") == []


def test_a_subscription_that_the_server_gave_up_is_set_going_again_and_what_changed_is_searched(faulty: Faulty, receiver: Receiver) -> None:
    receiver.inbox.expect("k", "clinic", "s", "Goal?category=x")
    receiver.inbox.named("k", "s1", "active")
    faulty.behaviours["Subscription"] = fixed(
        body({"resourceType": "Subscription", "id": "s1", "status": "error", "error": "x"}, ETag='W/"4"')
    )
    faulty.behaviours["Goal"] = fixed(body(page([goal("9")], 1)))
    found = catch_up(FhirServer(faulty.base_url), receiver.inbox, receiver.inbox.expected()[0])
    assert (found.by, found.found) == ("search", 1)
    assert [p.focus for p in receiver.inbox.pending()] == ["Goal/9"]
    sent = next(headers for path, headers in faulty.asked if "If-Match" in headers)
    assert sent["If-Match"] == 'W/"4"'
    assert b'"status":"requested"' in faulty.posted[0]
    assert b"error" not in faulty.posted[0]


def test_where_changes_cannot_be_searched_for_everything_it_is_about_is_looked_at(faulty: Faulty, receiver: Receiver) -> None:
    receiver.inbox.expect("k", "clinic", "s", "Goal?category=x")
    faulty.behaviours["Goal"] = lambda _, query, __: body(page([] if "_lastUpdated" in query else [goal("1"), goal("2")]))
    (expected,) = receiver.inbox.expected()
    found = catch_up(FhirServer(faulty.base_url), receiver.inbox, expected, plan=Plan(vendor("epic")), silent=True)
    assert (found.by, found.found) == ("search", 2)
    assert found.notes == ("Epic does not keep meta.lastUpdated: every Goal that it is about is looked at",)
    trusted = catch_up(FhirServer(faulty.base_url), receiver.inbox, expected, silent=True)
    assert (trusted.found, trusted.notes) == (0, ())
