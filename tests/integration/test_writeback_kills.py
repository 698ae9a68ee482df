"""Killed at any moment, with answers that get lost: what was decided stands on the server once, counted there.

``ALMONER_KILLS=250`` for the long form.
"""

import os
import random
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest
from support.ehr_server import Ehr, ehr_server, peer_python
from support.fault_proxy import Asked, Fault, Plan, fault_proxy, unavailable
from support.server_habits import HABITS, habits
from support.writeback import OPEN, key, on_server, server, task, times_each
from support.writer import Writer

from fhir_adapters.writeback import Outbox, Report, State

PEER = peer_python()
KILLS = int(os.environ.get("ALMONER_KILLS", "5"))
"""For each kind of server."""
pytestmark = [pytest.mark.slow, pytest.mark.skipif(PEER is None, reason="no FHIR server here: make peer installs one")]


@pytest.fixture
def ehr(tmp_path: Path) -> Iterator[Ehr]:
    assert PEER is not None
    with ehr_server(PEER, tmp_path) as running:
        yield running


def unreliable(draw: random.Random) -> Plan:
    """One write in ten is refused before it is done, one in ten is done and its answer lost."""

    def faults(asked: Asked) -> Fault | None:
        chance = draw.random() if asked.method != "GET" else 1.0
        return unavailable(503) if chance < 0.1 else Fault(lose=True) if chance < 0.2 else None

    return faults


def duration(writer: Writer) -> float:
    """Seconds for two people on this machine, today: what kills are to fall into."""
    start = time.monotonic()
    assert writer.work("decide", 2)
    return time.monotonic() - start


def integrity(path: Path) -> str:
    with closing(sqlite3.connect(path)) as database:
        (answer,) = database.execute("PRAGMA integrity_check").fetchone()
        return str(answer)


@pytest.mark.parametrize("name", ["client ids, transaction", "server ids, one by one"])
def test_killed_again_and_again_nothing_is_lost_and_nothing_doubled(ehr: Ehr, tmp_path: Path, name: str) -> None:
    draw, path = random.Random(7), tmp_path / "outbox.sqlite"  # noqa: S311 the same each time
    kills = 0
    plan = habits(*HABITS[name], fault=unreliable(draw))
    with fault_proxy(ehr.base_url, plan) as proxy, Writer(path, proxy.base_url) as writer:
        usual = duration(writer)
        while kills < KILLS:
            kills += not writer.work("decide", 2, kill_after=draw.uniform(0.01, usual))
        assert writer.work("finish", 0)
    tasks, requests = on_server(ehr.base_url, "Task"), on_server(ehr.base_url, "ServiceRequest")
    outbox = Outbox.at(path)
    with outbox.transaction() as transaction:
        patients = [patient for (patient,) in transaction.execute("SELECT patient FROM decisions")]
    assert len(patients) > KILLS / 4, "most of the kills came before anything was done"
    assert times_each(tasks) == {key(patient).value: 1 for patient in patients}
    assert times_each(requests) == {key(patient, type="ServiceRequest").value: 1 for patient in patients}
    assert {each["focus"]["reference"] for each in tasks} == {f"ServiceRequest/{each['id']}" for each in requests}
    vouched = Counter(each["target"][0]["reference"] for each in on_server(ehr.base_url, "Provenance"))
    assert vouched == {f"{each['resourceType']}/{each['id']}": 1 for each in tasks + requests}
    assert {row.state for row in outbox.ledger.rows()} == {State.SENT}
    assert outbox.reconcile(server(ehr.base_url), OPEN.tenant).confirmed == 2 * len(patients)
    assert integrity(path) == "ok"


@pytest.mark.parametrize("name", ["client ids, one by one", "server ids, one by one"])
def test_eight_threads_with_a_hundred_identical_suggestions_make_one(ehr: Ehr, tmp_path: Path, name: str) -> None:
    draw, path = random.Random(11), tmp_path / "outbox.sqlite"  # noqa: S311 the same each time
    with fault_proxy(ehr.base_url, habits(*HABITS[name], fault=unreliable(draw))) as proxy, Writer(path, proxy.base_url) as writer:
        usual = duration(writer)
        for episode in range(KILLS):
            writer.work("same", episode, kill_after=draw.uniform(0.01, 2 * usual))
        assert writer.work("same", KILLS)
        assert writer.work("finish", 0)
    same = [each for each in on_server(ehr.base_url, "Task") if each["for"]["reference"] == "Patient/same"]
    begun = [each for episode in range(KILLS + 1) if Outbox.at(path).status(each := key("same", str(episode)))]
    assert times_each(same) == {each.value: 1 for each in begun}
    vouched = Counter(each["target"][0]["reference"] for each in on_server(ehr.base_url, "Provenance"))
    assert [vouched[f"Task/{each['id']}"] for each in same] == [1] * len(begun)


def test_outboxes_that_know_nothing_of_each_other_make_one_where_clients_choose_ids(ehr: Ehr, tmp_path: Path) -> None:
    reports: list[Report] = []

    def write(number: int) -> None:
        outbox = Outbox.at(tmp_path / f"outbox-{number}.sqlite")
        outbox.add(task("shared"))
        report = outbox.deliver(server(ehr.base_url), OPEN, commit=True)
        assert isinstance(report, Report)
        reports.append(report)

    threads = [Thread(target=write, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [report.count(State.SENT) for report in reports] == [1] * 8
    assert [each["id"] for each in on_server(ehr.base_url, "Task")] == [key("shared").id]
