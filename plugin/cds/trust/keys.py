"""Key sets of clients (JWKS, RFC 7517): which of their keys may verify a token here, and which sets are not used at all."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import jwt
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey = RSAPublicKey | EllipticCurvePublicKey


class Kind(NamedTuple):
    """The kind of key that an algorithm needs."""

    kty: str
    crv: str | None = None


ALGORITHMS: Final[Mapping[str, Kind]] = {"ES384": Kind("EC", "P-384"), "RS384": Kind("RSA")}
"""Every algorithm that is accepted. None of them is symmetric, and no key fits two."""

_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_PUBLIC: Final = {"EC": ("kty", "crv", "x", "y"), "RSA": ("kty", "n", "e")}
_MOST_KEYS: Final = 100
_LONGEST_KID: Final = 512
_RSA_BITS: Final = range(2048, 8193)
_LEAST_EXPONENT: Final = 65537


class KeySetRefused(Exception):
    """A key set of which no key is used. The message names what is wrong, and no key."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """A public key, and the one algorithm that it verifies."""

    kid: str
    algorithm: str
    public: PublicKey


def key_set(document: Any, algorithms: Mapping[str, Kind] = ALGORITHMS) -> dict[str, VerifyingKey]:
    """The keys of a key set that may verify, by their name. Keys for other purposes are left alone; the dict may be empty.

    Raises:
        KeySetRefused: it is no key set, it gives away a secret, or two of its keys have one name.
    """
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not all(isinstance(each, dict) for each in keys):
        raise KeySetRefused("it is not a JWKS")
    if len(keys) > _MOST_KEYS:
        raise KeySetRefused(f"it has more than {_MOST_KEYS} keys")
    if not all(_PRIVATE.isdisjoint(each) for each in keys):
        raise KeySetRefused("it holds a secret: a private or symmetric key")
    names = Counter(str(each["kid"]) for each in keys if "kid" in each)
    if any(count > 1 for count in names.values()):
        raise KeySetRefused("two of its keys have one kid")
    found = (_verifying(each, algorithms) for each in keys)
    return {key.kid: key for key in found if key is not None}


def _verifying(jwk: Mapping[str, Any], algorithms: Mapping[str, Kind]) -> VerifyingKey | None:
    kid, operations = jwk.get("kid"), jwk.get("key_ops", ["verify"])
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
        return None
    if jwk.get("use", "sig") != "sig" or not isinstance(operations, list) or "verify" not in operations:
        return None
    algorithm = _algorithm(jwk, algorithms)
    public = None if algorithm is None else _public(jwk, algorithm)
    return None if algorithm is None or public is None else VerifyingKey(kid, algorithm, public)


def _algorithm(jwk: Mapping[str, Any], algorithms: Mapping[str, Kind]) -> str | None:
    """What the key is for: as it says, if its kind fits; if it says nothing, the only one that fits."""
    fitting = [name for name, kind in algorithms.items() if kind == Kind(str(jwk.get("kty")), jwk.get("crv"))]
    if "alg" in jwk:
        return jwk["alg"] if jwk["alg"] in fitting else None
    return fitting[0] if len(fitting) == 1 else None


def _public(jwk: Mapping[str, Any], algorithm: str) -> PublicKey | None:
    """The key itself; ``None`` if it is none, or weak."""
    members = {name: jwk[name] for name in _PUBLIC[jwk["kty"]] if name in jwk}
    try:
        key = jwt.PyJWK(members, algorithm=algorithm).key
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    if isinstance(key, RSAPublicKey):
        return key if _is_strong(key) else None
    return key if isinstance(key, EllipticCurvePublicKey) else None


def _is_strong(key: RSAPublicKey) -> bool:
    numbers = key.public_numbers()
    return key.key_size in _RSA_BITS and numbers.e >= _LEAST_EXPONENT and not _is_roca(numbers.n)


def _is_roca(modulus: int) -> bool:
    """Whether the key comes from the faulty generator of CVE-2017-15361: modulo small primes, such keys are powers of 65537."""
    return all(modulus % prime in powers for prime, powers in _POWERS)


def _powers(prime: int) -> frozenset[int]:
    return frozenset(pow(65537, exponent, prime) for exponent in range(prime))


_POWERS: Final = tuple(
    (prime, _powers(prime)) for prime in range(3, 168) if all(prime % smaller for smaller in range(2, int(prime**0.5) + 1))
)
