"""The bound on calls at work, without a server."""

from collections.abc import Iterator
from threading import Event, Thread

import pytest
from flask import Flask
from flask.testing import FlaskClient

from plugin.cds import overload
from plugin.cds.turns import Turns

CALL = "/cds-services/almoner-patient-view"


@pytest.fixture
def app() -> Flask:
    """A service for one call at a time, whose door notes who comes to it."""
    app = Flask(__name__)
    overload.install(app, Turns(1))
    at_door: list[str] = []
    app.extensions["at_door"] = at_door
    app.extensions["may"], app.extensions["at_work"] = Event(), Event()
    app.before_request(lambda: at_door.append("somebody"))

    def work(**_: str) -> dict[str, str]:
        app.extensions["at_work"].set()
        assert app.extensions["may"].wait(10)
        return {}

    def fail(**_: str) -> dict[str, str]:
        raise RuntimeError

    app.add_url_rule("/cds-services/<service>", view_func=work, methods=["POST"])
    app.add_url_rule("/cds-services/<service>/feedback", view_func=fail, methods=["POST"])
    app.add_url_rule("/cds-services", "discovery", lambda: {})
    app.add_url_rule("/health/live", "health", lambda: {}, methods=["GET", "POST"])
    return app


@pytest.fixture
def busy(app: Flask) -> Iterator[FlaskClient]:
    """A client of the service while another one's call is at work."""
    other = Thread(target=app.test_client().post, args=(CALL,))
    other.start()
    assert app.extensions["at_work"].wait(10)
    yield app.test_client()
    app.extensions["may"].set()
    other.join()


@pytest.mark.parametrize("path", [CALL, f"{CALL}/feedback"])
def test_a_further_call_is_turned_away_before_the_door_where_its_token_would_be_used_up(app: Flask, busy: FlaskClient, path: str) -> None:
    before = len(app.extensions["at_door"])
    answer = busy.post(path, data=b"x" * 100_000)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, str(overload.RETRY_SECONDS))
    assert answer.json == {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "error", "code": "throttled", "diagnostics": "too many calls at this moment; send it again"}],
    }
    assert len(app.extensions["at_door"]) == before


def test_health_and_discovery_are_never_turned_away(busy: FlaskClient) -> None:
    assert [busy.get("/health/live").status_code, busy.post("/health/live").status_code, busy.get("/cds-services").status_code] == [200] * 3


def test_a_call_that_is_turned_away_gives_no_place_back(app: Flask, busy: FlaskClient) -> None:
    assert [busy.post(CALL).status_code for _ in range(3)] == [503] * 3


def test_a_call_that_fails_gives_its_place_back(app: Flask) -> None:
    client = app.test_client()
    app.extensions["may"].set()
    assert [client.post(f"{CALL}/feedback").status_code for _ in range(3)] == [500] * 3
    assert client.post(CALL).status_code == 200
