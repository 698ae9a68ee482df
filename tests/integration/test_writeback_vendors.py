"""What a vendor profile says that its servers cannot do is not tried, though the server itself claims it."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ehr_server import Ehr
from support.fault_proxy import Proxy, fault_proxy
from support.server_habits import habits, no_client_ids
from support.writeback import AUTHOR, OPEN, RECORDED, key, on_server, referral, server, task

from fhir_adapters.vendors import GENERIC, Vendor, Writing, vendor
from fhir_adapters.writeback import Outbox, Preview, Report, State, change, put

pytestmark = pytest.mark.slow
NO_TASKS = (
    "Epic takes no new Task: its referral module makes it from an order, and Almoner can change it then",
    "Epic takes no new ServiceRequest: offer it on a CDS Hooks card, where it becomes an unsigned order",
)


def known(**writing: object) -> Vendor:
    """A vendor whose servers cannot write in some way."""
    return Vendor(name="x", title="X", writing=Writing.model_validate(writing))


@pytest.fixture
def proxy(ehr: Ehr) -> Iterator[Proxy]:
    with fault_proxy(ehr.base_url) as running:
        yield running


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.at(tmp_path / "outbox.sqlite")


def deliver(outbox: Outbox, proxy: Proxy, profile: Vendor) -> Report:
    report = outbox.deliver(server(proxy.base_url), OPEN, vendor=profile, commit=True)
    assert isinstance(report, Report)
    return report


def writes(proxy: Proxy) -> list[str]:
    """What was sent to change something: method and path."""
    return [f"{asked.method} {asked.path.rpartition('/fhir')[2]}" for asked in proxy.asked if asked.method in ("PUT", "POST", "PATCH")]


def methods(proxy: Proxy) -> set[str]:
    """How the resources in all transactions were to be written."""
    bodies = [json.loads(asked.body) for asked in proxy.asked if b'"transaction"' in asked.body]
    return {entry["request"]["method"] for body in bodies for entry in body["entry"]}


def test_without_a_profile_the_statement_decides(proxy: Proxy, outbox: Outbox) -> None:
    for intent in referral("as-it-says"):
        outbox.add(intent)
    assert deliver(outbox, proxy, GENERIC).count(State.SENT) == 2
    assert methods(proxy) == {"PUT"}


def test_ids_of_our_own_are_not_tried_where_they_make_nothing(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    for intent in referral("medplum"):
        outbox.add(intent)
    assert deliver(outbox, proxy, vendor("medplum")).count(State.SENT) == 2
    assert methods(proxy) == {"POST"}
    assert not [each for each in writes(proxy) if each.startswith("PUT")]
    ours = {intent.key.id for intent in referral("medplum")}
    assert not ours & {each["id"] for type in ("Task", "ServiceRequest") for each in on_server(ehr.base_url, type)}


def test_transactions_are_not_tried_where_they_fail(proxy: Proxy, outbox: Outbox) -> None:
    for intent in referral("singly"):
        outbox.add(intent)
    assert deliver(outbox, proxy, known(transactions=False)).count(State.SENT) == 2
    assert methods(proxy) == set()
    assert len(writes(proxy)) >= 4


@pytest.mark.parametrize("sends", [True, False])
def test_the_condition_is_sent_only_where_it_is_known(ehr: Ehr, proxy: Proxy, outbox: Outbox, sends: bool) -> None:
    proxy.plan = habits(no_client_ids)
    for intent in (task(f"condition-{sends}"), *referral(f"conditions-{sends}")):
        outbox.add(intent)
    assert deliver(outbox, proxy, known(if_none_exist=sends, own_ids=False)).count(State.SENT) == 3
    asked = [each for each in proxy.asked if each.method == "POST" and b'"batch"' not in each.body]
    said = [b"ifNoneExist" in each.body or "If-None-Exist" in each.headers for each in asked if b"Task" in each.body]
    assert any(said) is sends
    people = {f"Patient/condition-{sends}", f"Patient/conditions-{sends}"}
    assert sum(each["for"]["reference"] in people for each in on_server(ehr.base_url, "Task")) == 2


def test_a_type_that_is_not_taken_is_parked_with_what_to_do_instead(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    for intent in referral("refused"):
        outbox.add(intent)
    report = deliver(outbox, proxy, vendor("epic"))
    assert report.settled == {(State.PARKED, "not-taken"): 2}
    assert report.refused == set(NO_TASKS)
    assert writes(proxy) == []
    assert not [each for each in on_server(ehr.base_url, "Task") if each["for"]["reference"] == "Patient/refused"]


def test_what_may_be_changed_only_is_changed(ehr: Ehr, proxy: Proxy, outbox: Outbox) -> None:
    theirs = task("theirs").resource
    ehr.put([theirs])
    edit = put("status", "cancelled")
    outbox.add(change(key("theirs", "c"), f"Task/{theirs['id']}", [edit], run="r", author=AUTHOR, recorded=RECORDED))
    outbox.add(change(key("theirs", "c", "ServiceRequest"), "ServiceRequest/1", [edit], run="r", author=AUTHOR, recorded=RECORDED))
    report = deliver(outbox, proxy, vendor("epic"))
    assert report.settled == {(State.SENT, None): 1, (State.PARKED, "not-taken"): 1}
    assert report.refused == {"Epic takes no changed ServiceRequest: offer it on a CDS Hooks card, where it becomes an unsigned order"}
    (now,) = [each for each in on_server(ehr.base_url, "Task") if each["id"] == theirs["id"]]
    assert now["status"] == "cancelled"
    assert not [each for each in writes(proxy) if "Provenance" in each], "Epic's Provenance can only be read"


def test_the_preview_says_what_is_not_taken_and_why(proxy: Proxy, outbox: Outbox) -> None:
    for intent in referral("shown"):
        outbox.add(intent)
    shown = outbox.deliver(server(proxy.base_url), OPEN, vendor=vendor("epic"))
    assert isinstance(shown, Preview)
    assert json.loads(shown.bundle)["entry"] == []
    task_refused, request_refused = (f"  cannot be done: {reason}" for reason in NO_TASKS)
    assert shown.lines == ("new ServiceRequest for Patient/shown", request_refused, "new Task for Patient/shown", task_refused)


def test_the_preview_says_what_the_server_itself_does_not_take(proxy: Proxy, outbox: Outbox) -> None:
    proxy.plan = habits(no_client_ids, lambda _, resource: resource.update(interaction=[{"code": "read"}]))
    outbox.add(task("unsupported"))
    shown = outbox.deliver(server(proxy.base_url), OPEN)
    assert isinstance(shown, Preview)
    assert shown.lines == ("new Task for Patient/unsupported", "  cannot be done: not-supported")
