"""Calls over HTTP: the one answer to everybody who is not let in, whose origins may read it, and bodies within bounds."""

import gzip
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from support.cds_tokens import PATH, PUBLIC_URL, Ehr, client, trusting
from support.databases import database_of, opened
from support.door_app import door_app
from werkzeug.test import TestResponse

from plugin.cds.body import DEPTH, LIMIT, is_deeper

EHR: Final = Ehr()
FIRST: Final = client("first", allowed_origins=("https://first.example",))
SECOND: Final = client("second", tenant="two", allowed_origins=("https://second.example", "https://both.example"))


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Flask]:
    with opened(database_of(tmp_path)) as store:
        yield door_app((FIRST, SECOND), trusting(store, FIRST, SECOND))


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


def bearer(path: str = PATH, **claims: Any) -> dict[str, str]:
    """A good token for now: the door reads the clock itself."""
    return {"Authorization": f"Bearer {EHR.token(datetime.now(UTC), aud=PUBLIC_URL + path, **claims)}"}


def seen(response: TestResponse) -> tuple[int, bytes, list[tuple[str, str]]]:
    """Everything that a stranger can tell answers apart by."""
    return response.status_code, response.data, sorted((name, value) for name, value in response.headers if name != "Date")


@pytest.mark.requirement("cds-hooks_2.0@177")
def test_everybody_who_is_not_let_in_gets_the_same_answer(http: FlaskClient) -> None:
    used = bearer()
    assert http.post(PATH, json={}, headers=used).status_code == 200
    reasons: list[dict[str, str]] = [
        {},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer x"},
        used,
        bearer(exp=1, iat=0),
        bearer(iss="https://evil.example"),
        bearer(tenant="three"),
        bearer("/cds-services"),
        {"Authorization": bearer()["Authorization"][:-8] + "AAAAAAAA"},
        {"Authorization": f"{bearer()['Authorization']}, {bearer()['Authorization']}"},
    ]
    answers = [
        seen(http.post(path, json={}, headers=each)) for each in reasons for path in (PATH, "/cds-services/other", f"{PATH}/feedback")
    ]
    assert all(each == answers[0] for each in answers)
    status, body, headers = answers[0]
    assert (status, dict(headers)["WWW-Authenticate"]) == (401, "Bearer")
    assert json.loads(body)["issue"][0]["code"] == "security"
    assert seen(http.get("/cds-services"))[:2] == (status, body)


def test_discovery_call_and_feedback_want_a_token_each(http: FlaskClient) -> None:
    assert http.get("/cds-services", headers=bearer("/cds-services")).json == {"client": "first", "body": None}
    for path in (PATH, f"{PATH}/feedback"):
        assert http.post(path, json={"a": 1}, headers=bearer(path)).json == {"client": "first", "body": {"a": 1}}
    assert http.get("/cds-services?x=1", headers=bearer("/cds-services")).status_code == 200


def test_the_body_of_a_stranger_is_not_read(http: FlaskClient) -> None:
    class Untouched(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise AssertionError("read")

        readline = readinto = read

    response = http.post(PATH, input_stream=Untouched(), headers={"Content-Length": "5000000"})
    assert response.status_code == 401


@pytest.mark.requirement("cds-hooks_2.0@208")
@pytest.mark.parametrize("origin", ["https://first.example", "https://second.example", "https://both.example"])
def test_a_page_may_ask_beforehand_and_read_that_it_was_refused(http: FlaskClient, origin: str) -> None:
    asked = {"Origin": origin, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
    before = http.options(PATH, headers=asked)
    assert (before.status_code, before.headers["Access-Control-Allow-Origin"]) == (200, origin)
    assert before.headers["Access-Control-Allow-Headers"] == "Authorization, Content-Type"
    refused = http.post(PATH, json={}, headers={"Origin": origin})
    assert (refused.status_code, refused.headers["Access-Control-Allow-Origin"]) == (401, origin)


@pytest.mark.parametrize(("tenant", "origin", "readable"), [({}, "first", True), ({}, "second", False), ({"tenant": "two"}, "both", True)])
def test_an_answer_is_for_the_origins_of_its_client_only(http: FlaskClient, tenant: Any, origin: str, readable: bool) -> None:
    response = http.post(PATH, json={}, headers=bearer(**tenant) | {"Origin": f"https://{origin}.example"})
    assert response.status_code == 200
    assert ("Access-Control-Allow-Origin" in response.headers) == readable
    assert "Origin" in response.headers["Vary"]
    assert "Access-Control-Allow-Credentials" not in response.headers


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "https://first.example.evil.example", "https://first.example/", "null", "*", ""]
)
def test_other_origins_read_nothing(http: FlaskClient, origin: str) -> None:
    for response in (http.options(PATH, headers={"Origin": origin}), http.post(PATH, headers={"Origin": origin})):
        assert "Access-Control-Allow-Origin" not in response.headers


def test_every_answer_is_for_a_program_and_not_for_a_page(http: FlaskClient) -> None:
    for response in (http.get("/cds-services"), http.options(PATH), http.post(PATH, json={}, headers=bearer())):
        assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert response.headers["Strict-Transport-Security"]


# ------------------------------------------------------------ bodies


def sent(http: FlaskClient, body: bytes, **headers: str) -> int:
    more = {name.replace("_", "-"): value for name, value in headers.items()}
    return http.post(PATH, data=body, content_type="application/json", headers=bearer() | more).status_code


def nested(depth: int) -> list[bytes]:
    return [b"[" * depth + b"]" * depth, b'{"a":' * (depth - 1) + b"{}" + b"}" * (depth - 1)]


def test_a_body_is_nested_within_reason(http: FlaskClient) -> None:
    assert [sent(http, body) for body in nested(DEPTH)] == [200, 200]
    for depth in (DEPTH + 1, 990, 1024, 1025, 100_000):
        assert [sent(http, body) for body in nested(depth)] == [400, 400]


@pytest.mark.parametrize("value", [None, 1, "x", True, 1.5, "[", "]", '"', "\\", '\\"]', '"[', "\n{", "[]", ""])
def test_a_value_has_no_depth(value: Any) -> None:
    assert not is_deeper(orjson.dumps(value), 0)
    assert is_deeper(orjson.dumps([value]), 0)
    assert not is_deeper(orjson.dumps([[value], {"a": value}]), 2)
    assert is_deeper(orjson.dumps([[[]], {"a": value}]), 2)


TEXTS = st.text(alphabet='[]{}"\\:, a\n', max_size=4)
VALUES = st.recursive(TEXTS | st.none(), lambda some: st.lists(some, max_size=4) | st.dictionaries(TEXTS, some, max_size=4), max_leaves=30)


def levels(value: Any) -> int:
    held = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if held is None else 1 + max(map(levels, held), default=0)


@given(VALUES)
def test_the_depth_is_that_of_what_is_parsed_whatever_the_texts_hold(value: Any) -> None:
    depth = levels(value)
    for text in (orjson.dumps(value), json.dumps(value, indent=1).encode()):
        assert [is_deeper(text, most) for most in (depth - 1, depth, depth + 1)] == [depth > 0, False, False]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "GZIP", "identity, gzip", "x"])
def test_a_compressed_body_is_not_unpacked(http: FlaskClient, coding: str) -> None:
    assert sent(http, gzip.compress(b"{}"), Content_Encoding=coding) == 415
    assert sent(http, b"{}", Content_Encoding=coding) == 415


def test_a_body_that_says_that_it_is_as_it_is_passes(http: FlaskClient) -> None:
    assert sent(http, b"{}", Content_Encoding="Identity") == 200


@pytest.mark.parametrize("size", [LIMIT + 1, LIMIT + 2, LIMIT + 5000])
def test_a_chunked_body_is_refused_and_not_cut(http: FlaskClient, size: int) -> None:
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    whole = b"{}" + b" " * (size - 2)
    response = http.post(PATH, input_stream=io.BytesIO(whole), content_type="application/json", headers=bearer(), environ_overrides=environ)
    assert response.status_code == 413
