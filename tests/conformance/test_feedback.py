"""What became of cards, told over HTTP as HL7 and Epic have it, and what the ledger makes of it."""

import json
from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from support.cds_advice import client_of
from support.cds_world import World, call_of, world

URL: Final = "/cds-services/almoner-patient-view"
AT: Final = "2026-11-21T22:48:30.469Z"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world")) as found:
        yield found


@pytest.fixture
def http(served: World) -> FlaskClient:
    return served.serving(client_of("generic", max_cards=2))


@pytest.fixture
def card(http: FlaskClient) -> dict[str, Any]:
    """A card that was shown just now."""
    answer = http.post(URL, json=call_of("patient-view")).json
    assert answer is not None
    found: dict[str, Any] = answer["cards"][0]
    return found


def told(http: FlaskClient, caplog: pytest.LogCaptureFixture, *entries: Any) -> tuple[int, str]:
    """The status, and what the log counts."""
    caplog.clear()
    response = http.post(f"{URL}/feedback", json={"feedback": list(entries)})
    return response.status_code, caplog.messages[-1].partition("service=almoner-patient-view ")[2]


@pytest.mark.requirement("cds-hooks_2.0@148", "invariant:cds-fb-1", "invariant:cds-fb-2", "invariant:cds-fb-3")
def test_what_was_accepted_and_what_was_overridden(http: FlaskClient, card: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    of = {"card": card["uuid"], "outcomeTimestamp": AT}
    accepted = of | {"outcome": "accepted", "acceptedSuggestions": [{"id": card["suggestions"][0]["uuid"]}]}
    reason = {"reason": card["overrideReasons"][0], "userComment": "not today"}
    assert told(http, caplog, accepted, of | {"outcome": "overridden", "overrideReason": reason}) == (200, "taken=2 quarantined=0")


@pytest.mark.requirement("invariant:cds-fb-1")
def test_an_outcome_that_there_is_not_is_kept_aside(http: FlaskClient, card: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    of = {"card": card["uuid"], "outcomeTimestamp": AT}
    entries = [of | {"outcome": outcome} for outcome in ("ignored", "", None, 7)]
    assert told(http, caplog, *entries, of | {"outcome": "overridden"}) == (200, "taken=1 quarantined=4")


@pytest.mark.requirement("cds-hooks_2.0@148")
def test_cards_that_nobody_knows_and_entries_in_the_plural(
    http: FlaskClient, card: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    plural = {"overrideReasons": [{"reason": reason} for reason in card["overrideReasons"][:2]]}
    known = {"card": card["uuid"], "outcome": "overridden", "outcomeTimestamp": AT} | plural
    assert told(http, caplog, known, known | {"card": "not-a-uuid+/="}) == (200, "taken=1 quarantined=1")


@pytest.mark.requirement("cds-hooks_2.0@76")
@pytest.mark.parametrize("body", [None, 7, {}, {"feedback": "x"}])
def test_what_is_no_feedback_is_refused(http: FlaskClient, body: Any) -> None:
    response = http.post(f"{URL}/feedback", data=json.dumps(body), content_type="application/json")
    assert response.json is not None
    assert (response.status_code, response.json["resourceType"]) == (400, "OperationOutcome")
    assert http.post("/cds-services/other/feedback", json={"feedback": []}).status_code == 404
