"""An accepted referral comes to a real FHIR server once, however often, and by however many, the acceptance is told."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import select
from support.cds_calls import patient
from support.ehr_server import Ehr, ehr_server, peer_python
from support.ledger import CLIENT, KEY, NOON, accepted, call, card, message, refer
from support.writeback import on_server, server, times_each

from fhir_adapters.writeback import Outbox, Policy, Preview, State
from plugin.cds.feedback import parse_feedback
from plugin.cds.ledger import CardEntry, Ledger
from plugin.cds.ledger.handover import Handover, order_identifier
from plugin.cds.ledger.opening import handover
from plugin.errors import UnknownServer
from plugin.settings import CdsSettings, ClientSettings, ServerSettings, Settings
from plugin.store import Store
from plugin.store.tables.cds import HANDOVERS

PEER = peer_python()
WRITES = Policy("north", frozenset({"Task", "ServiceRequest"}), settle=0.0, longest_wait=0.0)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    servers = {"ehr": ServerSettings(base_url="https://fhir.example.org", tenant="north")}
    return Settings(state=tmp_path, servers=servers, cds=CdsSettings(clients={CLIENT: ClientSettings(server="ehr")}))


@pytest.fixture
def outbox(settings: Settings) -> Outbox:
    return Outbox.at(settings.state / "outbox.sqlite")


def told(store: Store, food: CardEntry, goes_on: Handover, times: int = 1) -> None:
    """What the service does with feedback: take it, then carry on what it opened."""
    ledger = Ledger(store, KEY)
    for _ in range(times):
        ledger.take(parse_feedback(message(accepted(food, *food.suggestions))), CLIENT, NOON)
        goes_on.carry_out()


def states(store: Store) -> list[tuple[str, str | None]]:
    with store.read() as connection:
        return [(row.state, row.reason) for row in connection.execute(select(HANDOVERS))]


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr]:
    if PEER is None:
        pytest.skip("no FHIR server here: make peer installs one")
    with ehr_server(PEER, tmp_path_factory.mktemp("peer")) as running:
        running.put([patient()])
        yield running


@pytest.mark.slow
@pytest.mark.parametrize("creates", [(), ("ServiceRequest",)], ids=["we make both", "the client made the order"])
def test_told_five_times_by_each_of_four_threads_makes_one_task(
    ehr: Ehr, store: Store, settings: Settings, outbox: Outbox, creates: tuple[str, ...]
) -> None:
    before = {type: {each["id"] for each in on_server(ehr.base_url, type)} for type in ("Task", "ServiceRequest")}
    food = card("food", refer(creates))
    Ledger(store, KEY).record(call(food))
    goes_on = handover(settings, store)
    threads = [Thread(target=told, args=(store, food, goes_on, 5)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert states(store) == [("outbox", None)]
    assert isinstance(outbox.deliver(server(ehr.base_url), WRITES), Preview), "nothing is sent until it is meant"
    assert goes_on.arrived() == frozenset()
    outbox.deliver(server(ehr.base_url), WRITES, commit=True)

    def new(type: str) -> list[dict[str, Any]]:
        return [each for each in on_server(ehr.base_url, type) if each["id"] not in before[type]]

    (task,), orders = new("Task"), new("ServiceRequest")
    assert set(times_each([task, *orders]).values()) == {1}
    assert (task["status"], task["for"], task["code"]["coding"][0]["code"]) == ("requested", {"reference": "Patient/p1"}, "fulfill")
    if creates:
        assert orders == []
        assert task["focus"]["identifier"] == order_identifier(food.suggestions[0].id)
    else:
        (order,) = orders
        assert task["focus"]["reference"] == f"ServiceRequest/{order['id']}"
        assert order["status"] == "active"
        assert order_identifier(food.suggestions[0].id) in order["identifier"]
    assert goes_on.arrived() == {food.suggestions[0].id}
    assert [goes_on.carry_out() for _ in range(2)] == [{"ordered": 1}, {}]
    assert (states(store), goes_on.arrived()) == ([("ordered", None)], frozenset())
    assert outbox.reconcile(server(ehr.base_url), "north").missing == 0


def test_without_a_server_it_waits_and_goes_on_when_there_is_one(store: Store, settings: Settings, outbox: Outbox) -> None:
    food = card("food", refer())
    Ledger(store, KEY).record(call(food))
    told(store, food, handover(Settings(state=settings.state), store))
    assert states(store) == [("waiting", None)]
    assert outbox.ledger.rows() == []
    assert handover(settings, store).carry_out() == {"outbox": 1}
    assert [row.type for row in outbox.ledger.rows(states=(State.PENDING,))] == ["ServiceRequest", "Task"]


def test_whoever_is_killed_before_it_is_marked_does_it_again_and_nothing_is_doubled(
    store: Store, settings: Settings, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    food = card("food", refer())
    Ledger(store, KEY).record(call(food))
    goes_on = handover(settings, store)
    put = Handover._put

    def killed(self: Handover, intents: Any) -> None:
        put(self, intents)
        raise KeyboardInterrupt

    monkeypatch.setattr(Handover, "_put", killed)
    with pytest.raises(KeyboardInterrupt):
        told(store, food, goes_on)
    assert states(store) == [("waiting", None)]
    monkeypatch.undo()
    assert goes_on.carry_out() == {"outbox": 1}
    assert len(outbox.ledger.rows()) == 2


def test_what_is_not_fit_to_be_written_is_marked_and_holds_up_nobody(store: Store, settings: Settings, outbox: Outbox) -> None:
    bad, other, good = refer(order=None), refer(order={"resourceType": "ServiceRequest"}), refer()
    food = card("food", bad, other, good)
    Ledger(store, KEY).record(call(food))
    told(store, food, handover(settings, store))
    assert sorted(states(store), key=str) == [
        ("outbox", None),
        ("refused", "ServiceRequest.subject is not the patient of the key"),
        ("refused", "the suggestion has no order"),
    ]
    assert len(outbox.ledger.rows()) == 2


def test_a_client_whose_server_nobody_knows_is_noticed(store: Store, tmp_path: Path) -> None:
    settings = Settings(state=tmp_path, cds=CdsSettings(clients={CLIENT: ClientSettings(server="nowhere")}))
    with pytest.raises(UnknownServer, match="nowhere"):
        handover(settings, store)
