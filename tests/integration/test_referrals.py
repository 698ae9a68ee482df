"""Referrals on a real server of others: orders and Tasks there, answers from there, through a network that loses answers."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from support.databases import database_of, opened
from support.ehr_server import Ehr
from support.fault_proxy import Asked, Fault, Proxy, fault_proxy
from support.referrals import CARE, NOON, TENANT, agency, bank, directory, grip, sent, stored
from support.writeback import on_server, server, times_each

from fhir_adapters.referral_states import OPEN, Status
from fhir_adapters.writeback import Outbox, Policy, State
from plugin.referrals.acting import Answer, answer, cancel
from plugin.referrals.carrying import carry_out
from plugin.referrals.moving import Output
from plugin.referrals.polling import poll
from plugin.referrals.timers import run
from plugin.store import Store

pytestmark = pytest.mark.slow

PEOPLE = ["anna", "bert", "cleo", "dora", "emil"]
ON_THE_SERVER = [{"resourceType": "Patient", "id": person} for person in PEOPLE]
POLICY = Policy(TENANT, frozenset({"Task", "ServiceRequest"}), per_patient=1_000, settle=0.0, longest_wait=0.0)
HEADERS = {"Content-Type": "application/fhir+json"}


@pytest.fixture
def proxy(ehr: Ehr) -> Iterator[Proxy]:
    with fault_proxy(ehr.base_url) as running:
        yield running


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[Store]:
    with opened(database_of(tmp_path)) as found:
        yield found


class Site:
    """One day after another."""

    def __init__(self, store: Store, folder: Path, proxy: Proxy) -> None:
        self.store, self.at, self.server = store, NOON, server(proxy.base_url)
        self.outbox = Outbox.at(folder / "outbox.sqlite", clock=lambda: self.at.timestamp())

    def exchange(self, rounds: int = 4) -> None:
        for _ in range(rounds):
            carry_out(self.store, self.outbox, self.at)
            self.at += timedelta(hours=1)
            self.outbox.deliver(self.server, POLICY, commit=True)
            poll(self.store, self.server, TENANT, self.at)
        carry_out(self.store, self.outbox, self.at)


def at_the_agency(ehr: Ehr, place: str, **changes: Any) -> None:
    """The agency's own program changes a Task, without our code."""
    with requests.Session() as session:
        session.trust_env = False
        task = session.get(f"{ehr.base_url}/{place}", timeout=30).json()
        answer = session.put(f"{ehr.base_url}/{place}", json=task | changes, headers=HEADERS, timeout=30)
        assert answer.status_code == 200, answer.text[:500]


@pytest.mark.requirement("gravity:task-5", "gravity:refer-5")
def test_every_referral_is_in_one_state_on_both_sides(ehr: Ehr, proxy: Proxy, sqlite_store: Store, tmp_path: Path) -> None:
    turns = iter(range(10_000))

    def every_third(asked: Asked) -> Fault | None:
        return Fault(lose=True) if asked.method != "GET" and next(turns) % 3 == 0 else None

    proxy.plan = every_third
    site = Site(sqlite_store, tmp_path, proxy)
    ids = {person: sent(site.store, person) for person in PEOPLE}
    site.exchange()
    places = {person: str(stored(site.store, id).task_place) for person, id in ids.items()}
    assert all(place.startswith("Task/") for place in places.values())

    at_the_agency(ehr, places["anna"], status="accepted")
    fed = {"type": {"text": "Resulting activity"}, "valueCodeableConcept": {"text": "A parcel a week"}}
    at_the_agency(ehr, places["anna"], status="completed", output=[fed])
    with site.store.write() as connection:
        answer(connection, agency(1), grip(site.store, ids["bert"]), Answer(Status.ACCEPTED), site.at)
    with site.store.write() as connection:
        done = Answer(Status.COMPLETED, outputs=(Output("resulting-activity", {"text": "A parcel"}),))
        answer(connection, agency(1), grip(site.store, ids["bert"]), done, site.at)
    with site.store.write() as connection:
        cancel(connection, CARE, grip(site.store, ids["cleo"]), "no-longer-wanted", site.at)
    at_the_agency(ehr, places["dora"], status="rejected", statusReason={"text": "No place free"})
    site.exchange()
    assert run(site.store, directory(bank(1), bank(2)), site.at)["reroute"] == 1
    site.exchange()

    there = {f"Task/{each['id']}": each for each in on_server(ehr.base_url, "Task")}
    with site.store.read() as connection:
        from sqlalchemy import select

        from plugin.store.tables.referrals import REFERRALS

        rows = connection.execute(select(REFERRALS)).all()
    assert {row.task_place: row.state for row in rows} == {place: each["status"] for place, each in there.items()}
    assert {person: stored(site.store, id).state for person, id in ids.items()} == {
        "anna": "completed",
        "bert": "completed",
        "cleo": "cancelled",
        "dora": "rejected",
        "emil": "requested",
    }
    orders = {f"ServiceRequest/{each['id']}": each["status"] for each in on_server(ehr.base_url, "ServiceRequest")}
    assert {row.request_place: row.state in OPEN for row in rows} == {place: status == "active" for place, status in orders.items()}
    assert set(times_each([*there.values()]).values()) == {1}
    assert len(there) == len(PEOPLE) + 1
    assert {(row.state, row.reason) for row in site.outbox.ledger.rows()} == {(State.SENT, None)}
