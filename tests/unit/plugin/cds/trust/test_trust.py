"""Where a call comes in decides who may make it: open clients, clients whose keys are public, the address that a token is meant for."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.cds_tokens import CALLED, GONE, ISSUER, NOW, PATH, PUBLIC_URL, Ehr, Keys, client, trusting
from support.databases import database_of, opened

from plugin.cds.trust import Reason, Trust, Unauthorized
from plugin.store import Store

EHR: Final = Ehr()
OPEN: Final = client("trial", issuer=GONE, jwks_url=GONE)
SANDBOX: Final = client("sandbox", "sandbox", issuer=GONE, jwks_url=GONE)
OUTSIDE: Final = PUBLIC_URL + PATH


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with opened(database_of(tmp_path)) as found:
        yield found


def who(trust: Trust, authorization: str | None = None, url: str = CALLED, peer: str | None = "127.0.0.1") -> str | Reason:
    """The name of the client, or why nobody is let in."""
    try:
        return trust.client_of(authorization, url, NOW, peer).name
    except Unauthorized as refused:
        return refused.reason


def bearer(**claims: object) -> str:
    return f"Bearer {EHR.token(**claims)}"


def test_an_open_client_needs_no_token_and_minds_none(store: Store) -> None:
    trust = trusting(store, OPEN)
    assert [who(trust), who(trust, "Bearer 8f2c1b7e"), who(trust, "Basic x"), who(trust, "")] == ["trial"] * 4


def test_an_open_client_is_on_this_machine(store: Store) -> None:
    trust = trusting(store, OPEN)
    assert who(trust, url="http://localhost:8000/cds-services", peer="::1") == "trial"
    assert who(trust, peer=None) == "trial"
    assert who(trust, peer="10.0.0.7") is Reason.NOT_LOCAL
    assert who(trust, url=OUTSIDE) is Reason.NOT_LOCAL
    assert who(trust, url="http://rebound.evil.example:8000/cds-services") is Reason.NOT_LOCAL
    assert who(trusting(store, OPEN, loopback=False)) is Reason.NOT_LOCAL


def test_unless_the_operator_lets_anybody_in(store: Store) -> None:
    trust = trusting(store, OPEN, loopback=False, anonymous=True)
    assert who(trust, url=OUTSIDE, peer="10.0.0.7") == "trial"


def test_beside_others_the_open_client_is_who_brings_no_token(store: Store) -> None:
    trust = trusting(store, OPEN, client())
    assert who(trust) == "trial"
    assert who(trust, bearer()) == "clinic"
    assert who(trust, bearer(iss="https://evil.example")) is Reason.UNKNOWN_CLIENT
    assert who(trust, "") is Reason.NOT_BEARER


def test_without_an_open_client_a_token_is_needed(store: Store) -> None:
    assert who(trusting(store)) is Reason.ABSENT
    assert who(trusting(store, anonymous=True)) is Reason.ABSENT


def test_the_sandbox_is_let_in_on_this_machine_only(store: Store) -> None:
    sandbox = Ehr(issuer="https://sandbox.cds-hooks.org")
    jku = {"jku": "https://sandbox.cds-hooks.org/.well-known/jwks.json"}

    def token() -> str:
        return f"Bearer {sandbox.token(header=jku)}"

    trust = trusting(store, SANDBOX)
    assert who(trust, token()) == "sandbox"
    assert who(trust, token(), peer="10.0.0.7") is Reason.NOT_LOCAL
    assert who(trust, token(), url=OUTSIDE) is Reason.NOT_LOCAL
    assert who(trusting(store, SANDBOX, loopback=False, anonymous=True), token()) is Reason.NOT_LOCAL
    assert who(trust) is Reason.ABSENT


def test_what_is_refused_for_its_place_uses_no_token_up(store: Store) -> None:
    sandbox = Ehr(issuer="https://sandbox.cds-hooks.org")
    once = f"Bearer {sandbox.token(header={'jku': GONE})}"
    trust = trusting(store, SANDBOX)
    assert who(trust, once, peer="10.0.0.7") is Reason.NOT_LOCAL
    assert who(trust, once) == "sandbox"


def test_the_address_that_a_token_is_meant_for(store: Store) -> None:
    at_gate = trusting(store, client(audience=("https://gate.example/almoner/", "https://old.example")))
    assert who(at_gate, bearer(aud=f"https://gate.example/almoner{PATH}")) == "clinic"
    assert who(at_gate, bearer(aud=f"https://old.example{PATH}")) == "clinic"
    assert who(at_gate, bearer(aud=OUTSIDE)) is Reason.AUDIENCE
    assert who(trusting(store), bearer(aud=OUTSIDE)) == "clinic"


def test_without_a_name_of_our_own_only_this_machine_is_believed(store: Store) -> None:
    """The Host header is the caller's: a token for another service would come with that service's name."""
    nameless = trusting(store, public_url=None)
    assert who(nameless, bearer(aud=CALLED)) == "clinic"
    assert who(nameless, bearer(aud="https://other.example/cds-services/x"), "https://other.example/cds-services/x") is Reason.AUDIENCE
    assert who(nameless, bearer(aud=CALLED), peer="10.0.0.7") is Reason.AUDIENCE
    assert who(trusting(store, public_url=None, loopback=False), bearer(aud=CALLED)) is Reason.AUDIENCE


@pytest.mark.parametrize("path", ["/cds-services", PATH, f"{PATH}/feedback"])
def test_every_address_of_the_service_wants_a_token_for_itself(store: Store, path: str) -> None:
    trust = trusting(store)
    url = f"http://127.0.0.1:8000{path}"
    assert who(trust, bearer(aud=PUBLIC_URL + path), url) == "clinic"
    for other in {"/cds-services", PATH, f"{PATH}/feedback"} - {path}:
        assert who(trust, bearer(aud=PUBLIC_URL + other), url) is Reason.AUDIENCE


def test_a_stranger_costs_no_look_at_keys(store: Store) -> None:
    keys = Keys(EHR.jwks())
    trust = trusting(store, keys=keys)
    for bad in (bearer(iss="x"), bearer(aud="x"), bearer(exp=1, iat=0), f"Bearer {EHR.token(header={'alg': 'none'})}"):
        assert isinstance(who(trust, bad), Reason)
    assert keys.asked == []
    assert who(trust, bearer()) == "clinic"
    assert keys.asked == [EHR.kid]


def test_the_log_names_the_client_by_our_name_only(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    trust = trusting(store)
    who(trust, bearer(iss="https://evil.example/\nforged line"))
    who(trust, bearer(aud="https://other.example", sub="Dr Jane"))
    assert [record.getMessage() for record in caplog.records if "call_refused" in record.getMessage()] == [
        "call_refused reason=unknown-client client=-",
        "call_refused reason=audience client=clinic",
    ]
    assert not {word for word in ("Jane", "evil", ISSUER, EHR.kid) if word in caplog.text}
