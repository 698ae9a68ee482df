"""As a coordination platform between two real servers of others, by what an operator has cron run."""

import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from sqlalchemy import update
from support.command_line import almoner_here as almoner
from support.ehr_server import Ehr, ehr_server
from support.writeback import on_server

from fhir_adapters.gravity import category
from plugin.settings import Settings
from plugin.store import open_store
from plugin.store.tables.referrals import POLLS

pytestmark = pytest.mark.slow

HEADERS = {"Content-Type": "application/fhir+json"}
PEOPLE = ("ann", "bob", "eve", "fay")
DONE = {"type": {"text": "Resulting activity"}, "valueReference": {"reference": "Procedure/parcel"}}


def number(person: str) -> dict[str, Any]:
    return {"system": "urn:oid:1.2.3", "value": f"n-{person}"}


def asked(person: str) -> list[dict[str, Any]]:
    """Somebody at the EHR, what was ordered for them, and the Task of which we are the owner."""
    order = {
        "resourceType": "ServiceRequest",
        "id": f"order-{person}",
        "status": "active",
        "intent": "order",
        "category": [{"coding": [category("food-insecurity")]}],
        "code": {"coding": [{"system": "http://snomed.info/sct", "code": "467771000124109"}]},
        "subject": {"reference": f"Patient/{person}"},
    }
    task = {
        "resourceType": "Task",
        "id": f"task-{person}",
        "status": "requested",
        "intent": "order",
        "focus": {"reference": f"ServiceRequest/order-{person}"},
        "for": {"reference": f"Patient/{person}"},
        "owner": {"reference": "Organization/us"},
    }
    return [{"resourceType": "Patient", "id": person, "identifier": [number(person)]}, order, task]


@dataclass(frozen=True)
class Between:
    """We, between the two."""

    ehr: Ehr
    bank: Ehr
    state: Path

    def cron(self, hours: int = 1) -> None:
        for _ in range(hours):
            with closing(open_store(Settings(state=self.state).database_url)) as store, store.write() as connection:
                connection.execute(update(POLLS).values(at=datetime.now(UTC) - timedelta(hours=1)))
            ran = almoner("refer", "poll")
            assert ran.code == 0, ran.err
            for name in ("ehr", "bank"):
                sent = almoner("outbox", "deliver", "--outbox", self.state / "outbox.sqlite", "--server", name, "--commit")
                assert sent.code == 0, sent.out + sent.err

    def at_the_agency(self) -> dict[str, dict[str, Any]]:
        """Person → their Task there."""
        return {each["for"]["reference"].removeprefix("Patient/there-"): each for each in on_server(self.bank.base_url, "Task")}

    def above(self) -> dict[str, dict[str, Any]]:
        """Person → the Task of which we are the owner."""
        return {each["for"]["reference"].removeprefix("Patient/"): each for each in on_server(self.ehr.base_url, "Task")}


def moves(server: Ehr, task: dict[str, Any], **changes: Any) -> None:
    """Somebody's own program moves a Task, without our code."""
    now = requests.get(f"{server.base_url}/Task/{task['id']}", timeout=30).json()
    answer = requests.put(f"{server.base_url}/Task/{task['id']}", json=now | changes, headers=HEADERS, timeout=30)
    assert answer.status_code == 200, answer.text[:500]


@pytest.fixture
def between(peer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Between]:
    for name in ("ehr", "bank"):
        (tmp_path / name).mkdir()
    with ehr_server(peer, tmp_path / "ehr") as ehr, ehr_server(peer, tmp_path / "bank") as bank:
        ehr.put([{"resourceType": "Organization", "id": "us", "name": "A coordination platform"}])
        bank.put([{"resourceType": "Organization", "id": "bank", "name": "Food bank"}])
        for person in PEOPLE:
            ehr.put(asked(person))
            bank.put([{"resourceType": "Patient", "id": f"there-{person}", "identifier": [number(person)]}])
        servers = {name: {"base_url": each.base_url, "write": ["ServiceRequest", "Task"]} for name, each in (("ehr", ehr), ("bank", bank))}
        platform = {"owner": "Organization/us", "to": "bank", "agency": "Organization/bank", "partner": "food bank"}
        settings = {"state": str(tmp_path / "state"), "servers": servers, "referrals": {"platforms": {"ehr": platform}}}
        (tmp_path / "almoner.yaml").write_text(json.dumps(settings))
        monkeypatch.setenv("ALMONER_CONFIG", str(tmp_path / "almoner.yaml"))
        yield Between(ehr, bank, tmp_path / "state")


@pytest.mark.requirement("gravity:refer-1", "gravity:refer-6", "gravity:refer-9")
def test_what_an_ehr_refers_to_us_goes_to_the_agency_and_what_became_of_it_back(between: Between) -> None:
    assert almoner("db", "upgrade").code == 0
    between.cron(3)
    assert {person: task["status"] for person, task in between.above().items()} == dict.fromkeys(PEOPLE, "accepted")
    below = between.at_the_agency()
    assert below.keys() == set(PEOPLE)
    assert below["ann"]["partOf"] == [{"reference": f"{between.ehr.base_url}/Task/task-ann"}]
    orders = {each["subject"]["reference"]: each for each in on_server(between.bank.base_url, "ServiceRequest")}
    assert orders["Patient/there-ann"]["intent"] == "filler-order"
    assert orders["Patient/there-ann"]["basedOn"] == [{"reference": f"{between.ehr.base_url}/ServiceRequest/order-ann"}]

    procedure = {"resourceType": "Procedure", "id": "parcel", "status": "completed", "subject": {"reference": "Patient/there-ann"}}
    between.bank.put([procedure | {"code": {"text": "A food parcel"}}])
    for person in ("ann", "fay"):
        moves(between.bank, below[person], status="accepted")
    moves(between.bank, below["bob"], status="rejected", statusReason={"text": "No place free"})
    between.cron(2)
    moves(between.bank, below["ann"], status="completed", output=[DONE])
    moves(between.ehr, between.above()["eve"], status="cancelled", statusReason={"text": "No longer wanted"})
    # Of Fay the two move at once: what is over above stays over.
    moves(between.ehr, between.above()["fay"], status="cancelled", statusReason={"text": "No longer wanted"})
    moves(between.bank, below["fay"], status="completed", output=[DONE])
    between.cron(3)

    above, below = between.above(), between.at_the_agency()
    assert {person: (above[person]["status"], below[person]["status"]) for person in PEOPLE} == {
        "ann": ("completed", "completed"),
        "bob": ("failed", "rejected"),
        "eve": ("cancelled", "cancelled"),
        "fay": ("cancelled", "completed"),
    }
    assert [each["valueReference"]["reference"] for each in above["ann"]["output"]] == [f"{between.bank.base_url}/Procedure/parcel"]
    assert above["bob"]["statusReason"]["text"] == "No place free"
    assert "output" not in above["fay"]
    assert len(on_server(between.ehr.base_url, "Task")) == len(on_server(between.bank.base_url, "Task")) == len(PEOPLE)
    assert almoner("audit", "verify").code == 0
    listed = almoner("refer", "list", "--view", "attention")
    assert [line.split()[1] for line in listed.out.splitlines()] == ["completed"], "somebody looks at what came too late"
