"""The private key with which a client proves who it is: read once, from a file or from the environment, and never shown."""

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.utils import base64url_encode

from fhir_adapters.errors import KeyUnusable
from fhir_adapters.quarantine import Json

PrivateKey = RSAPrivateKey | EllipticCurvePrivateKey

ENVIRONMENT: Final = "env:"
"""Begins the name of an environment variable that holds the key itself."""
_LEAST_RSA_BITS: Final = 2048
_CURVE: Final = "secp384r1"
_THUMBPRINT_MEMBERS: Final = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y")}
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key with its name and the only algorithm that it is used with: RS384 for RSA, ES384 for the curve P-384."""

    kid: str
    algorithm: str
    private: PrivateKey = field(repr=False)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """``claims`` as a JWT. Its header names the key; it does not say where to find it (``jku``), for the server knows that."""
        return jwt.encode(dict(claims), self.private, algorithm=self.algorithm, headers={"kid": self.kid})

    def public(self) -> Json:
        """The public half, as an entry of a JWKS."""
        return public_jwk(self.private) | {"kid": self.kid, "alg": self.algorithm, "use": "sig", "key_ops": ["verify"]}


def read_key(reference: str, *, kid: str | None = None, algorithm: str | None = None) -> SigningKey:
    """The key in a file (PEM, JWK or JWKS), or in the environment variable NAME of ``env:NAME``.

    ``kid`` chooses from a JWKS and names a key that has no name of its own; without one that is the key's thumbprint. ``algorithm``
    must be the key's. Raises `KeyUnusable`, whose message says what to do and holds nothing of the key.
    """
    if reference.startswith(ENVIRONMENT):
        name = reference.removeprefix(ENVIRONMENT)
        text = os.environ.get(name, "").encode()
        if not text.strip():
            raise KeyUnusable(f"the environment variable {name} should hold the key of the client, and is empty")
        return parse_key(text, f"the key in {name}", kid, algorithm)
    return parse_key(read_private(Path(reference)), reference, kid, algorithm)


def parse_key(text: bytes, where: str, kid: str | None = None, algorithm: str | None = None) -> SigningKey:
    """The key that ``text`` holds; ``where`` it stands is for the messages only. Raises as `read_key`."""
    named, private = _from_json(text, where, kid) if text.lstrip().startswith(b"{") else (None, _from_pem(text, where))
    usable, own = _usable(private, where)
    if algorithm not in (None, own):
        raise KeyUnusable(
            f"{where}: the settings say {algorithm}, and this key signs by {own}; leave the algorithm out, or name another key"
        )
    return SigningKey(kid or named or thumbprint(public_jwk(usable)), own, usable)


def _usable(private: object, where: str) -> tuple[PrivateKey, str]:
    """The key with RS384 or ES384, the two algorithms that SMART asks for. Raises `KeyUnusable` for another kind of key."""
    if isinstance(private, RSAPrivateKey) and private.key_size >= _LEAST_RSA_BITS:
        return private, "RS384"
    if isinstance(private, EllipticCurvePrivateKey) and private.curve.name == _CURVE:
        return private, "ES384"
    raise KeyUnusable(
        f"{where}: SMART servers accept RSA keys of {_LEAST_RSA_BITS} bits or more, and keys on the curve P-384; this is neither"
    )


def public_jwk(private: PrivateKey) -> Json:
    """The public half as a bare JWK."""
    if isinstance(private, RSAPrivateKey):
        found = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    else:
        found = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return {name: found[name] for name in _THUMBPRINT_MEMBERS[found["kty"]]}


def thumbprint(jwk: Json) -> str:
    """RFC 7638: the same for the same key, whoever computes it. What two people compare over the telephone."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    return base64url_encode(sha256(json.dumps(members, sort_keys=True, separators=(",", ":")).encode()).digest()).decode()


def read_private(path: Path) -> bytes:
    """The content of a file that nobody else may read. The open file is looked at, so that no other takes its place in between."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if os.name == "posix" and mode & _OTHERS:
                raise KeyUnusable(f"{path}: others than its owner may read this key: chmod 600 {path}")
            return file.read()
    except IsADirectoryError:
        raise KeyUnusable(f"{path} is a folder without keys.json: almoner keys new makes a key there") from None
    except OSError as error:
        raise KeyUnusable(f"{path}: the key cannot be read ({type(error).__name__})") from None


def _from_pem(text: bytes, where: str) -> object:
    try:
        return load_pem_private_key(text, None)
    except TypeError:
        raise KeyUnusable(f"{where}: the key is encrypted; store it decrypted in a file of its own (chmod 600)") from None
    except (ValueError, UnsupportedAlgorithm):
        raise KeyUnusable(f"{where}: neither a private key in PEM form nor a JWK") from None


def _from_json(text: bytes, where: str, kid: str | None) -> tuple[str | None, object]:
    """The name and the key of a JWK, or of the one entry of a JWKS that is meant."""
    try:
        document: Any = json.loads(text)
    except ValueError:
        raise KeyUnusable(f"{where}: begins as a JWK and is no JSON") from None
    private = [each for each in document.get("keys", [document]) if isinstance(each, dict) and "d" in each]
    meant = [each for each in private if kid is None or each.get("kid", kid) == kid]
    if not meant:
        raise KeyUnusable(f"{where}: holds no private key" + (f" with the kid '{kid}'" if private else ""))
    if len(meant) > 1:
        names = ", ".join(str(each.get("kid", "without a name")) for each in meant)
        raise KeyUnusable(f"{where}: holds several private keys ({names}); say which by kid")
    (jwk,) = meant
    try:
        found: object = jwt.PyJWK(jwk, algorithm={"RSA": "RS384", "EC": "ES384"}.get(str(jwk.get("kty")))).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError):
        raise KeyUnusable(f"{where}: the JWK cannot be understood") from None
    return (jwk["kid"] if isinstance(jwk.get("kid"), str) else None), found
