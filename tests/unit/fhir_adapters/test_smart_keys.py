"""Our private keys: what is accepted, by which algorithm it signs, and that nothing of it is ever shown."""

import stat
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from support.smart_keys import PrivateKey, ec_key, jwk, pem, private_file, rsa_key, secrets_of

from fhir_adapters.errors import KeyUnusable
from fhir_adapters.smart import SigningKey, read_key
from fhir_adapters.smart.keys import thumbprint

Content = bytes | dict[str, Any]


def read_key_of(content: Content, **asked: str) -> SigningKey:
    with TemporaryDirectory() as folder:
        return read_key(str(private_file(Path(folder) / "key", content)), **asked)


KEYS = [(rsa_key, "RS384"), (ec_key, "ES384")]


@pytest.mark.parametrize(("make", "algorithm"), KEYS, ids=["RSA", "EC"])
@pytest.mark.parametrize("form", ["pem", "jwk", "jwks"])
def test_a_key_signs_by_the_algorithm_of_its_kind(make: Callable[[], PrivateKey], algorithm: str, form: str, tmp_path: Path) -> None:
    key = make()
    content: Content = {"pem": pem(key), "jwk": jwk(key, kid="k1"), "jwks": {"keys": [jwk(key, kid="k1")]}}[form]
    found = read_key(str(private_file(tmp_path / "key", content)))
    assert found.algorithm == algorithm
    assert found.kid == (thumbprint(jwk(key)) if form == "pem" else "k1")
    token = found.sign({"iss": "us"})
    assert jwt.get_unverified_header(token) == {"alg": algorithm, "kid": found.kid, "typ": "JWT"}
    assert jwt.decode(token, jwt.PyJWK(found.public()), algorithms=[algorithm]) == {"iss": "us"}


def test_a_name_given_in_the_settings_wins() -> None:
    assert read_key_of(pem(ec_key()), kid="ours").kid == "ours"
    with pytest.raises(KeyUnusable, match="holds no private key with the kid 'ours'"):
        read_key_of({"keys": [jwk(ec_key(), kid="theirs")]}, kid="ours")


def test_of_several_keys_the_kid_chooses() -> None:
    both = {"keys": [jwk(rsa_key(), kid="a"), jwk(ec_key(), kid="b")]}
    assert read_key_of(both, kid="b").algorithm == "ES384"
    with pytest.raises(KeyUnusable, match=r"several private keys \(a, b\); say which by kid"):
        read_key_of(both)


def test_a_key_can_stand_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EPIC_KEY", pem(ec_key()).decode())
    assert read_key("env:EPIC_KEY").algorithm == "ES384"
    monkeypatch.setenv("EPIC_KEY", " ")
    with pytest.raises(KeyUnusable, match="variable EPIC_KEY should hold the key"):
        read_key("env:EPIC_KEY")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660])
def test_a_key_that_others_can_read_is_refused_with_the_remedy(mode: int, tmp_path: Path) -> None:
    path = private_file(tmp_path / "key.pem", pem(ec_key()))
    path.chmod(mode)
    with pytest.raises(KeyUnusable, match=f"others than its owner may read this key: chmod 600 {path}"):
        read_key(str(path))
    path.chmod(stat.S_IRUSR)
    assert read_key(str(path)).algorithm == "ES384"


UNFIT = {
    "RSA of 1,024 bits": (pem(rsa_key(1024)), "2048 bits or more"),
    "another curve": (pem(ec.generate_private_key(ec.SECP256R1())), "curve P-384"),
    "an encrypted key": (pem(ec_key(), b"secret"), "is encrypted"),
    "a public key": ({name: value for name, value in jwk(ec_key()).items() if name != "d"}, "holds no private key"),
    "a JWK that lacks a part": ({"kty": "RSA", "d": "AQAB"}, "cannot be understood"),
    "a JWK of another kind": ({"kty": "oct", "d": "AQAB"}, "cannot be understood"),
    "a text": (b"hello", "neither a private key in PEM form nor a JWK"),
    "a text that begins as JSON": (b"{hello", "is no JSON"),
    "nothing": (b"", "neither a private key"),
}


@pytest.mark.parametrize(("content", "reason"), UNFIT.values(), ids=UNFIT)
def test_what_is_no_fit_key_is_refused(content: Content, reason: str) -> None:
    with pytest.raises(KeyUnusable, match=reason):
        read_key_of(content)


def test_an_algorithm_that_does_not_fit_the_key_is_refused() -> None:
    with pytest.raises(KeyUnusable, match="the settings say RS384, and this key signs by ES384"):
        read_key_of(pem(ec_key()), algorithm="RS384")


def test_a_missing_key_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="FileNotFoundError"):
        read_key(str(tmp_path / "none.pem"))
    with pytest.raises(KeyUnusable, match="almoner keys new makes a key there"):
        read_key(str(tmp_path))


@pytest.mark.parametrize("key", [rsa_key(), ec_key()], ids=["RSA", "EC"])
def test_neither_representation_nor_public_half_give_the_key_away(key: PrivateKey) -> None:
    found = read_key_of(pem(key))
    shown = f"{found!r} {found} {found.public()}"
    assert not [secret for secret in secrets_of(key) if secret in shown]


def test_a_message_about_a_damaged_key_does_not_repeat_it() -> None:
    damaged = pem(rsa_key()).replace(b"END PRIVATE", b"END")
    with pytest.raises(KeyUnusable) as told:
        read_key_of(damaged)
    text = repr(told.getrepr(style="long"))
    assert not [secret for secret in secrets_of(rsa_key()) if secret in str(told.value) or secret in text]


def test_the_thumbprint_is_that_of_the_standard() -> None:
    """The example of RFC 7638, section 3.1."""
    modulus = (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W"
        "-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt"
        "-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    )
    assert thumbprint({"kty": "RSA", "n": modulus, "e": "AQAB", "kid": "2011-04-29"}) == "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
