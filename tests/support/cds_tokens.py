"""Tokens of CDS clients, good ones and bad ones, and clients that sign them."""

import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, Final

import jwt
from support.smart_keys import ec_key, jwk

from plugin.cds.clients.client import Client
from plugin.cds.clients.profile import profile
from plugin.cds.trust import Trust
from plugin.cds.trust.agreed import Agreed
from plugin.cds.trust.key_source import KeySource
from plugin.cds.trust.keys import VerifyingKey, key_set
from plugin.settings import ClientSettings
from plugin.store import Store

PUBLIC_URL: Final = "https://almoner.example"
PATH: Final = "/cds-services/almoner-patient-view"
CALLED: Final = "http://127.0.0.1:8000" + PATH
"""What the server sees behind its proxy."""
ISSUER: Final = "https://ehr.example/fhir"
JWKS_URL: Final = "https://ehr.example/jwks.json"
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)
GONE: Final[Any] = object()
"""In place of a value: the member is left out."""

Json = dict[str, Any]


def base64url(content: bytes) -> str:
    """Without padding."""
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def signed(header: Mapping[str, Any] | str, payload: bytes | Mapping[str, Any], key: Any, algorithm: str) -> str:
    """A compact token: ``header`` and ``payload`` as they are, signed by ``algorithm`` whatever the header says."""
    top = header if isinstance(header, str) else json.dumps(header)
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    content = f"{base64url(top.encode())}.{base64url(body)}"
    maker = jwt.get_algorithm_by_name(algorithm)
    return f"{content}.{base64url(maker.sign(content.encode(), maker.prepare_key(key)))}"


def public(key: Any, kid: str, **more: Any) -> Json:
    """The public JWK."""
    whole = jwk(key)
    kept = {name: whole[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in whole}
    return kept | {"kid": kid, "use": "sig"} | more


@dataclass
class Ehr:
    """A client that signs its tokens."""

    key: Any = field(default_factory=ec_key)
    algorithm: str = "ES384"
    kid: str = "key/1+a="
    issuer: str = ISSUER
    numbers: Any = field(default_factory=count)

    def claims(self, now: datetime = NOW, **changes: Any) -> Json:
        """What a good token says at ``now``, but for the ``changes``."""
        at = int(now.timestamp())
        usual = {"iss": self.issuer, "aud": PUBLIC_URL + PATH, "iat": at, "exp": at + 300, "jti": f"id-{next(self.numbers)}"}
        return {name: value for name, value in (usual | changes).items() if value is not GONE}

    def header(self, **changes: Any) -> Json:
        """The header of a good token, but for the ``changes``."""
        usual = {"alg": self.algorithm, "typ": "JWT", "kid": self.kid, "jku": JWKS_URL}
        return {name: value for name, value in (usual | changes).items() if value is not GONE}

    def token(self, now: datetime = NOW, header: Mapping[str, Any] = {}, **claims: Any) -> str:
        """A good token, but for what is changed in its ``header`` and its ``claims``."""
        return signed(self.header(**header), self.claims(now, **claims), self.key, self.algorithm)

    def jwks(self) -> Json:
        """Its key set."""
        return {"keys": [public(self.key, self.kid, alg=self.algorithm)]}


@dataclass
class Keys:
    """Keys that are simply there, and what was asked of them."""

    document: Json
    asked: list[str] = field(default_factory=list)

    def key(self, kid: str) -> VerifyingKey | None:
        """As a real source does."""
        self.asked.append(kid)
        return key_set(self.document).get(kid)


def client(name: str = "clinic", kind: str = "generic", **settings: Any) -> Client:
    """A configured client; with an issuer unless ``settings`` say otherwise."""
    usual = {"issuer": ISSUER, "jwks_url": JWKS_URL}
    return Client(name, profile(kind), ClientSettings(**{name: v for name, v in (usual | settings).items() if v is not GONE}))


def trusting(store: Store, *clients: Client, keys: KeySource | None = None, **how: Any) -> Trust:
    """The service's trust in ``clients`` (one if none is given), whose keys are those of `Ehr`."""
    source = Keys(Ehr().jwks()) if keys is None else keys

    def found(_: Agreed) -> KeySource:
        return source

    settings: dict[str, Any] = {"public_url": PUBLIC_URL, "source": found}
    return Trust(clients or (client(),), store, **(settings | how))


def written(folder: Path, document: Any) -> Path:
    """``document`` as a file."""
    path = folder / "jwks.json"
    path.write_text(json.dumps(document))
    return path
