"""The door before a real server with two workers: what the server itself makes of odd requests must not open it."""

import json
import os
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from support.cds_tokens import GONE, PATH, PUBLIC_URL, Ehr, written
from support.databases import emptied, opened

from plugin.cds.body import LIMIT

pytestmark = pytest.mark.slow

EHR: Final = Ehr()
TESTS: Final = Path(__file__).resolve().parent.parent


def token(path: str = PATH, **claims: Any) -> str:
    return EHR.token(datetime.now(UTC), {"jku": GONE}, aud=PUBLIC_URL + path, **claims)


@contextmanager
def served(database: str, folder: Path) -> Iterator[int]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, "-m", "support.door_app", database, str(written(folder, EHR.jwks()))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline())
        finally:
            process.terminate()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def port(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("door")
    if request.param == "sqlite":
        url = f"sqlite:///{folder / 'almoner.db'}"
        with opened(url), served(url, folder) as found:
            yield found
        return
    with emptied(request.getfixturevalue("postgresql_server")) as url, opened(url), served(url, folder) as found:
        yield found


def said(port: int, *headers: str, method: str = "POST", path: str = PATH, body: bytes = b"{}", length: bool = True) -> tuple[int, bytes]:
    """Status and body of the answer to a request as it is written."""
    lines = [f"{method} {path} HTTP/1.1", "Host: almoner.example", "Content-Type: application/json", "Connection: close", *headers]
    lines += [f"Content-Length: {len(body)}"] if length else []
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    head, _, content = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), content


def test_a_good_token_is_good_once_whichever_worker_it_meets(port: int) -> None:
    tokens = [token() for _ in range(25)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda each: (each, said(port, f"Authorization: Bearer {each}")[0]), tokens * 8))
    assert Counter(answers) == Counter({(each, status): count for each in tokens for status, count in ((200, 1), (401, 7))})


def test_two_authorization_headers_are_none(port: int) -> None:
    good, other = token(), token()
    for first, second in ((good, other), (good, good), (good, "x"), ("x", good)):
        assert said(port, f"Authorization: Bearer {first}", f"Authorization: Bearer {second}")[0] in (400, 401)
    assert said(port, f"Authorization: Bearer {good}", "Authorization: Basic dXNlcjpwYXNz")[0] in (400, 401)
    assert said(port, f"Authorization: Bearer {good}")[0] == 200


@pytest.mark.parametrize("header", ["AUTHORIZATION", "authorization"])
def test_the_name_of_the_header_has_no_case(port: int, header: str) -> None:
    assert said(port, f"{header}: bearer {token()}")[0] == 200


def test_headers_that_only_look_like_it_count_for_nothing(port: int) -> None:
    for name in ("Proxy-Authorization", "X-Authorization", "Authorization_", "Http-Authorization", "X-Forwarded-User", "Remote-User"):
        assert said(port, f"{name}: Bearer {token()}")[0] == 401
    assert said(port, path=f"{PATH}?access_token={token()}")[0] == 401
    assert said(port, f"Cookie: Authorization=Bearer {token()}")[0] == 401


@pytest.mark.parametrize(
    "path", ["//cds-services", "/cds-services/", "/x/../cds-services", "/%63ds-services/x", "/CDS-SERVICES", "/cds-services;x"]
)
def test_no_spelling_of_an_address_goes_round_the_door(port: int, path: str) -> None:
    assert said(port, path=path, method="GET")[0] in (400, 401)


def test_a_host_header_moves_no_audience(port: int) -> None:
    assert said(port, f"Authorization: Bearer {token()}", "X-Forwarded-Host: evil.example")[0] == 200
    stolen = EHR.token(datetime.now(UTC), {"jku": GONE}, aud=f"https://evil.example{PATH}")
    for header in ("X-Forwarded-Host: evil.example", "Forwarded: host=evil.example;proto=https", "X-Original-Host: evil.example"):
        assert said(port, f"Authorization: Bearer {stolen}", header)[0] == 401


def test_discovery_and_feedback_want_tokens_of_their_own(port: int) -> None:
    for path, method in (("/cds-services", "GET"), (f"{PATH}/feedback", "POST")):
        assert said(port, path=path, method=method)[0] == 401
        assert said(port, f"Authorization: Bearer {token()}", path=path, method=method)[0] == 401
        assert said(port, f"Authorization: Bearer {token(path)}", path=path, method=method)[0] == 200


def test_a_preflight_needs_no_token(port: int) -> None:
    assert said(port, "Origin: https://ehr.example", "Access-Control-Request-Method: POST", method="OPTIONS", body=b"")[0] == 200


def chunked(*pieces: bytes, whole: bool = True) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces) + (b"0\r\n\r\n" if whole else b"")


def test_a_chunked_body_is_read_in_full(port: int) -> None:
    headers = (f"Authorization: Bearer {token()}", "Transfer-Encoding: chunked")
    status, content = said(port, *headers, body=chunked(b'{"a":', b" 1}"), length=False)
    assert (status, json.loads(content)["body"]) == (200, {"a": 1})


def test_a_chunked_body_that_is_too_long_is_not_cut(port: int) -> None:
    headers = (f"Authorization: Bearer {token()}", "Transfer-Encoding: chunked")
    pieces = [b'{"a": 1}', *[b" " * (1 << 20)] * (LIMIT >> 20)]
    assert said(port, *headers, body=chunked(*pieces), length=False)[0] == 413


def test_a_body_with_two_lengths_is_refused(port: int) -> None:
    headers = (f"Authorization: Bearer {token()}", "Transfer-Encoding: chunked", "Content-Length: 4")
    assert said(port, *headers, body=chunked(b"{}"), length=False)[0] == 400
