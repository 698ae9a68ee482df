"""Processes of the service are killed, or it is started anew, while clinicians wait: every call is answered, rightly, and once."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

import pytest
from sqlalchemy import select
from support.almoner_server import Running, almoner_running
from support.calling import Clients, Got, send
from support.cds_calls import AS_OF, hook_call, patient, prefetch, resources
from support.databases import database_of, opened
from support.faulty_ehr import body, page, serving

from plugin.serve import free_port
from plugin.store.tables.cds import CARDS

pytestmark = pytest.mark.slow

CLIENTS: Final = 6
KILLS: Final = 4
BY_DESIGN: Final = {200, 503}
_WITHIN: Final = 60.0

Json = dict[str, Any]


def call_about(number: int) -> Json:
    """The person of `support.cds_calls` under another id, so that no call is held back for an earlier one."""
    text = json.dumps(hook_call(prefetch())).replace('"p1"', f'"p{number}"').replace("Patient/p1", f"Patient/p{number}")
    found: Json = json.loads(text)
    return found


def said(answer: Got) -> list[tuple[str, str, str]]:
    """What the cards say, apart from the ids that are new each time."""
    return [(card["summary"], card["detail"], card["indicator"]) for card in answer.json["cards"]]


def recorded(folder: Path) -> list[str]:
    """The ids of all cards in the ledger that were sent."""
    with opened(database_of(folder / "state")) as store, store.read() as connection:
        return list(connection.scalars(select(CARDS.c.id).where(CARDS.c.state == "returned")))


def check(clients: Clients, expected: list[tuple[str, str, str]], folder: Path) -> None:
    """Every call got the right answer, and the ledger has the cards of each answer, once."""
    assert set(clients.statuses) <= BY_DESIGN
    assert all(said(answer) == expected for answer in clients.answers.values())
    cards, ledger = [card["uuid"] for answer in clients.answers.values() for card in answer.json["cards"]], recorded(folder)
    assert len(set(cards)) == len(cards) == len(expected) * len(clients.answers)
    assert len(set(ledger)) == len(ledger)
    assert set(cards) <= set(ledger)
    assert len(ledger) - len(cards) <= (clients.lost + 1) * len(expected), "only a lost answer may be in the ledger beside those that came"


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + _WITHIN
    while not true():
        assert time.monotonic() < end
        time.sleep(0.05)


def kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    with almoner_running(tmp_path, AS_OF) as running:
        until(lambda: len(running.workers()) == 2)
        yield running


@pytest.fixture
def expected(service: Running) -> list[tuple[str, str, str]]:
    found = said(send(service.url, call_about(10**6)))
    assert found
    return found


def test_a_worker_that_is_killed_loses_no_call(service: Running, expected: list[tuple[str, str, str]], tmp_path: Path) -> None:
    clients, killed = Clients(service.url, call_about), set[int]()
    with clients.calling(CLIENTS):
        for turn in range(KILLS):
            clients.wait_for(CLIENTS)
            worker = service.workers()[turn % 2]
            kill(worker)
            killed.add(worker)
            until(lambda: len(set(service.workers()) - killed) == 2)
        clients.wait_for(3 * CLIENTS)
    assert killed.isdisjoint(service.workers())
    check(clients, expected, tmp_path)


def test_nobody_notices_that_an_engine_was_killed(service: Running, expected: list[tuple[str, str, str]], tmp_path: Path) -> None:
    clients, killed = Clients(service.url, call_about), set[int]()
    until(service.engines)
    with clients.calling(CLIENTS):
        for _ in range(KILLS):
            clients.wait_for(CLIENTS)
            engines = service.engines()
            killed |= set(engines)
            for engine in engines:
                kill(engine)
        clients.wait_for(3 * CLIENTS)
    assert (clients.lost, set(clients.statuses)) == (0, {200})
    assert set(service.engines()) - killed
    log = service.log.read_text()
    assert "engine_restarted engine=durable" in log
    assert "engines_differ" not in log
    check(clients, expected, tmp_path)


def test_a_restart_answers_what_is_under_way_and_loses_nobody(tmp_path: Path) -> None:
    port, may, got = free_port("127.0.0.1", 0), Event(), list[Got]()
    stored = resources(prefetch())
    with serving() as ehr:

        def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            may.wait(30)
            name, _, id = path.removeprefix("/fhir/").partition("/")
            found = [each for each in stored if each["resourceType"] == name]
            return body(found[0] if id else page(found, len(found)))

        ehr.good = answer  # type: ignore[method-assign]
        how = {"ALMONER_CDS__FHIR_SERVERS": json.dumps([ehr.base_url]), "ALMONER_CDS__FETCH_SECONDS": "9"}
        clients = Clients(f"http://127.0.0.1:{port}", call_about)
        with almoner_running(tmp_path, AS_OF, port, **how) as first:
            expected = said(send(first.url, call_about(10**6)))
            slow = Thread(target=lambda: got.append(send(first.url, hook_call({"patient": patient()}, fhirServer=ehr.base_url))))
            slow.start()
            until(lambda: ehr.asked)
            with clients.calling(CLIENTS):
                clients.wait_for(CLIENTS)
                first.process.terminate()
                time.sleep(0.5)
                may.set()
                slow.join(30)
                assert first.process.wait(30) == 0
                with almoner_running(tmp_path, AS_OF, port, **how):
                    clients.wait_for(3 * CLIENTS)
                    clients.stop()
    assert [(each.status, bool(each.json["cards"])) for each in got] == [(200, True)]
    assert set(clients.statuses) <= BY_DESIGN
    assert all(said(each) == expected for each in clients.answers.values())
