"""Signing in at the organisation's identity provider: OpenID Connect with authorization code, PKCE, state and nonce.

What belongs to one attempt hangs on one secret in a cookie of the browser that began it: nobody else's browser can end it, and nothing has
to be kept here meanwhile. Keys are fetched anew for each sign-in, so that a provider may change them at any moment.
"""

import hmac
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc.errors import JoseError
from requests import RequestException

from fhir_adapters.errors import AdapterError, KeyUnusable
from fhir_adapters.smart.keys import ENVIRONMENT, read_private
from plugin.access.accounts import Person
from plugin.access.scope import Role
from plugin.cds.trust import Unauthorized, jws
from plugin.cds.trust.key_source import fetched
from plugin.cds.trust.keys import KeySetRefused, Kind, VerifyingKey, key_set
from plugin.cds.trust.places import is_safe
from plugin.settings import OidcSettings

_ALGORITHMS: Final = {"RS256": Kind("RSA"), "RS384": Kind("RSA"), "ES256": Kind("EC", "P-256"), "ES384": Kind("EC", "P-384")}
_LEEWAY: Final = 60
"""Seconds by which the clocks of the provider and ours may differ."""
_SECONDS: Final = 5.0
"""For one answer of the provider."""
_LONGEST_SUBJECT: Final = 255
_LONGEST_NAME: Final = 200


class NotLetIn(Exception):
    """Nobody is signed in. The message is for the log: it says which check failed, and nothing about the person."""


class NoRole(NotLetIn):
    """Somebody was recognised, but the provider gives them no role that the settings know."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to the provider and back; everything that is said on it follows from its secret."""

    secret: str

    @property
    def state(self) -> str:
        """By which the way back is known to belong to this browser."""
        return self._part(b"state")

    @property
    def nonce(self) -> str:
        """By which the token is known to be for this attempt."""
        return self._part(b"nonce")

    @property
    def verifier(self) -> str:
        """By which the provider knows that who brings the code began the attempt (PKCE)."""
        return self._part(b"verifier")

    def _part(self, name: bytes) -> str:
        return hmac.new(self.secret.encode(), name, sha256).hexdigest()


def begin() -> Attempt:
    """A new attempt."""
    return Attempt(secrets.token_urlsafe(32))


class Provider:
    """The organisation's identity provider."""

    def __init__(self, settings: OidcSettings) -> None:
        self._settings, self._issuer = settings, settings.issuer or ""

    def address(self, attempt: Attempt, back: str) -> str:
        """Where the browser goes; ``back``: where it comes back to. Raises `NotLetIn` if the provider does not answer."""
        with self._session(back) as session:
            place = _place(self._metadata(), "authorization_endpoint")
            url, _ = session.create_authorization_url(place, attempt.state, attempt.verifier, nonce=attempt.nonce)
            return str(url)

    def person(self, attempt: Attempt, back: str, returned: Mapping[str, str], now: datetime) -> Person:
        """Who came back.

        Raises:
            NotLetIn: the provider says no, or what came back is not what a provider says to this attempt.
        """
        if not hmac.compare_digest(returned.get("state", "").encode(), attempt.state.encode()):
            raise NotLetIn("state")
        if returned.get("iss", self._issuer) != self._issuer:
            raise NotLetIn("another issuer")
        if "code" not in returned:
            raise NotLetIn("the provider refused")
        metadata = self._metadata()
        token = self._token(metadata, attempt, back, returned["code"])
        return self._known(self._claims(metadata, attempt, token, now))

    def _token(self, metadata: Mapping[str, Any], attempt: Attempt, back: str, code: str) -> Mapping[str, Any]:
        place = _place(metadata, "token_endpoint")
        try:
            with self._session(back) as session:
                found = session.fetch_token(place, code=code, code_verifier=attempt.verifier, timeout=_SECONDS, allow_redirects=False)
        except (OAuthError, RequestException, ValueError) as refused:
            raise NotLetIn(f"no token ({type(refused).__name__})") from None
        if not isinstance(found, dict) or not isinstance(found.get("id_token"), str):
            raise NotLetIn("no token")
        return found

    def _claims(self, metadata: Mapping[str, Any], attempt: Attempt, token: Mapping[str, Any], now: datetime) -> Mapping[str, Any]:
        """What the token says, once its signature, its times and whom it is for were checked."""
        try:
            read = jws.read(token["id_token"])
            jws.verify(read, self._key(metadata, read.header))
            said = jws.strict_object(read.payload)
            options = {"iss": {"essential": True, "value": self._issuer}, "aud": {"essential": True, "value": self._settings.client_id}}
            expected = {"nonce": attempt.nonce, "client_id": self._settings.client_id, "access_token": token.get("access_token")}
            CodeIDToken(said, dict(read.header), options, expected).validate(int(now.timestamp()), _LEEWAY)
        except Unauthorized as refused:
            raise NotLetIn(f"the token: {refused.reason}") from None
        except (JoseError, TypeError, ValueError) as refused:
            raise NotLetIn(f"the token: {type(refused).__name__}") from None
        return said

    def _key(self, metadata: Mapping[str, Any], header: Mapping[str, Any]) -> VerifyingKey:
        """The key that the token names; if it names none, the only one that there is."""
        algorithm = header.get("alg")
        if not isinstance(algorithm, str) or algorithm not in _ALGORITHMS:
            raise NotLetIn("the token's algorithm")
        try:
            keys = key_set(self._fetched(_place(metadata, "jwks_uri")), {algorithm: _ALGORITHMS[algorithm]})
        except KeySetRefused as refused:
            raise NotLetIn(f"the provider's keys: {refused}") from None
        found = keys.get(str(header["kid"])) if "kid" in header else next(iter(keys.values())) if len(keys) == 1 else None
        if found is None:
            raise NotLetIn("the token's key")
        return found

    def _known(self, said: Mapping[str, Any]) -> Person:
        subject = said["sub"]
        if not isinstance(subject, str) or not 0 < len(subject) <= _LONGEST_SUBJECT:
            raise NotLetIn("the token's subject")
        given = _at(said, self._settings.role_claim)
        values = {each for each in (given if isinstance(given, list) else [given]) if isinstance(each, str)}
        role = next((Role(role) for value, role in self._settings.roles.items() if value in values), None)
        agency = _at(said, self._settings.agency_claim) if role is Role.AGENCY else None
        if role is None or (role is Role.AGENCY and not (isinstance(agency, str) and agency)):
            raise NoRole("no role that the settings know")
        name = next((said[key] for key in ("name", "preferred_username", "email") if isinstance(said.get(key), str)), subject)
        return Person(f"{self._issuer} {subject}", name[:_LONGEST_NAME], role, agency)

    def _metadata(self) -> Mapping[str, Any]:
        found = self._fetched(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        if not isinstance(found, dict) or found.get("issuer") != self._issuer:
            raise NotLetIn("the provider calls itself otherwise than the settings do")
        return found

    def _fetched(self, url: str) -> Any:
        try:
            return fetched(url, self._settings.ca_file)
        except AdapterError as reason:
            raise NotLetIn(f"the provider does not answer ({type(reason).__name__})") from None

    def _session(self, back: str) -> OAuth2Session:
        own = self._settings
        session = OAuth2Session(
            own.client_id, secret_at(own.client_secret), scope=" ".join(own.scopes), redirect_uri=back, code_challenge_method="S256"
        )
        session.trust_env = False
        session.verify = str(own.ca_file) if own.ca_file else True
        return session


def secret_at(reference: str | None) -> str | None:
    """A secret in a file that only its owner may read, or in the variable NAME of ``env:NAME``. Raises `KeyUnusable`."""
    if reference is None:
        return None
    if reference.startswith(ENVIRONMENT):
        found = os.environ.get(reference.removeprefix(ENVIRONMENT), "").strip()
    else:
        found = read_private(Path(reference)).decode().strip()
    if not found:
        raise KeyUnusable(f"{reference} should hold a secret, and is empty")
    return found


def _place(metadata: Mapping[str, Any], name: str) -> str:
    url = metadata.get(name)
    if not isinstance(url, str) or not is_safe(url):
        raise NotLetIn(f"the provider's {name} is not at a safe address")
    return url


def _at(said: Mapping[str, Any], path: str) -> Any:
    """A claim, with dots for claims inside claims; one whose own name has dots counts first."""
    if path in said:
        return said[path]
    found: Any = said
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found
