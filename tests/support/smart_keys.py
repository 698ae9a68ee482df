"""Private keys for tests, made anew for each run, and as files that only their owner can read."""

import json
from functools import cache
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    """Made once a run: it takes a while."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key() -> ec.EllipticCurvePrivateKey:
    """On the curve of ES384."""
    return ec.generate_private_key(ec.SECP384R1())


def pem(key: PrivateKey, password: bytes | None = None) -> bytes:
    """PKCS #8."""
    protection: KeySerializationEncryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, protection)


def jwk(key: PrivateKey, **more: str) -> dict[str, Any]:
    """The private JWK."""
    made = RSAAlgorithm.to_jwk(key, as_dict=True) if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm.to_jwk(key, as_dict=True)
    return dict(made) | more


def secrets_of(key: PrivateKey) -> list[str]:
    """Texts that give the key away wherever they turn up."""
    made = jwk(key)
    return [str(made[name]) for name in ("d", "p", "q") if name in made] + pem(key).decode().splitlines()[1:-1]


def private_file(path: Path, content: bytes | dict[str, Any]) -> Path:
    """``content`` in a file of mode 0600."""
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
