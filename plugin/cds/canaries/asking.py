"""Two ways to send canaries through the service: over HTTP as the client does, or within this process."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol
from uuid import uuid4

from fhir_adapters.errors import EhrUnavailable, SourceUnreadable
from fhir_adapters.smart import KeyRing
from fhir_adapters.transport.authority import Given
from fhir_adapters.transport.limits import Limits
from fhir_adapters.transport.server import FhirServer
from plugin.cds.clients.client import Client
from plugin.cds.opening import Cds
from plugin.cds.request import parse_call
from plugin.cds.services import discovery, named

_LIMITS: Final = Limits(attempt=30.0, call=60.0, attempts=2, redirects=0)
_PATH: Final = "/cds-services"
_JSON: Final = {"Accept": "application/json", "Content-Type": "application/json"}
_LIFE: Final = 240
"""Seconds for which a token is good."""

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Offered:
    """A service as discovery tells it."""

    id: str
    prefetch: Mapping[str, str]


class Asked(Protocol):
    """The service, however it is reached."""

    def offered(self, hook: str) -> Offered:
        """The service for a hook. Raises `SourceUnreadable` if there is none."""
        ...

    def cards(self, service: str, call: Json) -> Sequence[Json]:
        """Its cards for a call."""
        ...


class Within:
    """The service in this process: everything but HTTP and the token."""

    def __init__(self, cds: Cds, client: Client) -> None:
        self._cds, self._client = cds, client

    def offered(self, hook: str) -> Offered:
        """As the client is told."""
        return _of_hook(discovery(self._client.profile, self._cds.services, same_id=self._client.settings.replaces_cards), hook)

    def cards(self, service: str, call: Json) -> Sequence[Json]:
        """By the same steps as a call over HTTP."""
        behind = named(service, self._cds.services, same_id=self._client.settings.replaces_cards)
        found = next(each for each in behind if each.hook.name == call["hook"])
        cards: list[Json] = self._cds.advisor.answer(found, parse_call(call, found.hook.name), self._client).body["cards"]
        return cards


class OverHttp:
    """A running service. For a client with an issuer each request has a token of its own, signed by our own key."""

    def __init__(self, url: str, client: Client, ring: KeyRing, public_url: str | None = None) -> None:
        """``url`` is the address of the service, without ``/cds-services``; tokens are meant for the one that the settings agree on."""
        self._root, self._client, self._ring = url.rstrip("/"), client, ring
        self._known_as = next(iter((*client.settings.audience, public_url or self._root))).rstrip("/")

    def offered(self, hook: str) -> Offered:
        """As discovery tells."""
        return _of_hook(self._server(_PATH).get(self._root + _PATH), hook)

    def cards(self, service: str, call: Json) -> Sequence[Json]:
        """By a real hook call."""
        path = f"{_PATH}/{service}"
        cards = self._server(path).post(self._root + path, call).get("cards")
        if not isinstance(cards, list):
            raise EhrUnavailable("the service answered without cards")
        return cards

    def _server(self, path: str) -> FhirServer:
        authority = Given(lambda: self._token(path)) if self._client.settings.issuer else None
        return FhirServer(self._root, authority=authority, limits=_LIMITS, headers=_JSON)

    def _token(self, path: str) -> str:
        now, settings = int(time.time()), self._client.settings
        claims = {"iss": settings.issuer, "aud": self._known_as + path, "iat": now, "exp": now + _LIFE, "jti": str(uuid4())}
        algorithms = {entry.algorithm for entry in self._ring.entries()}
        taken = self._client.profile.jwt.algorithms if self._client.profile.jwt else ()
        algorithm = next((each for each in taken if each in algorithms), None)
        return self._ring.signing(algorithm).sign(claims | ({"tenant": settings.tenant} if settings.tenant else {}))


def _of_hook(found: Json, hook: str) -> Offered:
    entry = next((each for each in found.get("services", ()) if each.get("hook") == hook), None)
    if entry is None:
        raise SourceUnreadable(f"the service offers this client nothing for the hook {hook}")
    return Offered(entry["id"], entry.get("prefetch", {}))
