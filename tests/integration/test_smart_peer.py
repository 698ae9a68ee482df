"""SMART Backend Services with a server that we did not write: it verifies our assertions, gives tokens and holds us to their scopes."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
from support.counting_proxy import Counting, counting_proxy
from support.ehr_server import Smart, ehr_server, peer_python
from support.hand_made import HAND_MADE
from support.smart_keys import PrivateKey, ec_key, pem, private_file, rsa_key

from fhir_adapters import read_patients
from fhir_adapters.connections import Client, Connection, Opened
from fhir_adapters.errors import AccessRefused, EhrUnavailable
from fhir_adapters.mapping import MAPPED_TYPES
from fhir_adapters.smart import BackendServices, SigningKey, discover
from fhir_adapters.smart.keys import parse_key
from fhir_adapters.transport import FhirServer

pytestmark = pytest.mark.slow

TOKEN_PATH = "/auth/token"  # noqa: S105 an address
NEEDS = dict.fromkeys(sorted(MAPPED_TYPES), "rs")


@dataclass(frozen=True)
class Site:
    """A SMART server behind a proxy, and the files with the keys of its clients."""

    proxy: Counting
    keys: Path

    def opened(self, client_id: str, key: str, **needs: str) -> Opened:
        client = Client(client_id, str(self.keys / key))
        return Opened(Connection("site", self.proxy.base_url, client=client), needs or NEEDS)


def registered(client_id: str, key: PrivateKey, scopes: str) -> dict[str, object]:
    return {"client_id": client_id, "jwks": {"keys": [parse_key(pem(key), "a test").public()]}, "scopes": scopes}


CLIENTS = [
    registered("almoner", rsa_key(), "system/*.*"),
    registered("almoner-ec", ec_key(), "system/*.*"),
    registered("almoner-goals", ec_key(), "system/Patient.rs system/Goal.rs"),
]


@pytest.fixture(scope="module")
def python() -> Path:
    path = peer_python()
    if path is None:
        pytest.skip("no sekmet-fhir here: make peer, or set ALMONER_PEER_PYTHON")
    return path


def site(python: Path, folder: Path, life: int) -> Iterator[Site]:
    with counting_proxy() as proxy, ehr_server(python, folder, smart=Smart(CLIENTS, life, proxy.base_url)) as ehr:
        proxy.target = ehr.base_url.removeprefix("http://").removesuffix("/fhir")
        ehr.put(HAND_MADE)
        private_file(folder / "rsa.pem", pem(rsa_key()))
        private_file(folder / "other.pem", pem(rsa_key(3072)))
        private_file(folder / "ec.pem", pem(ec_key()))
        yield Site(proxy, folder)


@pytest.fixture(scope="module")
def lasting(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    yield from site(python, tmp_path_factory.mktemp("lasting"), 300)


@pytest.fixture(scope="module")
def fleeting(python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Its tokens live for a second."""
    yield from site(python, tmp_path_factory.mktemp("fleeting"), 1)


@pytest.mark.parametrize(("client_id", "key"), [("almoner", "rsa.pem"), ("almoner-ec", "ec.pem")], ids=["RS384", "ES384"])
def test_everybody_is_read_with_a_token_of_the_least_scopes(lasting: Site, client_id: str, key: str) -> None:
    opened = lasting.opened(client_id, key)
    before = lasting.proxy.count(TOKEN_PATH)
    dataset = read_patients(opened.server)
    assert [record.person.id for record in dataset.records] == ["ann", "bob", "cleo"]
    assert dataset.report.not_loaded == {}
    assert opened.authority is not None
    assert opened.authority.grant().scopes == tuple(f"system/{name}.rs" for name in sorted(MAPPED_TYPES))
    assert lasting.proxy.count(TOKEN_PATH) == before + 1


def test_without_a_token_nothing_is_to_be_had(lasting: Site) -> None:
    with pytest.raises(EhrUnavailable, match="HTTP 401"):
        FhirServer(lasting.proxy.base_url).get("Patient")


def test_a_thousand_calls_take_two_token_requests_at_most(lasting: Site) -> None:
    opened = lasting.opened("almoner-ec", "ec.pem", Patient="rs")
    before = lasting.proxy.count(TOKEN_PATH)
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(lambda _: opened.server.get("Patient/ann")["id"], range(1000)))
    assert found == ["ann"] * 1000
    assert lasting.proxy.count(TOKEN_PATH) - before <= 2


def test_an_expired_token_is_renewed_in_mid_run(fleeting: Site) -> None:
    """Our clock stands still, so that the token expires at the server before we would renew it."""
    at = fleeting.proxy.base_url
    key = parse_key(pem(ec_key()), "a test")
    authority = BackendServices(
        "almoner-ec", lambda: key, lambda: discover(FhirServer(at)), lambda _: ["system/Patient.rs"], clock=lambda: 0.0
    )
    server = FhirServer(at, authority=authority)
    before = fleeting.proxy.count(TOKEN_PATH)
    assert server.get("Patient/ann")["id"] == "ann"
    first = authority.token()
    while requests.get(f"{at}/Patient/ann", headers={"Authorization": f"Bearer {first}"}, timeout=30).ok:
        time.sleep(0.1)
    assert authority.token() == first
    assert server.get("Patient/ann")["id"] == "ann"
    assert fleeting.proxy.count(TOKEN_PATH) == before + 2
    assert server.attempts == {"accepted": 2, "HTTP 401": 1}


def test_a_scope_that_is_not_granted_is_named(lasting: Site) -> None:
    server = lasting.opened("almoner-goals", "ec.pem", Patient="rs", Goal="rs", Task="crus").server
    with pytest.raises(AccessRefused, match=r"did not grant system/Task\.crus") as refused:
        server.get("Goal")
    assert refused.value.missing == ("system/Task.crus",)


def test_an_assertion_is_good_for_one_use(lasting: Site) -> None:
    opened = lasting.opened("almoner", "rsa.pem")
    assert opened.authority is not None
    endpoint = discover(opened.anonymous).token
    form = {
        "grant_type": "client_credentials",
        "scope": "system/Patient.rs",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": opened.authority.assertion(endpoint),
    }
    first, second = (requests.post(endpoint, data=form, timeout=30) for _ in range(2))
    assert first.status_code == 200
    assert (second.status_code, second.json()["error_description"]) == (401, "jti has already been used")


WRONG = {
    "another key under the name": ("almoner", "other.pem", "invalid_client"),
    "an unknown client": ("almoner-unknown-to-the-server", "ec.pem", "invalid_client"),
}


@pytest.mark.parametrize(("client_id", "key", "reason"), WRONG.values(), ids=WRONG)
def test_what_the_server_refuses_is_told_with_the_remedy(lasting: Site, client_id: str, key: str, reason: str) -> None:
    with pytest.raises(AccessRefused, match=f"{reason}: is the client id right, the public key registered there") as refused:
        lasting.opened(client_id, key).server.get("Patient/ann")
    assert "almoner-unknown" not in str(refused.value)


def test_a_kid_is_always_sent_and_the_key_found_without_it_too(lasting: Site) -> None:
    key = SigningKey("a name that the server does not know", "ES384", ec_key())
    authority = BackendServices(
        "almoner-ec", lambda: key, lambda: discover(FhirServer(lasting.proxy.base_url)), lambda _: ["system/Patient.rs"]
    )
    assert FhirServer(lasting.proxy.base_url, authority=authority).get("Patient/ann")["id"] == "ann"
