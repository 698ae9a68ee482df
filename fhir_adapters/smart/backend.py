"""Tokens for a server that knows our public key (SMART Backend Services): asked for as seldom as can be, kept in memory only."""

import re
import time
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any, Final
from urllib.parse import urlencode
from uuid import uuid4

from fhir_adapters.errors import AccessRefused, EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.smart.discovery import Endpoints
from fhir_adapters.smart.keys import SigningKey
from fhir_adapters.smart.scopes import missing
from fhir_adapters.transport import FhirServer, Limits

ASSERTION_LIFE: Final = 240
"""Seconds at most. Servers allow 300, some not quite, and clocks differ."""
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_HEADERS: Final = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
_UNTOLD_LIFE: Final = 60.0
_LONGEST_MARGIN: Final = 30.0
_MARGIN: Final = 0.1
_RENEWAL_REST: Final = 30.0
_LIMITS: Final = Limits(attempt=20.0, call=60.0, attempts=4, longest_wait=20.0, body=1 << 20)
_REMEDIES: Final = {
    "invalid_client": "is the client id right, the public key registered there, and the clock of this machine right?",
    "invalid_scope": "the registration does not allow the scopes that were asked for",
    "unauthorized_client": "the registration does not allow this client to use Backend Services",
    "unsupported_grant_type": "the server does not offer SMART Backend Services",
    "invalid_request": "the server calls the request for a token invalid",
    "invalid_grant": "is the client id right, and the public key registered there?",
}
_REVEALING: Final = re.compile(r"[\w.+/=~-]{20,}")
"""Ids, keys and tokens, which a server may repeat in what it says."""


@dataclass(frozen=True, slots=True)
class Grant:
    """What a token endpoint gave."""

    token: str = field(repr=False)
    scopes: tuple[str, ...]
    missing: tuple[str, ...]
    """Scopes that were asked for and are not, or not wholly, among them."""
    life: float
    """Seconds from the request on."""


class BackendServices:
    """An `Authority` for one FHIR server, for any number of threads: one of them fetches a token, the others wait for it.

    ``discover`` says where, ``scopes`` what to ask for there, ``key`` who we are: each is asked when a token is fetched, so that a
    rotated key is used without a restart. A token is renewed before it expires, by the life that the server gave it.
    """

    def __init__(
        self,
        client_id: str,
        key: Callable[[], SigningKey],
        discover: Callable[[], Endpoints],
        scopes: Callable[[Endpoints], Sequence[str]],
        *,
        assertion_life: int = ASSERTION_LIFE,
        limits: Limits = _LIMITS,
        ca_file: Path | None = None,
        certificate: tuple[Path, Path] | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._client_id, self._key, self._discover, self._scopes = client_id, key, discover, scopes
        self._assertion_life = min(assertion_life, ASSERTION_LIFE)
        self._limits, self._clock, self._sleep = limits, clock, sleep
        self._ca_file, self._certificate = ca_file, certificate
        self._lock = Lock()
        self._held: Grant | None = None
        self._fetched = self._renewed = float("-inf")
        self._endpoint: tuple[Endpoints, tuple[str, ...], FhirServer] | None = None
        self._failed: tuple[float, EhrUnavailable] | None = None

    def __repr__(self) -> str:
        return "BackendServices(…)"

    def token(self) -> str:
        """A token that is valid now. Raises `AccessRefused`, also if it allows less than was asked for, or `EhrUnavailable`."""
        grant = self.grant()
        if grant.missing:
            raise AccessRefused(
                f"the server did not grant {', '.join(grant.missing)}: ask its operator to, or name what you want under scopes:",
                missing=grant.missing,
            )
        return grant.token

    def grant(self) -> Grant:
        """The token with what it allows, whatever that is. Raises as `token`."""
        asked = self._clock()
        with self._lock:
            if self._held is not None and self._clock() < self._fetched + self._held.life - _margin(self._held.life):
                return self._held
            if self._failed is not None and self._failed[0] >= asked:
                raise copy(self._failed[1])  # while this thread waited another one tried in vain
            try:
                self._fetched, self._held = self._clock(), self._obtain()
            except EhrUnavailable as problem:
                self._held, self._endpoint, self._failed = None, None, (self._clock(), problem)
                raise
            return self._held

    def refused(self, token: str) -> bool:
        """Whether to try again with another token. Not if this one is another one already: the token is not what is wrong then."""
        with self._lock:
            if self._held is None or self._held.token != token:
                return True
            if self._clock() < self._renewed + _RENEWAL_REST:
                return False
            self._held, self._renewed = None, self._clock()
            return True

    def assertion(self, endpoint: str) -> str:
        """A JWT that says to ``endpoint`` who we are; each is good for one use."""
        claims = {
            "iss": self._client_id,
            "sub": self._client_id,
            "aud": endpoint,
            "exp": int(time.time()) + self._assertion_life,
            "jti": str(uuid4()),
        }
        return self._key().sign(claims)

    # ------------------------------------------------------------ one token

    def _obtain(self) -> Grant:
        """Ask until a token came, time is up, or asking again is no use. Each attempt makes an assertion of its own."""
        endpoints, scopes, server = self._endpoint = self._endpoint or self._find()
        until = self._clock() + self._limits.call
        bare = 0
        for number in range(1, self._limits.attempts + 1):
            try:
                return _granted(self._ask(server, endpoints.token, scopes), scopes)
            except EhrUnavailable as problem:
                # Some servers now and then answer 400 and nothing else, and accept the same the next time.
                bare += problem.status == 400 and problem.outcome is None
                wait = self._limits.wait(problem.wait, number)
                again = problem.again or (bare == 1 and problem.status == 400 and problem.outcome is None)
                if not again or number == self._limits.attempts or self._clock() + wait >= until:
                    raise _in_words(problem, self._client_id) from None
                self._sleep(wait)
        raise EhrUnavailable("no attempt was allowed")

    def _find(self) -> tuple[Endpoints, tuple[str, ...], FhirServer]:
        endpoints = self._discover()
        if endpoints.algorithms and (algorithm := self._key().algorithm) not in endpoints.algorithms:
            raise AccessRefused(f"the key signs by {algorithm}, and the server accepts {', '.join(sorted(endpoints.algorithms))} only")
        single = Limits(self._limits.connect, self._limits.attempt, self._limits.attempt, attempts=1, body=self._limits.body)
        server = FhirServer(endpoints.token, limits=single, ca_file=self._ca_file, certificate=self._certificate)
        return endpoints, tuple(self._scopes(endpoints)), server

    def _ask(self, server: FhirServer, endpoint: str, scopes: tuple[str, ...]) -> Json:
        form = {
            "grant_type": "client_credentials",
            "scope": " ".join(scopes),
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self.assertion(endpoint),
        }
        return server.ask("POST", endpoint, urlencode(form).encode(), headers=_HEADERS, repeatable=True).body or {}


def _margin(life: float) -> float:
    """How long before its end a token is renewed."""
    return min(_LONGEST_MARGIN, _MARGIN * life)


def _granted(answer: Json, asked: tuple[str, ...]) -> Grant:
    """Reads a token response. No ``scope`` in it means: all that was asked for (RFC 6749 §5.1)."""
    token, told, kind = answer.get("access_token"), answer.get("scope"), answer.get("token_type", "bearer")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable() or not token or str(kind).lower() != "bearer":
        raise AccessRefused("the token endpoint answered without a bearer token")
    scopes = tuple(told.split()) if isinstance(told, str) and told.strip() else asked
    return Grant(token, scopes, missing(asked, scopes), _life(answer.get("expires_in")))


def _life(told: Any) -> float:
    """Seconds. A server that does not say how long, or says nonsense, is asked again after a minute."""
    if isinstance(told, str) and told.isascii() and told.isdecimal():
        told = int(told[:9])
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) and told > 0 else _UNTOLD_LIFE


def _in_words(problem: EhrUnavailable, client_id: str) -> EhrUnavailable:
    """What the token endpoint's refusal means. Of its own words only those are repeated that reveal nothing."""
    if problem.again:
        failed = f"failed (HTTP {problem.status})" if problem.status else "gave no complete answer"
        return EhrUnavailable(f"the token endpoint {failed}", problem.status, again=True, wait=problem.wait)
    if isinstance(problem, AccessRefused) or problem.status is None:
        return problem
    told = problem.outcome or {}
    code, text = told.get("error"), told.get("error_description")
    if code not in _REMEDIES:
        return AccessRefused(f"the token endpoint refused (HTTP {problem.status})", problem.status)
    said = f" (it says: {_safe(text, client_id)})" if isinstance(text, str) and text.strip() else ""
    return AccessRefused(f"the token endpoint refused with {code}: {_REMEDIES[code]}{said}", problem.status)


def _safe(text: str, client_id: str) -> str:
    line = " ".join("".join(character if character.isprintable() else " " for character in text).split())
    return _REVEALING.sub("…", line.replace(client_id, "…"))[:200]
