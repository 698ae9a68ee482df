"""More calls than can be worked on, while the EHR is slow: most are turned away at once, and nobody is lost."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event
from typing import Final

import pytest
from support.almoner_server import Running, almoner_running
from support.calling import Clients, Got, at_once, look, send
from support.cds_calls import AS_OF, hook_call, patient, prefetch, resources
from support.faulty_ehr import Faulty, body, page, serving

pytestmark = pytest.mark.slow

CALLERS: Final = 40
AT_WORK: Final = 2
WORKERS: Final = 2
HELD: Final = 15.0
"""Seconds after which a call has waited for others. Not a measure of speed: the machine may be busy with other tests."""


@pytest.fixture
def ehr() -> Iterator[tuple[Faulty, Event]]:
    """One that says nothing until it may, and then is good."""
    with serving() as server:
        may, stored = Event(), resources(prefetch())

        def answer(path: str, query: dict[str, list[str]], headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
            may.wait(30)
            name, _, id = path.removeprefix("/fhir/").partition("/")
            found = [each for each in stored if each["resourceType"] == name]
            return body(found[0] if id else page(found, len(found)))

        server.good = answer  # type: ignore[method-assign]
        try:
            yield server, may
        finally:
            may.set()


@pytest.fixture
def service(ehr: tuple[Faulty, Event], tmp_path: Path) -> Iterator[Running]:
    how = {
        "ALMONER_CDS__FHIR_SERVERS": json.dumps([ehr[0].base_url]),
        "ALMONER_CDS__CALLS_AT_ONCE": str(AT_WORK),
        "ALMONER_CDS__FETCH_SECONDS": "10",
    }
    with almoner_running(tmp_path, AS_OF, **how) as running:
        yield running


def test_what_cannot_be_worked_on_is_turned_away_while_the_ehr_is_still_silent(service: Running, ehr: tuple[Faulty, Event]) -> None:
    server, may = ehr
    call = hook_call({"patient": patient()}, fhirServer=server.base_url)

    def work(number: int) -> Got:
        """The last one looks after the health of the busy service, and then lets the EHR speak."""
        if number < CALLERS:
            return send(service.url, call)
        _until(lambda: service.log.read_text().count("call_turned_away") >= CALLERS - AT_WORK * WORKERS)
        found = look(service.url, "/health/ready")
        may.set()
        return found

    *answers, health = at_once(CALLERS + 1, work)
    assert (health.status, look(service.url, "/health/live").status) == (200, 200)
    good, refused = ([each for each in answers if each.status == status] for status in (200, 503))
    assert len(good) + len(refused) == CALLERS
    assert 1 <= len(good) <= AT_WORK * WORKERS
    assert all(each.json["cards"] for each in good)
    for each in refused:
        assert each.headers["retry-after"] == "1"
        assert each.headers["content-type"] == "application/json"
        assert each.json["resourceType"] == "OperationOutcome"
        assert each.json["issue"][0]["code"] == "throttled"
        assert "strict-transport-security" in each.headers


def test_a_large_call_that_is_turned_away_still_gets_its_answer(service: Running, ehr: tuple[Faulty, Event]) -> None:
    """A server that hangs up while the client still sends loses the answer."""
    large = hook_call({"patient": patient()}, fhirServer=ehr[0].base_url, extension={"x": "y" * 2_000_000})

    def work(number: int) -> Got:
        if number == 0:
            _until(lambda: "call_turned_away" in service.log.read_text())
            ehr[1].set()
        return send(service.url, large)

    answers = at_once(CALLERS, work)
    assert {each.status for each in answers} == {200, 503}


def test_who_comes_back_is_served(service: Running, ehr: tuple[Faulty, Event]) -> None:
    ehr[1].set()
    clients = Clients(service.url, lambda _: hook_call({"patient": patient()}, fhirServer=ehr[0].base_url))
    with clients.calling(12):
        clients.wait_for(60)
    assert clients.lost == 0
    assert set(clients.statuses) <= {200, 503}
    assert all(answer.json["cards"] for answer in clients.answers.values())


def test_discovery_is_not_turned_away(service: Running, ehr: tuple[Faulty, Event]) -> None:
    call = hook_call({"patient": patient()}, fhirServer=ehr[0].base_url)

    def work(number: int) -> Got:
        if number < CALLERS:
            return send(service.url, call)
        _until(lambda: "call_turned_away" in service.log.read_text())
        found = look(service.url, "/cds-services")
        ehr[1].set()
        return found

    *_, discovery = at_once(CALLERS + 1, work)
    assert discovery.status == 200


def _until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + HELD
    while not true():
        assert time.monotonic() < end, "the service waits instead of turning calls away"
        time.sleep(0.02)
