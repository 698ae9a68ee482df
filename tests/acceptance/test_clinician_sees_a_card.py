"""A clinician opens a chart: the EHR calls the service over HTTP, and a card says what to do, why, and on what evidence."""

import http.client
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
import requests
from support.almoner_server import almoner_server
from support.cds_calls import AS_OF, condition, hook_call, patient, prefetch, referral, resources, searchset
from support.ehr_server import Ehr, ehr_server, peer_python

from plugin.cds.body import LIMIT
from plugin.cds.validate import discovery_problems, response_problems

pytestmark = pytest.mark.slow

ORIGIN: Final = "https://sandbox.example"
CANARY: Final = "ZZ" + "CANARY"
ERROR: Final = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


@dataclass(frozen=True)
class World:
    """Almoner, and the EHR whose data it may read, if there is one here."""

    url: str
    log: Path
    ehr: Ehr | None

    @property
    def service(self) -> str:
        """Where the hook is called."""
        return f"{self.url}/cds-services/almoner-patient-view"

    def call(self, keys: dict[str, Any] | None = None, **members: Any) -> requests.Response:
        """Another user in another encounter: within one, nothing is said twice, nor for ever to whoever does not answer."""
        call = hook_call(keys, **members)
        call["context"] |= {"encounterId": str(uuid4()), "userId": f"Practitioner/{uuid4()}"}
        return requests.post(self.service, json=call, timeout=30)

    def cards(self, keys: dict[str, Any] | None = None, **members: Any) -> list[dict[str, Any]]:
        """The cards, which must be valid, without what differs from call to call: ids, and who asks."""
        response = self.call(keys, **members)
        assert response.status_code == 200, response.text
        assert response_problems(response.json()) == []
        cards: list[dict[str, Any]] = response.json()["cards"]
        for card in cards:
            for part in (card, *card.get("suggestions", ())):
                assert part.pop("uuid")
            for action in (action for suggestion in card.get("suggestions", ()) for action in suggestion["actions"]):
                assert action["resource"].pop("requester")
                action["resource"].pop("identifier", None)
        return cards


@pytest.fixture(scope="module")
def ehr(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ehr | None]:
    python = peer_python()
    if python is None:
        yield None
        return
    with ehr_server(python, tmp_path_factory.mktemp("ehr")) as server:
        server.put(resources(prefetch()))
        yield server


@pytest.fixture(scope="module")
def world(ehr: Ehr | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    allowed = [ehr.base_url] if ehr else []
    folder = tmp_path_factory.mktemp("almoner")
    with almoner_server(folder, AS_OF, allowed, [ORIGIN]) as url:
        yield World(url, folder / "almoner.log", ehr)


@pytest.fixture
def with_ehr(world: World) -> Ehr:
    if world.ehr is None:
        pytest.skip("no FHIR server to read from: run make peer, or set ALMONER_PEER_PYTHON")
    return world.ehr


def rules(cards: list[dict[str, Any]]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in cards]


def test_the_ehr_discovers_the_service(world: World) -> None:
    found = requests.get(f"{world.url}/cds-services", timeout=30).json()
    assert discovery_problems(found) == []
    service = next(each for each in found["services"] if each["hook"] == "patient-view")
    assert service["id"] == "almoner-patient-view"
    assert service["prefetch"].keys() == prefetch().keys()


def test_the_card_says_what_to_do_why_and_on_what_evidence(world: World) -> None:
    diabetes, housing = world.cards(prefetch())
    assert diabetes["summary"] == "Refer to a food programme: HbA1c 9.6 %, food insecurity, wants help"
    assert housing["summary"] == "Refer for repair or heating: cold or damp home and a respiratory condition"
    for row in (
        "| hba1c &#62; 9 % | 9.6 % | 2026-05-02 | Observation/hba1c |",
        "| has diabetes | on record | 2012-01-01 | Condition/dm |",
        "| food screen is at risk | at risk | 2026-04-01 | Observation/hunger |",
    ):
        assert row in diabetes["detail"]
    assert "| home problems is cold or damp | cold or damp | 2026-05-02 | Observation/home |" in housing["detail"]
    suggestion = housing["suggestions"][0]
    assert suggestion["label"] == "Refer: Referral to housing service (housing association or council)"
    assert suggestion["actions"][0]["resource"]["reasonReference"] == [
        {"reference": "Condition/asthma"},
        {"reference": "Observation/home"},
    ]


def test_missing_data_is_read_from_the_ehr_and_the_cards_are_the_same(world: World, with_ehr: Ehr) -> None:
    whole = world.cards(prefetch())
    server = {"fhirServer": with_ehr.base_url}
    assert len(whole) == 2
    assert world.cards(**server) == whole
    assert world.cards({}, **server) == whole
    assert world.cards(prefetch(observation=...), fhirServer=with_ehr.base_url + "/") == whole
    assert world.cards(prefetch(condition=ERROR, serviceRequest=ERROR, patient=...), **server) == whole
    token = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "x", "patient": "p1"}
    assert world.cards(fhirAuthorization=token, **server) == whole


def test_a_patient_whom_the_ehr_does_not_have_cannot_be_judged(world: World, with_ehr: Ehr) -> None:
    response = world.call(fhirServer=with_ehr.base_url, context={"userId": "Practitioner/1", "patientId": "nobody"})
    assert response.status_code == 412


@pytest.mark.parametrize("value", [..., ERROR, searchset(link=[{"relation": "next", "url": "https://x.example"}])])
def test_a_rule_never_fires_on_what_was_not_told(world: World, value: Any) -> None:
    assert world.cards(prefetch(serviceRequest=value)) == []
    assert world.cards(prefetch(observation=value)) == []
    assert rules(world.cards(prefetch(goal=value))) == ["cold-damp-home-respiratory"]


def test_null_means_none_found(world: World) -> None:
    assert rules(world.cards(prefetch(serviceRequest=None))) == ["diabetes-food-insecurity", "cold-damp-home-respiratory"]
    assert rules(world.cards(prefetch(goal=None))) == ["cold-damp-home-respiratory"]


def test_help_that_is_under_way_needs_no_card(world: World) -> None:
    assert rules(world.cards(prefetch(serviceRequest=searchset(referral("r1", "710911006"))))) == ["diabetes-food-insecurity"]
    assert len(world.cards(prefetch(serviceRequest=searchset(referral("r1", "710911006", "revoked"))))) == 2


def test_nothing_is_said_of_the_dead(world: World) -> None:
    assert world.cards(prefetch(patient=patient(deceasedDateTime="2026-06-01"))) == []


def test_without_the_patient_the_ehr_is_told_what_is_missing(world: World) -> None:
    for keys in (None, {}, prefetch(patient=None), prefetch(patient=ERROR)):
        response = world.call(keys)
        assert response.status_code == 412
        assert response.json()["resourceType"] == "OperationOutcome"
        assert "prefetch 'patient' is missing" in response.text


def test_a_server_that_is_not_on_the_list_is_not_read(world: World) -> None:
    assert world.call(fhirServer="http://127.0.0.1:9/fhir").status_code == 412


def test_data_of_another_patient_gives_no_card(world: World) -> None:
    foreign = condition("c9", "44054006", subject={"reference": "Patient/p2"})
    response = world.call(prefetch(condition=searchset(foreign)))
    assert (response.status_code, response.json()) == (200, {"cards": []})
    assert response.headers["X-Almoner-Error-Id"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"\x00",
        b"[" * 50_000,
        b'{"hook": NaN}',
        b'{"hook":"order-sign","hookInstance":"1","context":{"patientId":"p1"}}',
        b'{"hook":"patient-view","hookInstance":"1","context":{}}',
        b'{"hook":"patient-view","hookInstance":"1","context":{"patientId":"a/b"}}',
        b'{"hook":"patient-view","hookInstance":"1","context":"p1"}',
        b" " * (LIMIT + 1),
    ],
    ids=range(12),
)
def test_hostile_bodies_are_refused_in_json(world: World, body: bytes) -> None:
    response = requests.post(world.service, data=body, headers={"Content-Type": "application/json"}, timeout=30)
    assert 400 <= response.status_code < 500
    assert response.json()["resourceType"] == "OperationOutcome"


@pytest.mark.parametrize(("size", "status"), [(LIMIT, 400), (LIMIT + 1, 413), (LIMIT + 2, 413)])
def test_chunked_bodies_have_the_same_limit(world: World, size: int, status: int) -> None:
    chunks = (b" " * min(1 << 20, size - i) for i in range(0, size, 1 << 20))
    response = requests.post(world.service, data=chunks, headers={"Content-Type": "application/json"}, timeout=30)
    assert response.status_code == status


def test_a_body_cut_short_is_refused(world: World) -> None:
    connection = http.client.HTTPConnection(urlsplit(world.url).netloc, timeout=30)
    connection.putrequest("POST", urlsplit(world.service).path)
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", "1000")
    connection.endheaders(b'{"hook":')
    connection.sock.shutdown(1)
    assert connection.getresponse().status == 400
    connection.close()


def test_a_browser_client_may_call(world: World) -> None:
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    assert requests.options(world.service, headers=asked, timeout=30).headers["Access-Control-Allow-Origin"] == ORIGIN
    refused = requests.post(world.service, data="x", headers={"Origin": ORIGIN}, timeout=30)
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (415, ORIGIN)


def test_many_clinicians_at_once_get_the_same_answer(world: World) -> None:
    whole = world.cards(prefetch())
    with ThreadPoolExecutor(8) as pool:
        assert all(cards == whole for cards in pool.map(lambda _: world.cards(prefetch()), range(40)))


def test_the_service_is_ready_and_both_engines_answer(world: World) -> None:
    response = requests.get(f"{world.url}/health/ready", timeout=30)
    assert response.status_code == 200
    assert response.json()["engine"] in ("verify", "reference")
    assert requests.get(f"{world.url}/nothing", timeout=30).headers["Content-Type"].startswith(("application/json", "text/html"))


def test_the_clinician_says_what_became_of_the_card(world: World) -> None:
    card = world.call(prefetch()).json()["cards"][0]
    taken = {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    left = {"outcome": "overridden", "overrideReason": {"reason": card["overrideReasons"][0]}}
    when = {"card": card["uuid"], "outcomeTimestamp": datetime.now(UTC).isoformat()}
    for outcome in (taken, left):
        assert requests.post(f"{world.service}/feedback", json={"feedback": [when | outcome]}, timeout=30).status_code == 200
    topic = card["source"]["topic"]["code"]
    assert topic not in rules(world.cards(prefetch())), "what was accepted is under way"


def test_the_log_says_nothing_about_anybody(world: World) -> None:
    world.call(prefetch(patient=patient(name=[{"family": CANARY}], birthDate="1971-03-04")))
    world.call(prefetch(condition=searchset(condition("c9", "44054006", subject={"reference": f"Patient/{CANARY}"}))))
    requests.post(f"{world.service}/feedback", json={"feedback": [{"card": CANARY, "outcome": CANARY}]}, timeout=30)
    text = world.log.read_text()
    assert "hook_call_answered client=open hook=patient-view cards=2" in text
    assert "type=WrongPatient" in text
    assert not {found for found in (CANARY, "1971", "p1", "Patient/") if found in text}
