"""What an operator sees of the outbox: first what would be sent, then that it was, then that it is there."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import Ran, almoner
from support.ehr_server import Ehr, ehr_server, peer_python
from support.fault_proxy import fault_proxy, unavailable
from support.server_habits import habits, one_by_one
from support.writeback import on_server, referral, task

from fhir_adapters.writeback import Outbox

PEER = peer_python()
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PEER is None, reason="no FHIR server here: make peer installs one")]


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    assert PEER is not None
    with ehr_server(PEER, tmp_path_factory.mktemp("peer")) as running:
        yield running


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "outbox.sqlite"


def deliver(path: Path, url: str, *options: str) -> Ran:
    allowed = ("--write", "Task", "--write", "ServiceRequest")
    return almoner("outbox", "deliver", "--outbox", path, "--tenant", "north", "--server", url, *allowed, *options)


def test_nothing_is_sent_until_it_is_meant(ehr: Ehr, path: Path) -> None:
    for intent in referral("seen"):
        Outbox.at(path).add(intent)
    shown = deliver(path, ehr.base_url)
    assert (shown.code, "nothing was sent" in shown.err) == (0, True)
    assert shown.out.splitlines()[0] == "new ServiceRequest for Patient/seen"
    assert '  +   "status": "active",' in shown.out.splitlines()
    bundle = json.loads(deliver(path, ehr.base_url, "--json").out)
    assert [entry["resource"]["resourceType"] for entry in bundle["entry"]] == ["ServiceRequest", "Provenance", "Task", "Provenance"]
    assert on_server(ehr.base_url, "Task") == []
    waiting = almoner("outbox", "list", "--outbox", path)
    assert waiting.code == 0
    assert [line.split()[1] for line in waiting.out.splitlines()] == ["pending", "pending"]
    assert "seen" not in waiting.out, "a list names no patient"

    sent = deliver(path, ehr.base_url, "--commit")
    assert (sent.code, sent.out) == (0, "2 sent\n")
    assert len(on_server(ehr.base_url, "Task")) == 1
    counted = almoner("outbox", "reconcile", "--outbox", path, "--tenant", "north", "--server", ehr.base_url)
    assert (counted.code, counted.out) == (0, "2 confirmed, 0 more than once, 0 missing, 0 not answered\n")
    assert "2 confirmed" in almoner("outbox", "list", "--outbox", path).err


def test_what_is_parked_waits_for_a_person(ehr: Ehr, path: Path) -> None:
    outbox = Outbox.at(path)
    for number in range(3):
        outbox.add(task(f"wild-{number}"))
    over = deliver(path, ehr.base_url, "--per-run", "2", "--commit")
    assert (over.code, over.out) == (1, "1 parked: ceiling-run\n2 sent\n")
    listed = almoner("outbox", "list", "--outbox", path)
    assert (listed.code, listed.out.split()[-1]) == (1, "ceiling-run")
    id = listed.out.split()[0]
    assert almoner("outbox", "retry", "--outbox", path, id).code == 0
    assert deliver(path, ehr.base_url, "--commit").out == "1 sent\n"
    again = almoner("outbox", "retry", "--outbox", path, id)
    assert (again.code, "not parked" in again.out) == (1, True)


def test_the_operator_can_stop_everything(ehr: Ehr, path: Path) -> None:
    Outbox.at(path).add(task("stopped"))
    assert almoner("outbox", "stop", "--outbox", path, "--tenant", "north", "--reason", "under review").code == 0
    held = deliver(path, ehr.base_url, "--commit")
    assert (held.code, held.out) == (1, "ended early: stopped: under review\n")
    almoner("outbox", "resume", "--outbox", path, "--tenant", "north")
    assert deliver(path, ehr.base_url, "--commit").out == "1 sent\n"


def test_what_is_not_allowed_is_not_sent(ehr: Ehr, path: Path) -> None:
    Outbox.at(path).add(task("not-allowed"))
    ran = almoner("outbox", "deliver", "--outbox", path, "--tenant", "north", "--server", ehr.base_url, "--write", "Flag", "--commit")
    assert (ran.code, ran.out) == (0, "")
    assert Outbox.at(path).status(task("not-allowed").key).attempts == 0  # type: ignore[union-attr]


def test_a_server_that_refuses_is_told_from_one_that_fails(ehr: Ehr, path: Path) -> None:
    Outbox.at(path).add(task("refused"))
    with fault_proxy(ehr.base_url, habits(one_by_one, fault=lambda a: unavailable(422) if a.method == "PUT" else None)) as proxy:
        ran = deliver(path, proxy.base_url, "--commit")
    assert (ran.code, ran.out) == (1, "1 parked: refused-422\n")
    gone = deliver(path, proxy.base_url, "--commit")
    assert gone.code == 4
    assert "Patient" not in gone.err


def test_the_settings_say_who_we_are_and_what_may_be_written(ehr: Ehr, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = path.parent.parent / "almoner.yaml"
    file.write_text(json.dumps({"servers": {"main": {"base_url": ehr.base_url, "tenant": "north", "write": ["Task"]}}}))
    monkeypatch.setenv("ALMONER_CONFIG", str(file))
    Outbox.at(path).add(task("by-name"))
    refused = almoner("outbox", "deliver", "--outbox", path, "--server", "main", "--write", "Flag", "--commit")
    assert (refused.code, "do not allow Flag" in refused.err) == (2, True)
    sent = almoner("outbox", "deliver", "--outbox", path, "--server", "main", "--commit")
    assert (sent.code, sent.out) == (0, "1 sent\n")
    assert almoner("outbox", "reconcile", "--outbox", path, "--server", "main").out.startswith("1 confirmed")
    nameless = almoner("outbox", "reconcile", "--outbox", path, "--server", ehr.base_url)
    assert (nameless.code, "--tenant" in nameless.err) == (2, True)


def test_what_the_vendor_does_not_take_is_told_before_and_after(ehr: Ehr, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = path.parent.parent / "almoner.yaml"
    settings = {"base_url": ehr.base_url, "vendor": "epic", "tenant": "north", "write": ["Task"]}
    file.write_text(json.dumps({"servers": {"main": settings}}))
    monkeypatch.setenv("ALMONER_CONFIG", str(file))
    Outbox.at(path).add(task("at-epic"))
    why = "Epic takes no new Task: its referral module makes it from an order, and Almoner can change it then"
    shown = almoner("outbox", "deliver", "--outbox", path, "--server", "main")
    assert (shown.code, shown.out) == (0, f"new Task for Patient/at-epic\n  cannot be done: {why}\n")
    sent = almoner("outbox", "deliver", "--outbox", path, "--server", "main", "--commit")
    assert (sent.code, sent.out) == (1, f"1 parked: not-taken\nnot-taken: {why}\n")
    assert "not-taken" in almoner("outbox", "list", "--outbox", path).out
