"""The service behind an operator's TLS: a client with tokens calls it over https, and nothing that is safe only inside goes outside."""

import http.client
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import orjson
import pytest
import requests
from support.almoner_server import almoner_server
from support.card_checks import complaints
from support.cds_calls import AS_OF, hook_call, prefetch
from support.cds_tokens import GONE, ISSUER, Ehr, written
from support.certificates import issue
from support.tls_proxy import TlsProxy, tls_proxy

from plugin.cds.validate import discovery_problems

pytestmark = pytest.mark.slow

EHR: Final = Ehr()
CALL: Final = "/cds-services/almoner-patient-view"


class Outside:
    """The service as a client elsewhere sees it."""

    def __init__(self, proxy: TlsProxy, certificate: Path) -> None:
        self.url, self.certificate = proxy.url, str(certificate)

    def ask(self, method: str, path: str, token: str | None = "", **how: Any) -> requests.Response:
        """With a good token for that address, unless another or ``None`` is given."""
        sent = EHR.token(datetime.now(UTC), {"jku": GONE}, aud=self.url + path) if token == "" else token
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        return requests.request(method, self.url + path, headers=headers, verify=self.certificate, timeout=30, **how)


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outside]:
    folder = tmp_path_factory.mktemp("tls")
    certificate = issue(folder)
    with tls_proxy(certificate) as proxy, pytest.MonkeyPatch.context() as patch:
        clinic = {"issuer": ISSUER, "jwks_file": str(written(folder, EHR.jwks()))}
        patch.setitem(os.environ, "ALMONER_CDS__CLIENTS", orjson.dumps({"clinic": clinic}).decode())
        patch.setitem(os.environ, "ALMONER_PUBLIC_URL", proxy.url)
        with almoner_server(folder, AS_OF) as inside:
            proxy.target = urlsplit(inside).port or 0
            yield Outside(proxy, folder / "cert.pem")


@pytest.mark.requirement("cds-hooks_2.0@1", "cds-hooks_2.0@2", "cds-hooks_2.0@168", "cds-hooks_2.0@176", "cds-hooks_2.0@199")
def test_discovery_call_and_feedback_over_https(outside: Outside) -> None:
    told = outside.ask("GET", "/cds-services")
    assert (told.status_code, discovery_problems(told.json())) == (200, [])
    answer = outside.ask("POST", CALL, json=hook_call(prefetch()))
    assert (answer.status_code, answer.headers["Content-Type"], complaints(answer.json())) == (200, "application/json", [])
    card = answer.json()["cards"][0]["uuid"]
    said = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-21T22:48:30Z"}
    assert outside.ask("POST", f"{CALL}/feedback", json={"feedback": [said]}).status_code == 200


@pytest.mark.requirement("cds-hooks_2.0@2", "cds-hooks_2.0@168")
def test_browsers_are_told_to_come_by_https_only(outside: Outside) -> None:
    for response in (outside.ask("GET", "/cds-services"), outside.ask("POST", CALL, None, json={}), outside.ask("OPTIONS", CALL, None)):
        assert response.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.requirement("cds-hooks_2.0@2", "cds-hooks_2.0@168")
def test_whoever_speaks_no_tls_hears_nothing(outside: Outside) -> None:
    connection = http.client.HTTPConnection(urlsplit(outside.url).netloc, timeout=30)
    connection.request("GET", "/cds-services")
    with pytest.raises((http.client.HTTPException, OSError)):
        connection.getresponse()
    connection.close()


@pytest.mark.requirement("cds-hooks_2.0@176", "cds-hooks_2.0@177", "cds-hooks_2.0@14", "cds-hooks_2.0@76")
def test_a_token_for_the_address_inside_is_none_for_the_one_outside(outside: Outside) -> None:
    inside = EHR.token(datetime.now(UTC), {"jku": GONE}, aud=outside.url.replace("https", "http") + CALL)
    for token in (None, inside, EHR.token(datetime.now(UTC), {"jku": GONE}, aud=f"{outside.url}/cds-services")):
        response = outside.ask("POST", CALL, token, json=hook_call(prefetch()))
        assert (response.status_code, response.json()["resourceType"]) == (401, "OperationOutcome")
