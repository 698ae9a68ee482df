"""As a coordination platform: from an EHR's server to an agency's, and back, whoever is late, refuses or thinks better of it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select
from support.databases import database_of, opened
from support.referrals import stored
from support.relays import ASKED, BANK, MRN, ORDER, Two

from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.referral_states import Status
from plugin.access import verify
from plugin.cli.refer import command
from plugin.referrals.apart import FAILED, REFUSED
from plugin.referrals.carrying import carry_out
from plugin.referrals.relaying import GONE, NOBODY, NOT_ACTIVE, TAKEN_BACK, UNREADABLE, carry_back, receive
from plugin.store import Store
from plugin.store.tables.referrals import REFERRALS

MARK = "ZZ" + "CANARY"


@pytest.fixture
def two(store: Store, tmp_path: Path) -> Two:
    return Two(store, tmp_path)


def test_what_is_asked_of_us_is_accepted_and_goes_on_with_its_origin_named(two: Two) -> None:
    two.ask()
    two.cron(3)
    assert two.asked["status"] == "accepted"
    (order,) = two.bank.of("ServiceRequest")
    assert (order["intent"], order["basedOn"]) == ("filler-order", [{"reference": "http://ehr.example/fhir/ServiceRequest/order"}])
    assert two.ours["partOf"] == [{"reference": f"http://ehr.example/fhir/{ASKED}"}]
    assert (two.ours["status"], two.ours["for"], two.ours["owner"]) == (
        "requested",
        {"reference": "Patient/7"},
        BANK | {"display": "Food bank"},
    )
    with two.store.read() as connection:
        verify(connection)
    assert len(two.ehr.of("Task")) == len(two.bank.of("Task")) == 1


def test_what_came_of_it_comes_back_under_its_whole_address(two: Two) -> None:
    two.ask()
    two.cron(3)
    two.agency(Status.ACCEPTED, Status.IN_PROGRESS)
    two.cron(2)
    assert two.asked["status"] == "in-progress"
    two.agency(Status.COMPLETED, outputs=1)
    two.cron(2)
    assert two.asked["status"] == "completed"
    assert [each["valueReference"] for each in two.asked["output"]] == [{"reference": "http://bank.example/fhir/Procedure/0"}]
    two.bank.store(two.ours | {"output": [*two.ours["output"], {"type": {"text": "x"}, "valueCodeableConcept": {"text": "a parcel more"}}]})
    two.cron(2)
    assert len(two.asked["output"]) == 2, "told later"
    two.cron(2)
    assert len(two.asked["output"]) == 2
    assert [each["status"] for each in two.bank.of("ServiceRequest")] == ["completed"]


def test_that_it_has_to_wait_and_goes_on_is_told_each_time(two: Two) -> None:
    two.ask()
    two.cron(3)
    two.agency(Status.ACCEPTED)
    for _ in range(2):
        two.agency(Status.ON_HOLD, reason={"text": "On the waiting list"})
        two.cron(2)
        assert (two.asked["status"], two.asked["statusReason"]["text"]) == ("on-hold", "On the waiting list")
        two.agency(Status.IN_PROGRESS)
        two.cron(2)
        assert (two.asked["status"], two.asked.get("statusReason")) == ("in-progress", None)


@pytest.mark.parametrize(("says", "comes"), [(Status.REJECTED, "failed"), (Status.CANCELLED, "cancelled"), (Status.FAILED, "failed")])
def test_a_refusal_comes_back_with_its_reason(two: Two, says: Status, comes: str) -> None:
    two.ask()
    two.cron(3)
    two.agency(*([] if says is Status.REJECTED else [Status.ACCEPTED]), says, reason={"text": "No place free"})
    two.cron(2)
    assert (two.asked["status"], two.asked["statusReason"]["text"]) == (comes, "No place free")
    assert two.cron(2) == {}


@pytest.mark.parametrize(("above", "below"), [("cancelled", "cancelled"), ("entered-in-error", "entered-in-error")])
def test_what_is_taken_back_above_is_taken_back_below(two: Two, above: str, below: str) -> None:
    two.ask()
    two.cron(3)
    two.agency(Status.ACCEPTED)
    two.cron()
    two.calls_off(above)
    two.cron(3)
    assert (two.ours["status"], two.asked["status"]) == (below, above)


def test_an_order_that_was_revoked_takes_its_task_along(two: Two) -> None:
    two.ask()
    two.cron(3)
    two.ehr.store(ORDER | {"status": "revoked"})
    two.cron(4)
    assert (two.ours["status"], two.asked["status"], two.asked["statusReason"]["text"]) == ("cancelled", "cancelled", "No longer wanted")


@pytest.mark.parametrize(("partner", "told"), [("health provider", ["http://ehr.example/fhir/Condition/c1"]), ("food bank", None)])
def test_reasons_are_named_where_they_stand_to_those_who_treat(two: Two, partner: str, told: list[str] | None) -> None:
    two.post = replace(two.post, partner=partner)
    two.ask()
    two.ehr.store(ORDER | {"reasonReference": [{"reference": "Condition/c1"}, {"display": "hunger"}]})
    two.cron(3)
    (order,) = two.bank.of("ServiceRequest")
    assert order.get("reasonReference") == (told and [{"reference": each} for each in told])


def test_what_is_taken_back_before_it_went_on_never_does(two: Two) -> None:
    two.ask()
    receive(two.store, two.post, two.at)
    two.calls_off()
    two.cron(3)
    assert (two.bank.of("Task"), two.bank.of("ServiceRequest"), two.asked["status"]) == ([], [], "cancelled")


def test_what_is_taken_back_while_the_agencys_server_is_down_never_goes_on(two: Two) -> None:
    two.ask()
    receive(two.store, two.post, two.at)
    carry_out(two.store, two.outbox, two.at)
    two.calls_off()
    two.cron(3)
    assert (two.bank.of("Task"), two.bank.of("ServiceRequest"), two.asked["status"]) == ([], [], "cancelled")


def test_an_answer_after_it_was_taken_back_changes_nothing_above(two: Two) -> None:
    two.ask()
    two.cron(3)
    two.agency(Status.ACCEPTED, Status.COMPLETED, outputs=1)
    two.calls_off()
    two.cron(4)
    assert (two.ours["status"], two.asked["status"], two.asked.get("output")) == ("completed", "cancelled", None)
    with two.store.read() as connection:
        (row,) = connection.execute(select(REFERRALS)).all()
    assert (row.state, row.attention) == ("completed", "overtaken"), "somebody looks at it"
    assert stored(two.store, row.id).origin_id == ASKED


def test_whoever_is_not_surely_the_same_person_there_is_not_referred(two: Two) -> None:
    two.ask()
    two.bank.store({"resourceType": "Patient", "id": "8", "identifier": [MRN]})
    assert two.cron() == {NOBODY: 1}
    del two.bank.held["Patient/7"], two.bank.held["Patient/8"]
    assert two.cron() == {NOBODY: 1}
    assert two.asked["status"] == "requested"
    two.bank.store({"resourceType": "Patient", "id": "7", "identifier": [MRN]})
    assert two.cron()["taken over"] == 1


@pytest.mark.parametrize(
    "more", [{"focus": {"reference": "ServiceRequest/none"}}, {"focus": None}, {"for": {"reference": "Patient/bob"}}, {"for": None}]
)
def test_what_does_not_say_what_for_whom_is_left_alone(two: Two, more: dict[str, Any]) -> None:
    two.ask(**more)
    assert two.cron() == {UNREADABLE: 1}


def test_what_could_not_be_written_on_keeps_nobody_else_waiting(two: Two) -> None:
    two.ask()
    two.ehr.store(ORDER | {"code": {"coding": [{"system": "http://snomed.info/sct", "code": " "}]}})
    assert two.cron() == {UNREADABLE: 1}
    with two.store.read() as connection:
        assert connection.execute(select(REFERRALS)).all() == []


def test_what_is_others_is_left_alone_and_what_is_gone_is_told(two: Two) -> None:
    two.ask(owner=BANK)
    assert two.cron() == {}
    two.ask()
    two.cron(2)
    del two.ehr.held[ASKED]
    assert two.cron() == {GONE: 1}


# ---------------------------------------------------------------- what must not go on


@pytest.mark.parametrize("status", ["draft", "on-hold", "revoked", "completed", "entered-in-error", "unknown", None])
def test_only_what_is_ordered_goes_on(two: Two, status: str | None) -> None:
    two.ask()
    two.ehr.store(ORDER | {"status": status})
    assert two.cron(2) == {NOT_ACTIVE: 2}
    assert (two.bank.of("ServiceRequest"), two.asked["status"], two.states()) == ([], "requested", {})
    two.ehr.store(ORDER)
    assert two.cron()["taken over"] == 1


ODD: dict[str, tuple[dict[str, Any], str]] = {
    "no category": ({"category": None}, "8"),
    "a category of text": ({"category": ["x"]}, "8"),
    "a category without codes": ({"category": [{"coding": None}]}, "8"),
    "a long system": ({"code": {"coding": [{"system": "u" * 201, "code": "1"}]}}, "8"),
    "a long code": ({"code": {"coding": [{"system": "urn:x", "code": "1" * 65}]}}, "8"),
    "a NUL": ({"code": {"coding": [{"system": "urn:x", "code": "1", "display": f"x\0{MARK}"}]}}, "8"),
    "an id that no server has": ({}, "8_8"),
    "an id that is too long": ({}, "8" * 65),
}


@pytest.mark.parametrize("odd", ODD)
def test_one_that_is_not_as_it_should_be_keeps_no_other_waiting(two: Two, odd: str, caplog: pytest.LogCaptureFixture) -> None:
    two.ask_for_another(*ODD[odd])
    two.ask()
    assert two.received() == {FAILED: 1, "taken over": 1}
    assert two.received() == {FAILED: 1}, "it is tried again"
    assert two.states() == {ASKED: "requested"}
    assert "task_not_taken_in tenant=clinic" in caplog.text
    assert not any(name in caplog.text for name in (MARK, "4712", "bob"))


@pytest.mark.parametrize("system", [5, "", None, ["urn:x"]])
def test_a_code_of_no_system_cannot_be_read(two: Two, system: Any) -> None:
    two.ask_for_another({"code": {"coding": [None, {"system": system, "code": "1"}]}})
    assert two.received() == {UNREADABLE: 1}


@pytest.mark.parametrize("refused", ["ServiceRequest/other", "Patient/bob"])
def test_what_the_server_does_not_show_keeps_no_other_waiting(two: Two, refused: str) -> None:
    two.ask_for_another()
    two.ask()
    two.ehr.refuses = {refused}
    assert two.received() == {REFUSED: 1, "taken over": 1}
    two.ehr.refuses = set()
    assert two.received() == {"taken over": 1}


def test_what_one_task_says_is_carried_although_another_is_not_shown(two: Two) -> None:
    two.ask_for_another()
    two.received()
    two.ask()
    two.cron(2)
    two.ehr.refuses = {"Task/before"}
    two.calls_off()
    assert carry_back(two.store, two.post, two.outbox, two.at) == {REFUSED: 1, TAKEN_BACK: 1}
    assert two.states() == {ASKED: "cancelled", "Task/before": "requested"}


@pytest.mark.parametrize(
    "call", [lambda two: receive(two.store, two.post, two.at), lambda two: carry_back(two.store, two.post, two.outbox, two.at)]
)
def test_a_server_that_fails_is_not_asked_for_each(two: Two, call: Callable[[Two], object]) -> None:
    two.ask()
    two.received()
    two.ask_for_another()
    two.ehr.down = True
    asked = two.ehr.asked
    with pytest.raises(EhrUnavailable):
        call(two)
    assert two.ehr.asked == asked + 1


def test_what_is_taken_back_does_not_wait_for_the_agencys_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").mkdir()
    config = tmp_path / "almoner.yaml"
    servers = {name: {"base_url": f"http://{name}.example/fhir"} for name in ("clinic", "bank")}
    platform = {"owner": "Organization/us", "to": "bank", "agency": "Organization/bank", "partner": "food bank"}
    config.write_text(json.dumps({"state": str(tmp_path / "state"), "servers": servers, "referrals": {"platforms": {"clinic": platform}}}))
    with opened(database_of(tmp_path / "state")) as store:
        two = Two(store, tmp_path)
        there = {"clinic": two.post.source, "bank": two.post.target}
        opens = {name: SimpleNamespace(server=each, connection=SimpleNamespace(tenant=name)) for name, each in there.items()}
        monkeypatch.setattr("plugin.cli.refer.open_for", lambda _settings, name, _needs: opens[name])
        two.ask()
        two.received()
        two.ask_for_another()
        two.calls_off()
        two.bank.down = True
        monkeypatch.setenv("ALMONER_CONFIG", str(config))
        ran = CliRunner().invoke(command, ["poll", "clinic"], catch_exceptions=False)
        assert (ran.exit_code, ran.stderr.splitlines()) == (4, ["clinic, to go on: no answer"])
        assert "clinic, to go back: 1 taken back" in ran.stdout
        assert two.states() == {ASKED: "cancelled"}
