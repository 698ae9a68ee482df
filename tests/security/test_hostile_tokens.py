"""Tokens that must not pass, each with the reason that the log must name; and those that must."""

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from hmac import digest
from typing import Any, Final

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from support.cds_tokens import CALLED, GONE, ISSUER, JWKS_URL, NOW, PATH, PUBLIC_URL, Ehr, Keys, base64url, client, public, signed, trusting
from support.databases import database_of, opened
from support.smart_keys import ec_key, jwk, rsa_key

from plugin.cds.trust import Reason, Trust, Unauthorized
from plugin.cds.trust.keys import KeySetRefused, key_set
from plugin.store import Store

EHR: Final = Ehr()
RSA: Final = Ehr(rsa_key(), "RS384", "rsa")
AT: Final = int(NOW.timestamp())
HS: Final = {"alg": "HS384"}
PUBLIC_PEM: Final = ec_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
STRANGER: Final = ec.generate_private_key(ec.SECP384R1())
P256: Final = ec.generate_private_key(ec.SECP256R1())
BEARER: Final = "Bearer "


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with opened(database_of(tmp_path_factory.mktemp("tokens"))) as found:
        yield found


@pytest.fixture(scope="module")
def trust(store: Store) -> Trust:
    keys = {"keys": [*EHR.jwks()["keys"], *RSA.jwks()["keys"], public(P256, "p256"), public(rsa_key(1024), "small", alg="RS384")]}
    north = client("north", tenant="north", issuer="https://shared.example")
    south = client("south", tenant="south", issuer="https://shared.example")
    return trusting(store, client(), north, south, keys=Keys(keys))


def hmac(key: bytes, header: Mapping[str, Any] = HS) -> str:
    """A token signed by HMAC with something public: what a verifier that trusts the header's alg would accept."""
    body = json.dumps(EHR.claims()).encode()
    content = f"{base64url(json.dumps(EHR.header(**header)).encode())}.{base64url(body)}"
    return f"{content}.{base64url(digest(key, content.encode(), hashlib.sha384))}"


def tampered(**claims: Any) -> str:
    """A good signature under other claims."""
    head, _, signature = EHR.token().split(".")
    return f"{head}.{base64url(json.dumps(EHR.claims(**claims)).encode())}.{signature}"


def unsigned(header: Mapping[str, Any], signature: str = "") -> str:
    return f"{base64url(json.dumps(EHR.header(**header)).encode())}.{base64url(json.dumps(EHR.claims()).encode())}.{signature}"


def with_key(key: Any, **header: Any) -> str:
    return signed(EHR.header(**header), EHR.claims(), key, "ES384")


def raw(header: str | None = None, payload: bytes | None = None) -> str:
    """Header or payload as they stand, with a good signature."""
    return signed(EHR.header() if header is None else header, EHR.claims() if payload is None else payload, ec_key(), "ES384")


def der_signature() -> str:
    """ECDSA as X.509 writes it, which JWS does not."""
    content = EHR.token().rpartition(".")[0]
    return f"{content}.{base64url(ec_key().sign(content.encode(), ec.ECDSA(hashes.SHA384())))}"


Make = Callable[[], str | None]
HOSTILE: Final[Mapping[str, tuple[Reason, Make]]] = {
    # who is asking, and how
    "no Authorization": (Reason.ABSENT, lambda: None),
    "an empty header": (Reason.NOT_BEARER, lambda: ""),
    "Basic": (Reason.NOT_BEARER, lambda: "Basic dXNlcjpwYXNz"),
    "the token without a scheme": (Reason.NOT_BEARER, EHR.token),
    "Bearer and nothing": (Reason.MALFORMED, lambda: BEARER),
    "two Authorization headers": (Reason.MALFORMED, lambda: f"{BEARER}{EHR.token()},{BEARER}{EHR.token()}"),
    "two tokens": (Reason.MALFORMED, lambda: f"{BEARER}{EHR.token()} {EHR.token()}"),
    "an opaque token": (Reason.MALFORMED, lambda: f"{BEARER}8f2c1b7e"),
    # form
    "oversized": (Reason.MALFORMED, lambda: BEARER + EHR.token(padding="x" * 20_000)),
    "a megabyte": (Reason.MALFORMED, lambda: BEARER + "a" * 1_000_000),
    "two parts": (Reason.MALFORMED, lambda: BEARER + EHR.token().rpartition(".")[0]),
    "four parts": (Reason.MALFORMED, lambda: BEARER + EHR.token() + ".x"),
    "padded base64": (Reason.MALFORMED, lambda: BEARER + EHR.token() + "=="),
    "base64 with a plus": (Reason.MALFORMED, lambda: BEARER + EHR.token()[:-3] + "+/" + "A"),
    "a newline at the end": (Reason.MALFORMED, lambda: BEARER + EHR.token() + "\n"),
    "bits that say nothing": (Reason.MALFORMED, lambda: BEARER + ".".join(["eyJ9", "e30", "AB"])),
    "JSON serialisation": (Reason.MALFORMED, lambda: BEARER + json.dumps({"payload": "e30", "signatures": []})),
    "five parts (encrypted)": (Reason.MALFORMED, lambda: BEARER + "a.b.c.d.e"),
    "a header that is no object": (Reason.MALFORMED, lambda: BEARER + raw(header='["ES384"]')),
    "alg named twice": (Reason.MALFORMED, lambda: BEARER + raw(header='{"alg":"none","alg":"ES384","kid":"key/1+a="}')),
    "a deeply nested header": (Reason.MALFORMED, lambda: BEARER + raw(header="[" * 5000)),
    "a payload that is no JSON": (Reason.MALFORMED, lambda: BEARER + raw(payload=b"hello")),
    "a payload that is an array": (Reason.MALFORMED, lambda: BEARER + raw(payload=b"[]")),
    "an empty payload": (Reason.MALFORMED, lambda: BEARER + raw(payload=b"")),
    "a payload in UTF-16": (Reason.MALFORMED, lambda: BEARER + raw(payload=json.dumps(EHR.claims()).encode("utf-16"))),
    "iss named twice": (
        Reason.MALFORMED,
        lambda: BEARER + raw(payload=json.dumps(EHR.claims()).replace("{", f'{{"iss": "{ISSUER}", ').encode()),
    ),
    "NaN": (Reason.MALFORMED, lambda: BEARER + raw(payload=b'{"exp": NaN}')),
    # algorithm
    "none": (Reason.ALGORITHM, lambda: BEARER + unsigned({"alg": "none"})),
    "None in capitals": (Reason.ALGORITHM, lambda: BEARER + unsigned({"alg": "nOnE"})),
    "none with a signature": (Reason.ALGORITHM, lambda: BEARER + unsigned({"alg": "none"}, "AAAA")),
    "no alg": (Reason.ALGORITHM, lambda: BEARER + with_key(ec_key(), alg=GONE)),
    "alg as a list": (Reason.ALGORITHM, lambda: BEARER + with_key(ec_key(), alg=["ES384"])),
    "alg in small letters": (Reason.ALGORITHM, lambda: BEARER + with_key(ec_key(), alg="es384")),
    "HS384 with the public key (PEM)": (Reason.ALGORITHM, lambda: BEARER + hmac(PUBLIC_PEM)),
    "HS384 with the public key (JWK)": (Reason.ALGORITHM, lambda: BEARER + hmac(json.dumps(EHR.jwks()["keys"][0]).encode())),
    "HS384 with an empty key": (Reason.ALGORITHM, lambda: BEARER + hmac(b"")),
    "HMAC under the name of ES384": (Reason.SIGNATURE, lambda: BEARER + hmac(PUBLIC_PEM, {})),
    "RS256": (Reason.ALGORITHM, lambda: BEARER + RSA.token(header={"alg": "RS256"})),
    "PS384 with the key of RS384": (
        Reason.ALGORITHM,
        lambda: BEARER + signed(RSA.header(alg="PS384"), RSA.claims(), rsa_key(), "PS384"),
    ),
    "RS384 with the name of an EC key": (Reason.ALGORITHM, lambda: BEARER + RSA.token(header={"kid": EHR.kid})),
    "ES384 with the name of an RSA key": (Reason.ALGORITHM, lambda: BEARER + EHR.token(header={"kid": "rsa"})),
    # signature and key
    "another key": (Reason.SIGNATURE, lambda: BEARER + with_key(STRANGER)),
    "no signature": (Reason.SIGNATURE, lambda: BEARER + unsigned({})),
    "a signature of zeros": (Reason.SIGNATURE, lambda: BEARER + unsigned({}, base64url(bytes(96)))),
    "a signature in DER": (Reason.SIGNATURE, lambda: BEARER + der_signature()),
    "other claims under the signature": (Reason.SIGNATURE, lambda: BEARER + tampered(jti="another")),
    "a P-256 key with ES384": (
        Reason.UNKNOWN_KEY,
        lambda: BEARER + signed(EHR.header(kid="p256"), EHR.claims(), P256, "ES256"),
    ),
    "a small RSA key": (Reason.UNKNOWN_KEY, lambda: BEARER + Ehr(rsa_key(1024), "RS384", "small").token()),
    "no kid": (Reason.UNKNOWN_KEY, lambda: BEARER + EHR.token(header={"kid": GONE})),
    "kid as a number": (Reason.UNKNOWN_KEY, lambda: BEARER + EHR.token(header={"kid": 1})),
    "kid that is a path": (Reason.UNKNOWN_KEY, lambda: BEARER + EHR.token(header={"kid": "../../../../dev/null"})),
    "kid that is SQL": (Reason.UNKNOWN_KEY, lambda: BEARER + EHR.token(header={"kid": "' OR 1=1 --"})),
    "its own key in the header (jwk)": (Reason.HEADER, lambda: BEARER + with_key(STRANGER, jwk=public(STRANGER, "mine"))),
    "its own certificate (x5c)": (Reason.HEADER, lambda: BEARER + with_key(STRANGER, x5c=["MIIB"])),
    "its own certificate elsewhere (x5u)": (Reason.HEADER, lambda: BEARER + with_key(STRANGER, x5u="https://evil.example/c.pem")),
    "a critical extension": (Reason.HEADER, lambda: BEARER + EHR.token(header={"crit": ["exp"]})),
    "a payload that is not encoded (b64)": (Reason.HEADER, lambda: BEARER + EHR.token(header={"b64": False})),
    "another kind of token": (Reason.HEADER, lambda: BEARER + EHR.token(header={"typ": "at+jwt"})),
    "jku at another host": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": "https://evil.example/jwks.json"})),
    "jku with userinfo": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": "https://ehr.example@evil.example/jwks.json"})),
    "jku that redirects": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": "https://ehr.example/go?to=//evil.example"})),
    "jku over http": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": JWKS_URL.replace("https", "http")})),
    "jku with dots": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": "https://ehr.example/x/../jwks.json"})),
    "jku as a file": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": "file:///jwks.json"})),
    "jku that is nothing": (Reason.OTHER_KEYS, lambda: BEARER + EHR.token(header={"jku": None})),
    # who and for whom
    "an unknown issuer": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(iss="https://evil.example")),
    "iss with a final slash": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(iss=ISSUER + "/")),
    "iss in capitals": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(iss=ISSUER.upper())),
    "no iss": (Reason.CLAIMS, lambda: BEARER + EHR.token(iss=GONE)),
    "iss as a list": (Reason.CLAIMS, lambda: BEARER + EHR.token(iss=[ISSUER])),
    "a tenant where none was agreed": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(tenant="north")),
    "no tenant where one was agreed": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(iss="https://shared.example")),
    "a wrong tenant": (Reason.UNKNOWN_CLIENT, lambda: BEARER + EHR.token(iss="https://shared.example", tenant="east")),
    "a tenant that is nothing": (Reason.CLAIMS, lambda: BEARER + EHR.token(tenant=None)),
    "no aud": (Reason.CLAIMS, lambda: BEARER + EHR.token(aud=GONE)),
    "aud of another service": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud="https://other.example/cds-services/x")),
    "aud of our other service": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=f"{PUBLIC_URL}/cds-services/other")),
    "aud of discovery": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=f"{PUBLIC_URL}/cds-services")),
    "aud that goes on": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=f"{PUBLIC_URL}{PATH}/")),
    "aud that only begins right": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=PUBLIC_URL)),
    "aud as the Host header has it": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=CALLED)),
    "a list of others as aud": (Reason.AUDIENCE, lambda: BEARER + EHR.token(aud=["https://a.example", "https://b.example"])),
    "an empty list as aud": (Reason.CLAIMS, lambda: BEARER + EHR.token(aud=[])),
    "aud with something else in the list": (Reason.CLAIMS, lambda: BEARER + EHR.token(aud=[PUBLIC_URL + PATH, 7])),
    "aud as an object": (Reason.CLAIMS, lambda: BEARER + EHR.token(aud={PUBLIC_URL + PATH: 1})),
    # when, and which one
    "no exp": (Reason.CLAIMS, lambda: BEARER + EHR.token(exp=GONE)),
    "no iat": (Reason.CLAIMS, lambda: BEARER + EHR.token(iat=GONE)),
    "no jti": (Reason.CLAIMS, lambda: BEARER + EHR.token(jti=GONE)),
    "an empty jti": (Reason.CLAIMS, lambda: BEARER + EHR.token(jti=" ")),
    "jti as a number": (Reason.CLAIMS, lambda: BEARER + EHR.token(jti=7)),
    "a jti of 10 KB": (Reason.CLAIMS, lambda: BEARER + EHR.token(jti="x" * 10_000)),
    "exp as a text": (Reason.CLAIMS, lambda: BEARER + EHR.token(exp=str(AT + 300))),
    "exp as true": (Reason.CLAIMS, lambda: BEARER + EHR.token(exp=True)),
    "exp without end": (Reason.CLAIMS, lambda: BEARER + raw(payload=json.dumps(EHR.claims(exp=7)).replace(": 7", ": 1e400").encode())),
    "exp with 4,000 digits": (Reason.CLAIMS, lambda: BEARER + EHR.token(exp=10**4000)),
    "expired beyond the leeway": (Reason.EXPIRED, lambda: BEARER + EHR.token(iat=AT - 300, exp=AT - 60)),
    "issued beyond the leeway": (Reason.NOT_YET, lambda: BEARER + EHR.token(iat=AT + 61, exp=AT + 300)),
    "issued in an hour": (Reason.NOT_YET, lambda: BEARER + EHR.token(iat=AT + 3600, exp=AT + 3900)),
    "valid beyond the leeway": (Reason.NOT_YET, lambda: BEARER + EHR.token(nbf=AT + 61)),
    "nbf as true": (Reason.CLAIMS, lambda: BEARER + EHR.token(nbf=True)),
    "nbf as a text": (Reason.CLAIMS, lambda: BEARER + EHR.token(nbf="now")),
    "expires before it is issued": (Reason.CLAIMS, lambda: BEARER + EHR.token(iat=AT + 10, exp=AT + 5)),
    "too long a life": (Reason.TOO_LONG_LIVED, lambda: BEARER + EHR.token(exp=AT + 901)),
    "milliseconds for seconds": (Reason.CLAIMS, lambda: BEARER + EHR.token(exp=AT * 1000)),
}


@pytest.mark.requirement("inferno:tokens", "cds-hooks_2.0@200")
@pytest.mark.requirement("cds-hooks_2.0@201")
@pytest.mark.requirement("cds-hooks_2.0@203")
@pytest.mark.requirement("cds-hooks_2.0@195")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_token_does_not_pass(name: str, trust: Trust, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reason, make = HOSTILE[name]
    authorization = make()
    with pytest.raises(Unauthorized) as refused:
        trust.client_of(authorization, CALLED, NOW)
    assert refused.value.reason is reason
    assert f"call_refused reason={reason} client=" in caplog.text
    for part in (authorization or "").replace(",", ".").replace(" ", ".").split("."):
        assert len(part) < 8 or part not in caplog.text


def test_every_reason_that_a_token_can_give_is_tried() -> None:
    assert len(HOSTILE) >= 25
    assert {reason for reason, _ in HOSTILE.values()} >= set(Reason) - {
        Reason.KEYS_UNAVAILABLE,
        Reason.REPLAYED,
        Reason.MEMORY_UNAVAILABLE,
        Reason.NOT_LOCAL,
    }


GOOD: Final[Mapping[str, Make]] = {
    "a usual one": EHR.token,
    "RS384": RSA.token,
    "without jku": lambda: EHR.token(header={"jku": GONE}),
    "without typ": lambda: EHR.token(header={"typ": GONE}),
    "with what nobody asked for": lambda: EHR.token(header={"x5t": "abc", "cty": "x"}, sub="app", extra={"a": [1]}),
    "aud in a list": lambda: EHR.token(aud=["https://other.example", PUBLIC_URL + PATH]),
    "a jti that is no UUID": lambda: EHR.token(jti="0123456789abcdef" * 4),
    "times with fractions": lambda: EHR.token(iat=AT - 0.5, exp=AT + 299.5),
    "expired within the leeway": lambda: EHR.token(iat=AT - 300, exp=AT - 59),
    "a clock that is half a second ahead": lambda: EHR.token(iat=AT + 0.5, exp=AT + 300),
    "issued within the leeway": lambda: EHR.token(iat=AT + 60, exp=AT + 300),
    "as Epic makes them": lambda: EHR.token(nbf=AT - 300, exp=AT + 900),
}


@pytest.mark.requirement("cds-hooks_2.0@176")
@pytest.mark.requirement("cds-hooks_2.0@205")
@pytest.mark.parametrize("name", GOOD)
def test_a_good_token_tells_who_calls(name: str, trust: Trust) -> None:
    token = GOOD[name]()
    assert trust.client_of(f"Bearer {token}", CALLED, NOW).name == "clinic"
    with pytest.raises(Unauthorized) as again:
        trust.client_of(f"bearer  {token}", CALLED, NOW)
    assert again.value.reason is Reason.REPLAYED


def test_issuer_and_tenant_together_pick_the_client(trust: Trust) -> None:
    for tenant in ("north", "south"):
        token = EHR.token(iss="https://shared.example", tenant=tenant)
        assert trust.client_of(f"Bearer {token}", CALLED, NOW).name == tenant


REFUSED_SETS: Final[Mapping[str, Any]] = {
    "nothing": None,
    "a list": [],
    "no keys": {},
    "keys that are no list": {"keys": {}},
    "an entry that is no key": {"keys": [7]},
    "one name for two keys": {"keys": [public(ec_key(), "a"), public(STRANGER, "a")]},
    "one name for two keys of different use": {"keys": [public(ec_key(), "a"), public(STRANGER, "a", use="enc")]},
    "a private key": {"keys": [public(ec_key(), "a"), jwk(STRANGER, kid="b")]},
    "a private key for another purpose": {"keys": [public(ec_key(), "a"), jwk(rsa_key(), kid="b", use="enc")]},
    "a symmetric key": {"keys": [public(ec_key(), "a"), {"kty": "oct", "kid": "b", "k": "c2VjcmV0"}]},
    "a thousand keys": {"keys": [public(ec_key(), str(number)) for number in range(1000)]},
}


@pytest.mark.parametrize("name", REFUSED_SETS)
def test_a_key_set_that_cannot_be_right_is_not_used_at_all(name: str) -> None:
    with pytest.raises(KeySetRefused):
        key_set(REFUSED_SETS[name])


UNUSED_KEYS: Final[Mapping[str, Any]] = {
    "no name": public(ec_key(), "x") | {"kid": None},
    "an empty name": public(ec_key(), ""),
    "for encryption": public(ec_key(), "x", use="enc"),
    "use in another case": public(ec_key(), "x", use="SIG"),
    "to sign only": public(ec_key(), "x", key_ops=["sign"]),
    "key_ops that is a text": public(ec_key(), "x", key_ops="verify"),
    "for another algorithm": public(ec_key(), "x", alg="ES256"),
    "for RS256": public(rsa_key(), "x", alg="RS256"),
    "for PS384": public(rsa_key(), "x", alg="PS384"),
    "P-256": public(P256, "x"),
    "P-256 that says ES384": public(P256, "x", alg="ES384"),
    "P-256 that says P-384": public(P256, "x", crv="P-384"),
    "a point that is not on the curve": public(ec_key(), "x") | {"y": public(STRANGER, "x")["y"]},
    "1024 bits": public(rsa_key(1024), "x"),
    "an exponent of 1": public(rsa_key(), "x", e="AQ"),
    "an exponent of 3": public(rsa_key(), "x", e="Aw"),
    "a modulus that is no base64": public(rsa_key(), "x", n="!!"),
    "no modulus": {name: value for name, value in public(rsa_key(), "x").items() if name != "n"},
    "a modulus that is a number": public(rsa_key(), "x", n=7),
    "Ed25519": {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "x"},
    "no kind": {"kid": "x"},
}


@pytest.mark.parametrize("name", UNUSED_KEYS)
def test_a_key_that_is_not_for_this_or_is_weak_is_left_alone(name: str) -> None:
    good = public(ec_key(), "good", key_ops=["verify"])
    assert key_set({"keys": [UNUSED_KEYS[name], good]}).keys() == {"good"}
