"""The record as FHIR: every line is an AuditEvent that others can read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent

from plugin.access import Entry, Role, Scope, record
from plugin.access.exporting import audit_events
from plugin.store import Store

NOON = datetime(2026, 6, 30, 12, tzinfo=UTC)
CARE = Scope("manager-1", Role.CARE_MANAGER)
SYSTEM = Scope("sweep", Role.SYSTEM)
WHAT = [
    (CARE, Entry("session.start", "account/manager-1")),
    (SYSTEM, Entry("session.refuse", "account/unknown")),
    (CARE, Entry("session.end", "account/manager-1", detail={"everywhere": True})),
    (SYSTEM, Entry("account.add", "account/2", detail={"role": "agency"})),
    (CARE, Entry("episode.see", "episode/1", "p1")),
    (CARE, Entry("episode.attempt", "episode/1", "p1", {"outcome": "reached", "note": ""})),
    (Scope("c", Role.CLINICIAN, glass="she does not answer"), Entry("person.see", "person/p2", "p2")),
    (Scope("food", Role.AGENCY, "bank-1"), Entry("referral.accept", "referral/1", "p1")),
    (SYSTEM, Entry("sweep.publish", "sweep/1")),
]


@pytest.fixture
def events(store: Store) -> list[dict[str, Any]]:
    for who, entry in WHAT:
        with store.write() as connection:
            record(connection, who, entry, NOON)
    with store.read() as connection:
        return list(audit_events(connection, "https://almoner.example.org"))


def test_each_entry_is_a_valid_audit_event(events: list[dict[str, Any]]) -> None:
    assert len(events) == len(WHAT)
    assert [AuditEvent.model_validate_json(json.dumps(each)).id for each in events] == [f"almoner-{n}" for n in range(1, len(WHAT) + 1)]


def test_what_it_was_is_said_in_codes(events: list[dict[str, Any]]) -> None:
    def told(each: dict[str, Any]) -> tuple[str, str | None, str, str]:
        return each["type"]["code"], each["subtype"][0]["code"] if "subtype" in each else None, each["action"], each["outcome"]

    assert [told(each) for each in events] == [
        ("110114", "110122", "E", "0"),
        ("110114", "110122", "E", "4"),
        ("110114", "110123", "E", "0"),
        ("110113", "110137", "C", "0"),
        ("110110", None, "R", "0"),
        ("110110", None, "U", "0"),
        ("110110", None, "R", "0"),
        ("110110", None, "U", "0"),
        ("110100", None, "E", "0"),
    ]


def test_who_and_whom_and_why(events: list[dict[str, Any]]) -> None:
    (agent,) = events[6]["agent"]
    assert agent["who"]["identifier"]["value"] == "c"
    assert agent["purposeOfUse"][0]["coding"][0]["code"] == "BTG"
    assert agent["purposeOfUse"][0]["text"] == "she does not answer"
    assert events[6]["entity"][0]["what"]["reference"] == "Patient/p2"
    assert events[7]["agent"][0]["who"]["display"] == "of bank-1"
    assert [each["agent"][0]["type"]["coding"][0]["code"] for each in (events[0], events[8])] == ["humanuser", "110150"]


def test_from_a_day_on(store: Store) -> None:
    for day in (1, 2, 3):
        with store.write() as connection:
            record(connection, CARE, Entry("episode.see", "episode/1", "p1"), NOON.replace(day=day))
    with store.read() as connection:
        assert [each["id"] for each in audit_events(connection, None, NOON.replace(day=2))] == ["almoner-2", "almoner-3"]
