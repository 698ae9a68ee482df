"""Tokens: how seldom they are asked for, what becomes of refusals, and where they never turn up."""

import json
import logging
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from support.faulty_ehr import Answer, Faulty, body, fixed, in_turn, page, serving
from support.smart_keys import ec_key, secrets_of

from fhir_adapters.errors import AccessRefused, EhrUnavailable, UnsafeRedirect
from fhir_adapters.smart import BackendServices, Endpoints, SigningKey, discover
from fhir_adapters.transport import FhirServer, Limits

KEY = SigningKey("k1", "ES384", ec_key())
SCOPES = ("system/Patient.rs", "system/Task.crus")
CANARY = "ZZ" + "CANARY"
"""The suite fails if it turns up in any output or log record."""
CLIENT = f"client-{CANARY}-5ecret"
TOKEN = f"token-{CANARY}-5ecret"
QUICK = Limits(attempt=30, call=60, attempts=3, longest_wait=0.0)
ONCE = Limits(attempt=30, call=60, attempts=1, longest_wait=0.0)


@dataclass
class Clock:
    """Stands still unless told."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Tokens:
    """A token endpoint: numbers its tokens, notes what it was asked."""

    faulty: Faulty
    life: Any = 300
    more: dict[str, Any] = field(default_factory=dict)
    given: int = 0

    def __call__(self, *_: Any) -> Answer:
        self.given += 1
        return body({"access_token": f"{TOKEN}-{self.given}", "token_type": "bearer", "expires_in": self.life} | self.more)

    @property
    def forms(self) -> list[dict[str, str]]:
        return [{name: values[0] for name, values in parse_qs(each.decode()).items()} for each in self.faulty.posted]


@pytest.fixture
def ehr() -> Iterator[Faulty]:
    with serving() as server:
        server.behaviours["token"] = Tokens(server)
        yield server


def tokens(ehr: Faulty) -> Tokens:
    found = ehr.behaviours["token"]
    assert isinstance(found, Tokens)
    return found


def authority(ehr: Faulty, clock: Callable[[], float] = Clock(), key: SigningKey = KEY, **endpoints: Any) -> BackendServices:  # noqa: B008
    found = Endpoints(f"{ehr.base_url}/token", "metadata", **endpoints)
    return BackendServices(CLIENT, lambda: key, lambda: found, lambda _: SCOPES, limits=QUICK, clock=clock, sleep=lambda _: None)


def server(ehr: Faulty, by: BackendServices) -> FhirServer:
    return FhirServer(ehr.base_url, authority=by, limits=QUICK)


def bearers(ehr: Faulty) -> list[str | None]:
    return [headers.get("Authorization") for path, headers in ehr.asked if "/Goal" in path]


def test_the_assertion_is_as_the_standard_asks(ehr: Faulty) -> None:
    authority(ehr).token()
    (form,) = tokens(ehr).forms
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "scope": " ".join(SCOPES),
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    assert jwt.get_unverified_header(assertion) == {"alg": "ES384", "kid": "k1", "typ": "JWT"}
    endpoint = f"{ehr.base_url}/token"
    claims = jwt.decode(assertion, ec_key().public_key(), algorithms=["ES384"], audience=endpoint)
    assert claims["iss"] == claims["sub"] == CLIENT
    assert claims["aud"] == endpoint
    assert set(claims) == {"iss", "sub", "aud", "exp", "jti"}


def test_an_assertion_lives_for_four_minutes(ehr: Faulty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_adapters.smart.backend.time.time", lambda: 2_000_000_000.9)
    assertion = authority(ehr).assertion("https://ehr.example/token")
    assert jwt.decode(assertion, options={"verify_signature": False})["exp"] == 2_000_000_240


@pytest.mark.parametrize(("longest", "life"), [(60, 60), (600, 240)])
def test_a_vendor_may_want_it_shorter_but_it_is_never_longer(longest: int, life: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fhir_adapters.smart.backend.time.time", lambda: 2_000_000_000.0)
    by = BackendServices(CLIENT, lambda: KEY, lambda: Endpoints("x", "metadata"), lambda _: SCOPES, assertion_life=longest)
    assert jwt.decode(by.assertion("x"), options={"verify_signature": False})["exp"] == 2_000_000_000 + life


def test_no_two_assertions_are_the_same(ehr: Faulty) -> None:
    by = authority(ehr)
    made = [jwt.decode(by.assertion("x"), options={"verify_signature": False})["jti"] for _ in range(50)]
    assert len(set(made)) == 50


def test_a_thousand_calls_within_a_tokens_life_ask_for_two_tokens_at_most(ehr: Faulty) -> None:
    clock = Clock()
    by = authority(ehr, clock)
    for _ in range(1000):
        by.token()
        clock.now += 0.3
    assert tokens(ehr).given == 2


@pytest.mark.parametrize(("life", "renewed_after"), [(300, 270), (3600, 3570), (20, 18), ("300", 270), (None, 54), (-1, 54), (True, 54)])
def test_a_token_is_renewed_shortly_before_it_expires(ehr: Faulty, life: Any, renewed_after: float) -> None:
    tokens(ehr).life = life
    clock = Clock()
    by = authority(ehr, clock)
    first = by.token()
    clock.now += renewed_after - 0.1
    assert by.token() == first
    clock.now += 0.1
    assert by.token() != first


def test_eight_threads_that_need_a_token_ask_for_one(ehr: Faulty) -> None:
    by, start = authority(ehr), Barrier(8)

    def ask(_: int) -> str:
        start.wait()
        return by.token()

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(ask, range(8))) == {f"{TOKEN}-1"}
    assert tokens(ehr).given == 1


def test_threads_that_waited_for_one_that_failed_do_not_all_try_again(ehr: Faulty) -> None:
    clock, start = Clock(), Barrier(8)
    by = authority(ehr, clock)
    ehr.behaviours["token"] = fixed(body({"error": "invalid_client"}, 401))

    def ask(_: int) -> str:
        start.wait()
        with pytest.raises(AccessRefused) as refused:
            by.token()
        return str(refused.value)

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask, range(8)))) == 1
    assert len(ehr.posted) == 1
    clock.now += 1
    with pytest.raises(AccessRefused):
        by.token()
    assert len(ehr.posted) == 2, "a later call does try again"


def test_a_token_that_is_refused_is_replaced_once(ehr: Faulty) -> None:
    ehr.behaviours["Goal"] = in_turn(body({}, 401), body(page([])))
    server(ehr, authority(ehr)).get("Goal")
    assert bearers(ehr) == [f"Bearer {TOKEN}-1", f"Bearer {TOKEN}-2"]


def test_a_server_that_refuses_every_token_is_not_asked_for_one_at_each_call(ehr: Faulty) -> None:
    ehr.behaviours["Goal"] = fixed(body({}, 401))
    clock = Clock()
    found = server(ehr, authority(ehr, clock))
    for _ in range(20):
        with pytest.raises(EhrUnavailable, match="HTTP 401"):
            found.get("Goal")
    assert tokens(ehr).given == 2
    clock.now += 31
    with pytest.raises(EhrUnavailable, match="HTTP 401"):
        found.get("Goal")
    assert tokens(ehr).given == 3


TRANSIENT = {
    "502": (body({}, 502),),
    "two 503": (body({}, 503), body({}, 503)),
    "a 429": (body({}, 429, Retry_After="0"),),
    "a bare 400, as Epic now and then": ((400, {}, b""),),
    "HTML in place of JSON": ((200, {}, b"<html>"),),
}


@pytest.mark.parametrize("problems", TRANSIENT.values(), ids=TRANSIENT)
def test_a_token_endpoint_may_fail_for_a_moment(ehr: Faulty, problems: tuple[Answer, ...]) -> None:
    good = tokens(ehr)
    turn = in_turn(*problems, good())
    ehr.behaviours["token"] = turn
    assert authority(ehr).token() == f"{TOKEN}-1"
    sent = [jwt.decode(form["client_assertion"], options={"verify_signature": False})["jti"] for form in good.forms]
    assert len(sent) == len(set(sent)) == len(problems) + 1, "each attempt with an assertion of its own: it may have arrived"


FINAL = {
    "two bare 400": (in_turn((400, {}, b"")), "refused (HTTP 400)", 2),
    "an unknown client": (fixed(body({"error": "invalid_client"}, 401)), "invalid_client: is the client id right", 1),
    "a scope": (fixed(body({"error": "invalid_scope"}, 400)), "does not allow the scopes", 1),
    "an unknown reason": (fixed(body({"error": "made_up"}, 400)), "refused (HTTP 400)", 1),
    "no token": (fixed(body({"expires_in": 300})), "without a bearer token", 1),
    "a token of another kind": (fixed(body({"access_token": "x", "token_type": "mac"})), "without a bearer token", 1),
    "a token that is no header": (fixed(body({"access_token": "x\r\nHost: y"})), "without a bearer token", 1),
    "it stays down": (fixed(body({}, 503)), "the token endpoint failed (HTTP 503)", 3),
}


@pytest.mark.parametrize(("behaviour", "reason", "attempts"), FINAL.values(), ids=FINAL)
def test_a_refusal_is_told_with_the_remedy(ehr: Faulty, behaviour: Any, reason: str, attempts: int) -> None:
    ehr.behaviours["token"] = behaviour
    with pytest.raises(EhrUnavailable) as refused:
        authority(ehr).token()
    assert reason in str(refused.value)
    assert len(ehr.posted) == attempts


def test_a_redirect_of_the_token_endpoint_is_refused(ehr: Faulty) -> None:
    ehr.behaviours["token"] = fixed(body({}, 307, Location=f"{ehr.base_url}/elsewhere"))
    with pytest.raises(UnsafeRedirect):
        authority(ehr).token()
    assert len(ehr.posted) == 1


def test_a_scope_that_was_not_granted_is_named(ehr: Faulty) -> None:
    tokens(ehr).more = {"scope": "system/Patient.read system/Task.rs"}
    by = authority(ehr)
    with pytest.raises(AccessRefused, match=r"did not grant system/Task\.crus: ask its operator to") as refused:
        by.token()
    assert refused.value.missing == ("system/Task.crus",)
    assert by.grant().missing == ("system/Task.crus",)
    assert tokens(ehr).given == 1, "the answer stays the same until the token expires"


def test_a_key_that_the_server_cannot_verify_is_told_before_it_is_used(ehr: Faulty) -> None:
    with pytest.raises(AccessRefused, match="the key signs by ES384, and the server accepts RS384 only"):
        authority(ehr, algorithms=frozenset({"RS384"})).token()
    assert ehr.posted == []


def test_no_token_goes_to_another_host(ehr: Faulty) -> None:
    with serving() as foreign:
        ehr.behaviours["Goal"] = fixed(body({}, 307, Location=f"{foreign.base_url}/Goal"))
        found = server(ehr, authority(ehr))
        with pytest.raises(UnsafeRedirect):
            found.get("Goal")
        with pytest.raises(UnsafeRedirect):
            found.get(f"{foreign.base_url}/Goal")
        foreign.behaviours["file"] = fixed((200, {}, b"{}\n"))
        port = int(foreign.base_url.split(":")[2].split("/")[0])
        found.fetch(f"{foreign.base_url}/file", lambda _: None, token=True, hosts=[("http", "127.0.0.1", port)])
        assert [headers.get("Authorization") for _, headers in foreign.asked] == [None]


def test_tenants_side_by_side_have_tokens_of_their_own(ehr: Faulty) -> None:
    with serving() as other:
        other.behaviours["token"] = fixed(body({"access_token": "theirs", "expires_in": 300}))
        for each in (ehr, other):
            each.behaviours["Goal"] = fixed(body(page([])))
            server(each, authority(each)).get("Goal")
        assert (bearers(ehr), bearers(other)) == ([f"Bearer {TOKEN}-1"], ["Bearer theirs"])


def test_secrets_are_in_no_representation_log_or_error(ehr: Faulty, caplog: pytest.LogCaptureFixture) -> None:
    by = authority(ehr)
    ehr.behaviours["Goal"] = in_turn(body({}, 401), (200, {}, b"<html>"), body({}, 403))
    found = server(ehr, by)
    shown = [repr(by.grant()), repr(by), repr(found), repr(KEY), str(vars(KEY) if hasattr(KEY, "__dict__") else KEY)]
    with caplog.at_level(logging.DEBUG):
        for ask in (lambda: found.get("Goal"), lambda: found.get("Goal"), lambda: found.get("Goal")):
            try:
                ask()
            except EhrUnavailable as problem:
                shown += traceback.format_exception(problem)
        echo = {"error": "invalid_client", "error_description": f"{CLIENT} sent\n {by.assertion('x')} and {TOKEN}"}
        ehr.behaviours["token"] = fixed(body(echo, 401))
        with pytest.raises(AccessRefused, match="it says: … sent … and …") as refused:
            authority(ehr).token()
        shown += traceback.format_exception(refused.value)
    text = "\n".join([*shown, caplog.text])
    sent = [form["client_assertion"] for form in tokens_sent(ehr)]
    assert sent
    assert not [secret for secret in (TOKEN, CLIENT, *sent, *secrets_of(ec_key())) if secret in text]


def tokens_sent(ehr: Faulty) -> list[dict[str, str]]:
    return [{name: values[0] for name, values in parse_qs(each.decode()).items()} for each in ehr.posted]


# ------------------------------------------------------------ where tokens are given


CONFIGURATION = {
    "token_endpoint": "https://ehr.example/token",
    "token_endpoint_auth_signing_alg_values_supported": ["RS384", "ES384"],
    "scopes_supported": ["system/*.rs"],
    "capabilities": ["permission-v2"],
}


def statement(url: str | None) -> dict[str, Any]:
    oauth = {
        "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
        "extension": [{"url": "authorize", "valueUri": "https://ehr.example/authorize"}, {"url": "token", "valueUri": url}],
    }
    return {"resourceType": "CapabilityStatement", "rest": [{"mode": "server", "security": {"extension": [oauth] if url else []}}]}


def found_at(ehr: Faulty) -> Endpoints:
    return discover(FhirServer(ehr.base_url, limits=ONCE))


def test_the_smart_configuration_says_where(ehr: Faulty) -> None:
    ehr.behaviours[".well-known"] = fixed(body(CONFIGURATION))
    found = found_at(ehr)
    assert found.token == "https://ehr.example/token"  # noqa: S105 an address
    assert (found.algorithms, found.scopes, found.capabilities) == ({"RS384", "ES384"}, ("system/*.rs",), {"permission-v2"})
    assert [headers["Accept"] for _, headers in ehr.asked] == ["application/json"]


@pytest.mark.parametrize(
    "answer", [body({}, 404), body({}, 401), (200, {}, b"<html>"), body({"issuer": "x"}), body({"token_endpoint": 3})], ids=str
)
def test_without_one_the_capability_statement_says_where(ehr: Faulty, answer: Answer) -> None:
    ehr.behaviours[".well-known"] = fixed(answer)
    ehr.behaviours["metadata"] = fixed(body(statement("https://ehr.example/auth")))
    assert found_at(ehr) == Endpoints("https://ehr.example/auth", "metadata")


def test_a_server_without_a_token_endpoint_is_told(ehr: Faulty) -> None:
    ehr.behaviours[".well-known"] = fixed(body({}, 404))
    ehr.behaviours["metadata"] = fixed(body(statement(None)))
    with pytest.raises(AccessRefused, match="names no token endpoint"):
        found_at(ehr)


def test_a_server_that_is_down_is_not_taken_for_one_without_configuration(ehr: Faulty) -> None:
    ehr.behaviours[".well-known"] = fixed(body({}, 503))
    with pytest.raises(EhrUnavailable, match="HTTP 503"):
        found_at(ehr)
    assert [path for path, _ in ehr.asked] == ["/fhir/.well-known/smart-configuration"]


@pytest.mark.parametrize(
    "url", ["http://ehr.example/token", "//ehr.example/token", "/token", "ftp://ehr.example/", "https://u:p@ehr.example/", "https://", "x"]
)
def test_an_assertion_is_sent_over_https_only(ehr: Faulty, url: str) -> None:
    ehr.behaviours[".well-known"] = fixed(body(CONFIGURATION | {"token_endpoint": url}))
    with pytest.raises(AccessRefused, match="not https; nothing was sent there"):
        found_at(ehr)


def test_odd_configurations_are_read_for_what_they_say(ehr: Faulty) -> None:
    odd = {"token_endpoint": "https://ehr.example/token", "scopes_supported": "all", "capabilities": [1, "permission-v1"]}
    ehr.behaviours[".well-known"] = fixed((200, {}, json.dumps(odd).encode()))
    assert found_at(ehr) == Endpoints(
        "https://ehr.example/token", ".well-known/smart-configuration", capabilities=frozenset({"permission-v1"})
    )
