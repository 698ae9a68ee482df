"""The application over HTTP: answers, refusals, headers, trouble."""

import io
import logging
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from flask import Flask
from flask.testing import FlaskClient
from support.cds_calls import AS_OF, SERVICE_ID, condition, hook_call, prefetch, searchset
from werkzeug.test import TestResponse

from plugin.app import create_app
from plugin.cds import service
from plugin.cds.body import LIMIT
from plugin.cds.compiler import Compiled, compile_card
from plugin.cds.validate import discovery_problems, response_problems
from plugin.runtime import Runtime, build_runtime
from plugin.settings import CdsSettings, Settings

URL: Final = f"/cds-services/{SERVICE_ID}"
ORIGIN: Final = "https://sandbox.example"
FEEDBACK: Final = {"card": "c1", "outcome": "overridden", "outcomeTimestamp": "2026-11-21T22:48:30.469Z"}


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    cds = CdsSettings(allowed_origins=(ORIGIN,))
    settings = Settings(as_of=date.fromisoformat(AS_OF), state=tmp_path_factory.mktemp("state"), engine="reference", cds=cds)
    found = build_runtime(settings)
    yield found
    found.engine.close()


@pytest.fixture
def app(runtime: Runtime) -> Flask:
    return create_app(runtime)


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


def is_refusal(response: TestResponse, status: int) -> bool:
    assert response.is_json
    assert response.json is not None
    return response.status_code == status and response.json["resourceType"] == "OperationOutcome"


def test_discovery(client: FlaskClient) -> None:
    found = client.get("/cds-services").json
    assert discovery_problems(found) == []
    assert found is not None
    assert [(s["hook"], s["id"]) for s in found["services"]] == [
        (hook, f"almoner-{hook}")
        for hook in (
            *("patient-view", "encounter-start", "encounter-discharge", "order-select", "order-sign", "appointment-book"),
            "problem-list-item-create",
        )
    ]


def test_a_call_is_answered_with_valid_cards(client: FlaskClient) -> None:
    response = client.post(URL, json=hook_call(prefetch()))
    assert response.status_code == 200
    assert response_problems(response.json) == []
    assert response.json is not None
    assert [card["source"]["topic"]["code"] for card in response.json["cards"]] == [
        "diabetes-food-insecurity",
        "cold-damp-home-respiratory",
    ]
    assert len({card["uuid"] for card in response.json["cards"]}) == 2


def test_no_more_cards_than_allowed(runtime: Runtime) -> None:
    settings = runtime.settings.model_copy(update={"cds": CdsSettings(max_cards=1, allowed_origins=(ORIGIN,))})
    response = create_app(replace(runtime, settings=settings)).test_client().post(URL, json=hook_call(prefetch()))
    assert response.json is not None
    assert len(response.json["cards"]) == 1


def test_a_card_leads_to_the_page_of_its_rule_where_that_can_be_reached(runtime: Runtime) -> None:
    for address, links in ((None, []), ("https://phm.example/", ["https://phm.example/rules/diabetes-food-insecurity"])):
        settings = runtime.settings.model_copy(update={"public_url": address})
        response = create_app(replace(runtime, settings=settings)).test_client().post(URL, json=hook_call(prefetch()))
        assert response.json is not None
        assert [link["url"] for link in response.json["cards"][0].get("links", [])] == links


def test_without_a_patient_the_answer_is_412_and_names_what_is_missing(client: FlaskClient) -> None:
    response = client.post(URL, json=hook_call())
    assert is_refusal(response, 412)
    assert "prefetch 'patient' is missing" in response.text
    assert "prefetch 'goal' is missing" in response.text


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1,2]",
        b"null",
        b"NaN",
        b'"x"',
        b"\xff\xfe{}",
        b'{"hook": "\\ud800"}',
        b"[" * 100_000,
        b'{"hook":"patient-view"}',
        b'{"hook":"patient-view","hookInstance":"x","context":[]}',
        b'{"hook":"order-sign","hookInstance":"x","context":{"patientId":"p1"}}',
        b'{"hook":"patient-view","hookInstance":"x","context":{"patientId":"../p1"}}',
    ],
)
@pytest.mark.parametrize("path", [URL, f"{URL}/feedback"])
def test_hostile_bodies_are_refused_in_json(client: FlaskClient, path: str, body: bytes) -> None:
    if path != URL and body == b"[1,2]":
        pytest.skip("a bare list is read as entries of feedback, which are kept aside")
    assert is_refusal(client.post(path, data=body, content_type="application/json"), 400)


def test_a_body_that_is_said_not_to_be_json_is_refused(client: FlaskClient) -> None:
    assert is_refusal(client.post(URL, data=b"{}", content_type="text/plain"), 415)


def test_a_body_of_the_limit_passes_and_one_byte_more_does_not(client: FlaskClient) -> None:
    assert is_refusal(client.post(URL, data=b" " * LIMIT, content_type="application/json"), 400)
    for extra in (1, 2):
        assert is_refusal(client.post(URL, data=b" " * (LIMIT + extra), content_type="application/json"), 413)


def chunked(client: FlaskClient, size: int) -> TestResponse:
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    stream = io.BytesIO(b" " * size)
    return client.post(URL, input_stream=stream, content_type="application/json", environ_overrides=environ)


def test_a_chunked_body_has_the_same_limit(client: FlaskClient) -> None:
    assert is_refusal(chunked(client, LIMIT), 400)
    assert is_refusal(chunked(client, LIMIT + 1), 413)
    assert is_refusal(chunked(client, LIMIT + 5000), 413)


def test_a_body_shorter_than_announced_is_refused(client: FlaskClient) -> None:
    body = io.BytesIO(b'{"hook":')
    response = client.post(URL, input_stream=body, content_type="application/json", headers={"Content-Length": "1000"})
    assert is_refusal(response, 400)


@pytest.mark.parametrize("path", ["/cds-services/other", "/cds-services/other/feedback", f"{URL}/x", "/cds-services/"])
def test_unknown_services_are_not_found_in_json(client: FlaskClient, path: str) -> None:
    assert is_refusal(client.post(path, json={}), 404)


def test_wrong_methods_are_refused_in_json_and_told_the_right_one(client: FlaskClient) -> None:
    for method in ("GET", "PUT", "DELETE", "TRACE"):
        response = client.open(URL, method=method)
        assert is_refusal(response, 405)
        assert "POST" in response.headers["Allow"]


@pytest.mark.parametrize("accept", ["application/json", "text/html"])
def test_pages_have_errors_that_their_reader_can_read(client: FlaskClient, accept: str) -> None:
    response = client.get("/no/such/page", headers={"Accept": accept})
    assert response.status_code == 404
    assert response.mimetype == accept


def test_wrong_patients_data_gives_no_card_but_an_error_id(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    foreign = condition("c9", "44054006", subject={"reference": "Patient/p2"})
    response = client.post(URL, json=hook_call(prefetch(condition=searchset(foreign))))
    assert (response.status_code, response.json) == (200, {"cards": []})
    assert f"error_id={response.headers['X-Almoner-Error-Id']} type=WrongPatient" in caplog.text
    assert "p2" not in caplog.text


def test_trouble_of_ours_never_disturbs_the_clinician(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise RuntimeError("Jane Roe, born 1970")

    monkeypatch.setattr(service, "consider", broken)
    response = client.post(URL, json=hook_call(prefetch()))
    assert (response.status_code, response.json) == (200, {"cards": []})
    assert f"error_id={response.headers['X-Almoner-Error-Id']} type=RuntimeError at=test_cds_http.py" in caplog.text
    assert "Jane" not in caplog.text


def test_a_card_that_breaks_the_standard_is_not_sent(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(advice: Any, client: Any, new_id: Any, **rest: Any) -> Compiled:
        made = compile_card(advice, client, new_id, **rest)
        return replace(made, card=made.card | ({"indicator": "hard-stop"} if advice.rule.priority == 80 else {}))

    monkeypatch.setattr(service, "compile_card", broken)
    response = client.post(URL, json=hook_call(prefetch()))
    assert response.json is not None
    assert [card["source"]["topic"]["code"] for card in response.json["cards"]] == ["cold-damp-home-respiratory"]
    assert f"card_dropped error_id={response.headers['X-Almoner-Error-Id']}" in caplog.text
    assert "card_invalid rule=diabetes-food-insecurity problems=response.cards[0].indicator" in caplog.text


def test_a_card_that_would_change_what_is_no_draft_of_the_call_is_not_sent(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(advice: Any, client: Any, new_id: Any, **rest: Any) -> Compiled:
        made = compile_card(advice, client, new_id, **rest)
        signed = {
            "resourceType": "ServiceRequest",
            "id": "s1",
            "status": "active",
            "intent": "order",
            "subject": {"reference": "Patient/p1"},
        }
        change = {"type": "update", "description": "Change an order", "resource": signed}
        wrong = {"uuid": "u1", "label": "Change an order", "actions": [change]}
        return replace(made, card=made.card | {"suggestions": [wrong], "selectionBehavior": "any"})

    monkeypatch.setattr(service, "compile_card", broken)
    response = client.post(URL, json=hook_call(prefetch()))
    assert response.json == {"cards": []}
    assert "suggestions[0] updates what is no draft order of the call" in caplog.text


def test_an_answer_says_how_long_it_waited_and_what_its_steps_took(client: FlaskClient) -> None:
    told = client.post(URL, json=hook_call(prefetch())).headers["Server-Timing"]
    times = {name: float(took) for name, _, took in (each.partition(";dur=") for each in told.split(", "))}
    assert list(times) == ["door", "wait", "total", "read", "gather", "evaluate", "policy", "compile", "ledger"]
    assert times["total"] + 1 >= sum(took for name, took in times.items() if name != "total")


@pytest.mark.parametrize(("path", "accept"), [("/cds-services", "*/*"), ("/health/live", "*/*"), ("/rules", "text/html")])
def test_a_defect_shows_an_error_id_and_no_traceback(
    app: Flask, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, path: str, accept: str
) -> None:
    def broken() -> None:
        raise ValueError("Jane Roe")

    endpoint = app.url_map.bind("localhost").match(path)[0]
    monkeypatch.setitem(app.view_functions, endpoint, broken)
    response = app.test_client().get(path, headers={"Accept": accept})
    assert response.status_code == 500
    assert response.headers["X-Almoner-Error-Id"] in response.text
    assert f"request_failed error_id={response.headers['X-Almoner-Error-Id']} type=ValueError" in caplog.text
    assert "Jane" not in response.text + caplog.text
    assert "Traceback" not in response.text + caplog.text


def test_feedback_is_counted_without_saying_about_whom(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    accepted = FEEDBACK | {"outcome": "accepted", "acceptedSuggestions": [{"id": "s1"}]}
    commented = FEEDBACK | {"overrideReason": {"userComment": "Jane says no"}}
    response = client.post(f"{URL}/feedback", json={"feedback": [accepted, commented, FEEDBACK]})
    assert response.status_code == 200
    assert f"feedback client=open service={SERVICE_ID} taken=0 quarantined=3" in caplog.text
    assert "Jane" not in caplog.text


def test_entries_of_feedback_that_cannot_be_used_are_kept_aside(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    response = client.post(f"{URL}/feedback", json={"feedback": [{"card": "c1", "outcome": "ignored"}] * 50})
    assert response.status_code == 200
    assert "taken=0 quarantined=50" in caplog.text
    told = next(record.getMessage() for record in caplog.records if "feedback_not_conformant" in record.getMessage())
    assert "client=open count=100 problems=cds-fb-1" in told
    assert told.count(";") < 10


def test_calls_out_of_line_are_answered_and_noted(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    assert client.post(URL, json=hook_call(prefetch(), fhirAuthorization={"access_token": "x"})).status_code == 200
    assert "hook_call_not_conformant client=open problems=cds-r-1" in caplog.text


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/cds-services"), ("POST", URL), ("OPTIONS", URL), ("POST", "/cds-services/x"), ("GET", URL)]
)
def test_browsers_of_listed_origins_may_read_every_answer(client: FlaskClient, method: str, path: str) -> None:
    allowed = client.open(path, method=method, headers={"Origin": ORIGIN})
    assert allowed.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert allowed.headers["Access-Control-Expose-Headers"] == "X-Almoner-Error-Id"
    for origin in ("https://evil.example", f"{ORIGIN}.evil.example", f"{ORIGIN}/", "null"):
        other = client.open(path, method=method, headers={"Origin": origin})
        assert "Access-Control-Allow-Origin" not in other.headers
        assert "Origin" in other.headers["Vary"]


def test_the_preflight_needs_no_authentication(client: FlaskClient) -> None:
    answer = client.options(URL, headers={"Origin": ORIGIN, "Access-Control-Request-Method": "POST"})
    assert answer.status_code == 200
    assert answer.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "Access-Control-Allow-Credentials" not in answer.headers


def test_other_pages_are_not_for_other_origins(client: FlaskClient) -> None:
    assert "Access-Control-Allow-Origin" not in client.get("/health/live", headers={"Origin": ORIGIN}).headers


@pytest.mark.parametrize("path", ["/", "/rules", "/cds-services", "/health/live", "/nothing"])
def test_every_answer_carries_the_security_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path, headers={"Accept": "text/html"}).headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    # Forms of ours say where they come from; nobody else learns which page somebody was on.
    assert headers["Referrer-Policy"] == ("no-referrer" if path == "/cds-services" else "same-origin")
    assert headers["Cache-Control"] == ("private, no-cache" if path == "/cds-services" else "no-store")


def test_the_process_is_live(client: FlaskClient) -> None:
    assert client.get("/health/live").json == {"status": "live"}


def test_readiness_tells_packs_engine_and_sweep(client: FlaskClient, runtime: Runtime) -> None:
    found = client.get("/health/ready").json
    assert found == {
        "status": "ready",
        "packs": 1,
        "rules": len(runtime.packs[0].program.rules),
        "engine": "reference",
        "engine_note": "",
        "sweep": None,
        "canaries": [],
    }


def test_without_packs_the_service_is_not_ready(runtime: Runtime) -> None:
    response = create_app(replace(runtime, packs=())).test_client().get("/health/ready")
    assert response.status_code == 503


@pytest.mark.parametrize(
    ("manifest", "known"),
    [
        ('{"as_of": "2026-06-30", "published": "2026-06-30T02:00:00+00:00"}', True),
        ("{", False),
        ("[]", False),
        ('{"published": "x"}', False),
    ],
)
def test_readiness_tells_the_age_of_the_sweep(runtime: Runtime, tmp_path: Path, manifest: str, known: bool) -> None:
    settings = runtime.settings.model_copy(update={"state": tmp_path})
    folder = tmp_path / "sweeps" / "one"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(manifest)
    (tmp_path / "CURRENT").write_text("one\n")
    response = create_app(build_runtime(settings)).test_client().get("/health/ready")
    assert response.status_code == 200
    assert response.json is not None
    assert response.json["sweep"].keys() == ({"as_of", "age_hours"} if known else {"problem"})


def test_the_settings_make_the_application(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALMONER_STATE", str(tmp_path))
    monkeypatch.setenv("ALMONER_ENGINE", "reference")
    monkeypatch.setenv("ALMONER_CDS__MAX_CARDS", "7")
    assert create_app().extensions["almoner"].settings.cds.max_cards == 7
