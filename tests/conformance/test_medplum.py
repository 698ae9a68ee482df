"""A client that we did not write, npm's @medplum/core, discovers and calls the service; where it cannot be had, the test says why."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import pytest
from support import medplum
from support.almoner_server import almoner_server
from support.card_checks import complaints
from support.cds_calls import AS_OF, PATIENT, hook_call, prefetch, resources
from support.counting_proxy import Counting, counting_proxy
from support.faulty_ehr import Faulty, body, fixed, page, serving

from plugin.cds.validate import discovery_problems

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(medplum.why_not()), reason=medplum.why_not())]

ID: Final = "almoner-patient-view"
CLIENT: Final = Path(medplum.__file__).with_name("medplum_cds_client.mjs")
BOTH: Final = ["diabetes-food-insecurity", "cold-damp-home-respiratory"]
THREE_MONTHS: Final = "{{today() - 90 days}}"


@pytest.fixture(scope="module")
def ehr() -> Iterator[Faulty]:
    """The FHIR server at which the client finds its data."""
    with serving() as server:
        held = resources(prefetch())
        for name in ("Condition", "Encounter", "Goal", "Observation", "Procedure", "QuestionnaireResponse", "ServiceRequest"):
            server.behaviours[name] = fixed(body(page([resource for resource in held if resource["resourceType"] == name])))
        server.behaviours["Patient"] = fixed(body(held[0]))
        yield server


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Counting]:
    """Almoner behind a proxy that counts."""
    with counting_proxy("/cds-services") as proxy, pytest.MonkeyPatch.context() as patch:
        patch.setitem(os.environ, "ALMONER_CDS__CLIENTS", orjson.dumps({"clinic": {"profile": "medplum"}}).decode())
        with almoner_server(tmp_path_factory.mktemp("almoner"), AS_OF) as url:
            proxy.target = urlsplit(url).netloc
            yield proxy


def run(cds: str, fhir: str, *steps: dict[str, Any]) -> list[dict[str, Any]]:
    """What the client has to say to each step."""
    command = [medplum.node(), str(CLIENT), os.environ[medplum.MODULES], fhir, cds]
    lines = "\n".join(json.dumps(step) for step in steps)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True, timeout=120)
    return [json.loads(line) for line in done.stdout.splitlines()]


def call(visit: str, /, **templates: str) -> dict[str, Any]:
    """A step: what discovery asks for is read from the FHIR server and sent along."""
    context = {"userId": "Practitioner/example", "patientId": PATIENT, "encounterId": visit}
    return {"do": "call", "id": ID, "context": context, "templates": templates}


def topics(answer: dict[str, Any]) -> list[str]:
    return [card["source"]["topic"]["code"] for card in answer["got"]["cards"]]


def test_it_discovers_reads_calls_and_gets_cards(service: Counting, ehr: Faulty) -> None:
    discovered, called = run(service.base_url, ehr.base_url, {"do": "discover"}, call("e1"))
    assert discovery_problems(discovered["got"]) == []
    assert called["sent"]["prefetch"].keys() == prefetch().keys()
    assert None not in called["sent"]["prefetch"].values()
    assert topics(called) == BOTH
    assert complaints(called["got"]) == []


def test_null_for_a_template_that_it_cannot_resolve_is_unknown_and_fires_nothing(service: Counting, ehr: Faulty) -> None:
    goal = {"goal": f"Goal?patient={{{{context.patientId}}}}&start-date=ge{THREE_MONTHS}"}
    orders = {"serviceRequest": f"ServiceRequest?patient={{{{context.patientId}}}}&authored=ge{THREE_MONTHS}"}
    everything = {key: f"Basic?x={THREE_MONTHS}" for key in prefetch()}
    no_goal, no_orders, nothing = run(service.base_url, ehr.base_url, call("e2", **goal), call("e3", **orders), call("e4", **everything))
    assert (no_goal["sent"]["prefetch"]["goal"], topics(no_goal)) == (None, BOTH[1:])
    assert (no_orders["sent"]["prefetch"]["serviceRequest"], topics(no_orders)) == (None, [])
    assert nothing["refused"]["resourceType"] == "OperationOutcome"


def test_nothing_that_it_sends_is_sent_again(service: Counting, ehr: Faulty) -> None:
    bodies: list[Any] = [
        hook_call(prefetch()),
        hook_call(dict.fromkeys(prefetch())),
        hook_call(),
        hook_call(prefetch(condition={"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Condition", "id": [1]}}]})),
        hook_call(prefetch(), context={"patientId": None}),
        hook_call(prefetch(patient={"resourceType": "Patient", "id": "another"})),
        {},
        [],
        "x",
    ]
    service.seen.clear()
    answers = run(service.base_url, ehr.base_url, *({"do": "send", "id": ID, "body": each} for each in bodies))
    assert service.count(f"/cds-services/{ID}") == len(bodies) == len(answers)
    assert [("got" if "got" in each else each["refused"]["resourceType"]) for each in answers][:3] == ["got", *["OperationOutcome"] * 2]


def test_a_server_that_fails_would_be_asked_three_times(ehr: Faulty) -> None:
    """What the last test rests on: the client does send again when the answer is 5xx."""
    with serving() as failing:
        failing.answer = lambda path, headers: failing.asked.append((path, headers)) or body({}, 503)  # type: ignore[method-assign]
        (answer,) = run(failing.base_url, ehr.base_url, {"do": "send", "id": ID, "body": hook_call()})
        assert "refused" in answer
        assert len(failing.asked) == 3
