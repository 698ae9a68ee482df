"""As a coordination platform: from an EHR's server to an agency's, and back, whoever is late, refuses or thinks better of it."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select
from support.referral_ehr import MemoryEhr, policy
from support.referrals import ASSISTANCE, NEED, NOON, stored

from fhir_adapters.gravity import category
from fhir_adapters.referral_states import Status
from fhir_adapters.transport import FhirServer
from fhir_adapters.writeback import Outbox
from plugin.access import verify
from plugin.referrals.carrying import carry_out
from plugin.referrals.polling import poll
from plugin.referrals.relaying import GONE, NOBODY, UNREADABLE, Post, carry_back, receive
from plugin.referrals.withholding import Withholding
from plugin.store import Store
from plugin.store.tables.referrals import REFERRALS

US, BANK = {"reference": "Organization/us"}, {"reference": "Organization/bank"}
MRN = {"system": "urn:oid:1.2.3", "value": "4711"}
ORDER: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "id": "order",
    "status": "active",
    "intent": "order",
    "category": [{"coding": [category(NEED)]}],
    "code": {"coding": [{"system": ASSISTANCE.system, "code": ASSISTANCE.code, "display": "Assistance"}]},
    "subject": {"reference": "Patient/ann"},
}
TASK: dict[str, Any] = {
    "resourceType": "Task",
    "id": "asked",
    "status": "requested",
    "intent": "order",
    "focus": {"reference": "ServiceRequest/order"},
    "for": {"reference": "Patient/ann"},
    "owner": US,
}
ASKED = "Task/asked"


class Two:
    """An EHR that refers to us, the agency's server, and the operator's cron between them."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.at = store, NOON
        self.ehr, self.bank = MemoryEhr(), MemoryEhr()
        self.bank.base_url = "http://bank.example/fhir/"
        self.outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: self.at.timestamp())
        self.ehr.store({"resourceType": "Patient", "id": "ann", "identifier": [MRN]})
        self.bank.store({"resourceType": "Patient", "id": "7", "identifier": [MRN]})
        self.bank.store({"resourceType": "Organization", "id": "bank", "name": "Food bank"})
        self.post = Post(
            cast(FhirServer, self.ehr), "clinic", "Organization/us", cast(FhirServer, self.bank), "bank", "Organization/bank", "food bank"
        )

    def ask(self, **more: Any) -> None:
        self.ehr.store(ORDER)
        self.ehr.store(TASK | more)

    def cron(self, times: int = 1) -> Counter[str]:
        done: Counter[str] = Counter()
        for _ in range(times):
            self.at += timedelta(hours=1)
            done += receive(self.store, self.post, self.at) + carry_back(self.store, self.post, self.outbox, self.at)
            poll(self.store, self.post.target, "bank", self.at)
            carry_out(self.store, self.outbox, self.at)
            self.deliver()
            carry_out(self.store, self.outbox, self.at)
        return done

    def deliver(self) -> None:
        for server, tenant in ((self.post.target, "bank"), (self.post.source, "clinic")):
            self.outbox.deliver(server, policy(tenant), gate=Withholding(lambda: self.store, tenant, lambda: self.at), commit=True)

    @property
    def asked(self) -> dict[str, Any]:
        """The Task of which we are the owner."""
        return self.ehr.held[ASKED]

    @property
    def ours(self) -> dict[str, Any]:
        """The only one at the agency."""
        (task,) = self.bank.of("Task")
        return task

    def agency(self, *steps: Status, **more: Any) -> None:
        for to in steps:
            self.bank.agency(f"Task/{self.ours['id']}", to, **more)

    def calls_off(self, status: str = "cancelled") -> None:
        self.ehr.store(self.asked | {"status": status, "statusReason": {"text": "No longer wanted"}})


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
