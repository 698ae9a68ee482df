"""Whatever form a notification has, it says the same; whatever way changes arrive, none is lost and none is looked at twice."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_adapters.subscriptions import Inbox, NotANotification, Notification, Wanted, read_notification
from fhir_adapters.subscriptions.notification import Change
from fhir_adapters.subscriptions.request import resource

PARAMETERS = {
    "resourceType": "Parameters",
    "parameter": [
        {"name": "subscription", "valueReference": {"reference": "https://ehr.example/fhir/Subscription/s1"}},
        {"name": "status", "valueCode": "active"},
        {"name": "type", "valueCode": "event-notification"},
        {"name": "events-since-subscription-start", "valueString": "7"},
        {
            "name": "notification-event",
            "part": [
                {"name": "event-number", "valueString": "7"},
                {"name": "focus", "valueReference": {"reference": "https://ehr.example/fhir/Observation/o1/_history/2"}},
            ],
        },
    ],
}
STATUS = {
    "resourceType": "SubscriptionStatus",
    "status": "active",
    "type": "event-notification",
    "eventsSinceSubscriptionStart": "7",
    "subscription": {"reference": "Subscription/s1"},
    "notificationEvent": [{"eventNumber": "7", "focus": {"reference": "Observation/o1"}}],
}
EXPECTED = Notification("event-notification", "s1", "active", 7, (Change(7, "Observation/o1"),))


def bundle(first: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "history", "entry": [{"resource": first}]}


def camel(parameters: dict[str, Any]) -> dict[str, Any]:
    text = {
        "events-since-subscription-start": "eventsSinceSubscriptionStart",
        "notification-event": "notificationEvent",
        "event-number": "eventNumber",
    }

    def renamed(part: dict[str, Any]) -> dict[str, Any]:
        inner = {"part": [renamed(p) for p in part["part"]]} if "part" in part else {}
        return part | {"name": text.get(part["name"], part["name"])} | inner

    return {"resourceType": "Parameters", "parameter": [renamed(p) for p in parameters["parameter"]]}


@pytest.mark.requirement("gravity:task-6")
@pytest.mark.parametrize("first", [PARAMETERS, STATUS, camel(PARAMETERS)], ids=["R4", "R4B", "camel case"])
def test_the_forms_of_the_backport(first: dict[str, Any]) -> None:
    assert read_notification(bundle(first)) == EXPECTED


def test_the_forms_of_a_classic_subscription() -> None:
    assert read_notification(None) == Notification("event-notification", changes=(Change(None, None),))
    assert read_notification(None, "Observation/o1").changes == (Change(None, "Observation/o1"),)
    assert read_notification({"resourceType": "Observation", "id": "o1"}).changes == (Change(None, "Observation/o1"),)


@pytest.mark.parametrize("kind", ["handshake", "heartbeat"])
def test_what_is_no_change_has_none(kind: str) -> None:
    said = read_notification(bundle(STATUS | {"type": kind}))
    assert (said.kind, said.sent, said.changes) == (kind, 7, ())


NONE = {
    "a list": [],
    "a text": "x",
    "no resource": {"a": 1},
    "an empty Bundle": {"resourceType": "Bundle"},
    "a search": bundle({"resourceType": "Patient", "id": "p"}),
    "an unknown type": bundle(STATUS | {"type": "surprise"}),
    "entries of another kind": {"resourceType": "Bundle", "entry": ["x"]},
}


@pytest.mark.parametrize("body", NONE.values(), ids=NONE)
def test_what_is_no_notification_is_refused_without_repeating_it(body: Any) -> None:
    with pytest.raises(NotANotification) as caught:
        read_notification(body)
    assert "surprise" not in str(caught.value)


def test_a_reference_that_is_none_says_nothing() -> None:
    odd = STATUS | {"notificationEvent": [{"eventNumber": "-1", "focus": {"reference": "Observation?x=1"}}, "x"]}
    assert read_notification(bundle(odd)).changes == (Change(None, None),)


# ---------------------------------------------------------------- the inbox


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    box = Inbox(tmp_path / "box.sqlite")
    box.expect("k", "clinic", "secret", "Observation?category=survey")
    return box


def told(*numbers: int, sent: int | None = None) -> Notification:
    return Notification("event-notification", "s1", "active", sent, tuple(Change(n, f"Observation/o{n}") for n in numbers))


def test_only_the_secret_of_the_subscription_is_admitted(inbox: Inbox) -> None:
    assert inbox.admits("k", "secret")
    assert not inbox.admits("k", "other")
    assert not inbox.admits("k", "")
    assert not inbox.admits("nobody", "secret")
    assert not inbox.admits("nobody", "")


def test_the_secret_is_not_kept(inbox: Inbox, tmp_path: Path) -> None:
    assert all(b"secret1895" not in file.read_bytes() for file in tmp_path.iterdir() if not inbox.expect("k", "clinic", "secret1895", ""))


def test_a_change_that_is_told_twice_is_one(inbox: Inbox) -> None:
    assert [inbox.receive("k", told(1, sent=1)), inbox.receive("k", told(1, sent=1))] == [1, 0]
    (pending,) = inbox.pending()
    assert (pending.server, pending.focus) == ("clinic", "Observation/o1")
    inbox.done(pending)
    assert inbox.receive("k", told(1)) == 0
    assert inbox.pending() == []


def test_without_numbers_a_change_is_one_until_it_was_looked_at(inbox: Inbox) -> None:
    ping = read_notification(None, "Observation/o1")
    assert [inbox.receive("k", ping), inbox.receive("k", ping)] == [1, 0]
    inbox.done(inbox.pending()[0])
    assert inbox.receive("k", ping) == 1


def test_a_heartbeat_shows_what_never_came(inbox: Inbox) -> None:
    inbox.receive("k", told(1, 2))
    assert inbox.missing("k") == []
    inbox.receive("k", Notification("heartbeat", "s1", "active", 5))
    assert inbox.missing("k") == [(3, 5)]
    inbox.make_up("k", [(3, 5)], ["Observation/found"])
    assert inbox.missing("k") == []
    assert [p.focus for p in inbox.pending()] == ["Observation/o1", "Observation/o2", "Observation/found"]


def test_a_number_beyond_reason_costs_nothing(inbox: Inbox) -> None:
    inbox.receive("k", told(1, sent=10**15))
    assert inbox.missing("k") == [(2, 10**15)]
    inbox.make_up("k", inbox.missing("k"), [])
    assert inbox.missing("k") == []


def test_what_fails_comes_again_later_and_is_never_given_up(tmp_path: Path) -> None:
    now = [1000.0]
    box = Inbox(tmp_path / "box.sqlite", clock=lambda: now[0])
    box.expect("k", "clinic", "s", "Observation")
    box.receive("k", told(1))
    for wait in (5, 10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600):
        box.put_off(box.pending()[0])
        now[0] += wait - 1
        assert box.pending() == []
        now[0] += 1


@settings(max_examples=20)
@given(order=st.permutations(range(1, 13)), lost=st.sets(st.integers(1, 12)), doubled=st.sets(st.integers(1, 12)))
def test_whatever_way_changes_arrive_each_is_pending_once_or_known_to_be_missing(
    order: list[int], lost: set[int], doubled: set[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    box = Inbox(tmp_path_factory.mktemp("box") / "box.sqlite")
    box.expect("k", "clinic", "s", "Observation")
    for number in order:
        for _ in range((number not in lost) * (1 + (number in doubled))):
            box.receive("k", told(number, sent=number))
    box.receive("k", Notification("heartbeat", sent=12))
    pending = sorted(int((p.focus or "").removeprefix("Observation/o")) for p in box.pending())
    missing = [n for first, last in box.missing("k") for n in range(first, last + 1)]
    assert pending == sorted(set(order) - lost)
    assert missing == sorted(lost)


# ---------------------------------------------------------------- the request


def test_the_subscription_is_one_that_the_model_accepts_and_asks_for_ids_only() -> None:
    wanted = Wanted("k", "https://almoner.example/subscriptions/", "http://ehr.example/topic", ("Patient?_id=1",), 60)
    asked = resource(wanted, "s3")
    assert asked["channel"]["endpoint"] == "https://almoner.example/subscriptions/k"
    assert asked["channel"]["header"] == ["Authorization: Bearer s3"]
    assert asked["channel"]["_payload"]["extension"][0]["valueCode"] == "id-only"
    classic = resource(Wanted("k", "https://almoner.example/subscriptions", search=("Observation?category=survey",)), "s3")
    assert (classic["criteria"], "payload" in classic["channel"]) == ("Observation?category=survey", False)
    with pytest.raises(ValueError, match="one search"):
        resource(Wanted("k", "https://almoner.example/subscriptions"), "s3")
