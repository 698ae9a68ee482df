"""Thousands of requests that went wrong on the way: none is answered by 5xx, and each answer is one that the standard knows.

``ALMONER_MUTATIONS`` says how many (`make long`: 10,000), ``ALMONER_MUTATIONS_SEED`` from which seed.
"""

import logging
import os
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any, Final

import pytest
from support.card_checks import complaints
from support.cds_advice import client_of
from support.cds_dialects import names, sent
from support.cds_world import World, call_of, world
from support.mutations import mutated

from plugin.cds.validate import response_problems

pytestmark = pytest.mark.slow

COUNT: Final = int(os.environ.get("ALMONER_MUTATIONS", "800"))
SEED: Final = os.environ.get("ALMONER_MUTATIONS_SEED", "almoner")
GOLDEN: Final = [*names(), "generic-order-dispatch"]
NAMED: Final = {"WrongPatient"}
"""Trouble that a request can make without a defect of ours: somebody else's data came along."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


def golden(name: str) -> tuple[str, dict[str, Any]]:
    """The address and the body."""
    body = sent(name) if name in names() else call_of(name.partition("-")[2])
    return f"/cds-services/almoner-{body['hook']}" if "hook" in body else "/cds-services/almoner-patient-view/feedback", body


def elsewhere(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The same call in another encounter: within one, nothing is said twice."""
    return body | {"context": body["context"] | {"encounterId": name, "userId": f"Practitioner/{name}"}} if "context" in body else body


def wrong(path: str, response: Any) -> list[str]:
    """What is wrong with an answer."""
    if response.status_code in (400, 412, 413):
        outcome = response.json
        good = outcome["resourceType"] == "OperationOutcome" and all(issue["code"] and issue["diagnostics"] for issue in outcome["issue"])
        return [] if good and outcome["issue"] else ["a refusal without an outcome"]
    if response.status_code != 200:
        return [f"status {response.status_code}"]
    if path.endswith("/feedback"):
        return [] if response.json == {} else ["an answer to feedback"]
    return [*complaints(response.json), *response_problems(response.json)]


def troubles(records: list[logging.LogRecord]) -> set[str]:
    """The kinds of exception that were caught on the way."""
    said = [record.getMessage() for record in records if record.levelno >= logging.ERROR]
    return {found for each in said for found in [each.partition(" type=")[2].partition(" ")[0]] if found}


@pytest.mark.requirement("cds-hooks_2.0@3", "cds-hooks_2.0@14", "cds-hooks_2.0@76", "inferno:call")
@pytest.mark.parametrize("name", GOLDEN)
def test_no_accident_on_the_way_is_answered_by_one_of_ours(served: World, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    http = served.serving(client_of(name.partition("-")[0], max_cards=2))
    path, body = golden(name)
    assert http.post(path, json=body).status_code == 200
    statuses: Counter[int] = Counter()
    """With 0 for an answer that holds a card."""
    for number in range(COUNT // len(GOLDEN)):
        caplog.clear()
        random = Random(f"{SEED}/{name}/{number}")  # noqa: S311 no secret
        request = mutated(elsewhere(body, f"{name}-{number}"), random)
        response = http.post(path, data=request, content_type="application/json")
        statuses[0] += bool(response.status_code == 200 and response.json and response.json.get("cards"))
        statuses[response.status_code] += 1
        assert wrong(path, response) == [], f"{SEED}/{name}/{number}"
        assert troubles(caplog.records) <= NAMED, f"{SEED}/{name}/{number}"
    assert statuses[400]
    assert statuses[0] if "context" in body else statuses[200]
