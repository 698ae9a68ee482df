"""Project Wycheproof's vectors: signed tokens, key sets, and the two primitives that we rest on.

Only RS384 and ES384 are accepted, and by that alone nearly every vector would be refused, which proves nothing. So each is tried twice:
with every algorithm switched on (reading, key checks and signature must tell good from bad), and as in production.
"""

import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from plugin.cds.trust import Unauthorized, jws
from plugin.cds.trust.keys import ALGORITHMS, KeySetRefused, Kind, VerifyingKey, key_set

EVERY: Final[Mapping[str, Kind]] = ALGORITHMS | {
    **{name: Kind("RSA") for name in ("RS256", "RS512", "PS256", "PS384", "PS512")},
    "ES256": Kind("EC", "P-256"),
    "ES512": Kind("EC", "P-521"),
}
"""Every algorithm but the symmetric ones: a set with a symmetric key is refused whatever is switched on."""

SAME_AS_A_VALID_ONE: Final = {367, 370}
"""Marked invalid, and byte for byte the token and key of 357, which is marked valid."""
MARKED_VALID: Final = {
    346: "the header's alg differs from the key's",
    350: "the header's alg differs from the key's",
    347: "the key's alg is called ES521, which is no algorithm",
    351: "the key's alg is called ES521, which is no algorithm",
    372: "a sign that is not of base64url",
    373: "a sign that is not of base64url",
}
"""Valid only for a lenient reader: here they are refused."""


def groups(shared_data: Path, name: str) -> list[dict[str, Any]]:
    file = shared_data / "wycheproof" / name
    if not file.is_file():
        pytest.skip("no Wycheproof vectors here: see the shared data's wycheproof/README.md")
    found: list[dict[str, Any]] = json.loads(file.read_text())["testGroups"]
    return found


def vectors(shared_data: Path, name: str) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Each vector with its key or key set."""
    for group in groups(shared_data, name):
        for test in group["tests"]:
            yield test, group.get("public") or group["private"]


def symmetric(jwk: Mapping[str, Any]) -> VerifyingKey | None:
    """A key that production could never hold: so that reading is tried on the HMAC vectors, too."""
    if jwk["kty"] != "oct" or jwk.get("alg") not in ("HS256", "HS384", "HS512"):
        return None
    public: Any = jwt.PyJWK(dict(jwk)).key
    return VerifyingKey(jwk["kid"], jwk["alg"], public)


def accepted(token: str, keys: Mapping[str, VerifyingKey]) -> bool:
    """Whether the token passes: read, its key found by name (or the only one, where a vector names none), its signature verified."""
    try:
        found = jws.read(token)
        kid = found.header.get("kid")
        key = keys.get(str(kid)) if kid is not None else next(iter(keys.values()), None)
        if key is None:
            return False
        jws.verify(found, key)
    except Unauthorized:
        return False
    return True


def keys_of(document: Mapping[str, Any], algorithms: Mapping[str, Kind]) -> Mapping[str, VerifyingKey]:
    try:
        return key_set(dict(document), algorithms)
    except KeySetRefused:
        return {}


def told(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Say it on the terminal: the counts are what this test is about."""
    with capsys.disabled():
        sys.stdout.write(f"\n{text} ")


def test_tokens(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for test, jwk in vectors(shared_data, "json_web_signature_test.json"):
        secret = symmetric(jwk)
        number, passed = test["tcId"], accepted(test["jws"], {secret.kid: secret} if secret else keys_of({"keys": [jwk]}, EVERY))
        if test["result"] == "invalid" and number not in SAME_AS_A_VALID_ONE:
            counts["invalid, refused"] += not passed
            assert not passed, test
        elif number in MARKED_VALID:
            counts["marked valid, refused by policy"] += 1
            assert not passed, MARKED_VALID[number]
        else:
            counts["valid, accepted"] += passed
            assert passed, test
    told(capsys, f"JWS, every algorithm on: {dict(counts)}")
    assert counts == {"invalid, refused": 353, "valid, accepted": 42, "marked valid, refused by policy": 6}


def test_tokens_as_in_production(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for test, jwk in vectors(shared_data, "json_web_signature_test.json"):
        passed = accepted(test["jws"], keys_of({"keys": [jwk]}, ALGORITHMS))
        ours = jwk.get("alg") in ALGORITHMS and test["result"] == "valid"
        counts["valid for our algorithms, accepted" if passed else "refused"] += 1
        assert passed == ours, test
    told(capsys, f"JWS, RS384 and ES384 only: {dict(counts)}; the file has no ES384 and four RS384")
    assert counts["valid for our algorithms, accepted"] == 4


def test_key_sets(shared_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts: Counter[str] = Counter()
    for test, document in vectors(shared_data, "json_web_key_test.json"):
        whole = document if "keys" in document else {"keys": [document]}
        only_symmetric = all(each.get("kty") == "oct" for each in whole["keys"])
        if accepted(test["jws"], keys_of(whole, EVERY)):
            counts["valid, accepted"] += 1
            assert test["result"] == "valid", test
        elif test["result"] == "invalid":
            counts["invalid, refused"] += 1
        else:
            counts["valid but symmetric, refused by policy"] += 1
            assert only_symmetric, test
        assert not accepted(test["jws"], keys_of(whole, ALGORITHMS)), test
    told(capsys, f"Key sets: {dict(counts)}; none is of RS384 or ES384, so production refuses all")
    assert counts == {"invalid, refused": 21, "valid, accepted": 1, "valid but symmetric, refused by policy": 4}


@pytest.mark.requirement("cds-hooks_2.0@200")
@pytest.mark.parametrize(
    ("file", "algorithm", "size"),
    [("ecdsa_secp384r1_sha384_p1363_test.json", "ES384", 280), ("rsa_signature_2048_sha384_test.json", "RS384", 258)],
)
def test_signatures(shared_data: Path, file: str, algorithm: str, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    """The message stands where header and payload would: what is signed is up to the vector."""
    counts: Counter[str] = Counter()
    for group in groups(shared_data, file):
        public: Any = load_pem_public_key(group["publicKeyPem"].encode())
        key = VerifyingKey("k", algorithm, public)
        for test in group["tests"]:
            one = jws.Jws({"alg": algorithm}, b"", bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            try:
                jws.verify(one, key)
                passed = True
            except Unauthorized:
                passed = False
            counts[f"{test['result']}, {'accepted' if passed else 'refused'}"] += 1
            assert passed == (test["result"] == "valid"), test
    told(capsys, f"{algorithm}: {dict(counts)}")
    assert counts.total() == size
