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

    def __init__(self, url: str, client: Client, ring: KeyRing) -> None:
        """``url`` is the address of the service, without ``/cds-services``."""
        self._base, self._client, self._ring = url.rstrip("/") + "/cds-services", client, ring

    def offered(self, hook: str) -> Offered:
        """As discovery tells."""
        return _of_hook(self._server(self._base).get(self._base), hook)

    def cards(self, service: str, call: Json) -> Sequence[Json]:
        """By a real hook call."""
        url = f"{self._base}/{service}"
        cards = self._server(url).post(url, call).get("cards")
        if not isinstance(cards, list):
            raise EhrUnavailable("the service answered without cards")
        return cards

    def _server(self, url: str) -> FhirServer:
        authority = Given(lambda: self._token(url)) if self._client.settings.issuer else None
        return FhirServer(url, authority=authority, limits=_LIMITS, headers=_JSON)

    def _token(self, url: str) -> str:
        now, settings = int(time.time()), self._client.settings
        claims = {"iss": settings.issuer, "aud": self._audience(url), "iat": now, "exp": now + _LIFE, "jti": str(uuid4())}
        algorithms = {entry.algorithm for entry in self._ring.entries()}
        taken = self._client.profile.jwt.algorithms if self._client.profile.jwt else ()
        algorithm = next((each for each in taken if each in algorithms), None)
        return self._ring.signing(algorithm).sign(claims | ({"tenant": settings.tenant} if settings.tenant else {}))

    def _audience(self, url: str) -> str:
        """The client's own name for the address that is called, where it has one."""
        audience = self._client.settings.audience
        return audience[0].rstrip("/") + url.removeprefix(self._base.removesuffix("/cds-services")) if audience else url


def _of_hook(found: Json, hook: str) -> Offered:
    entry = next((each for each in found.get("services", ()) if each.get("hook") == hook), None)
    if entry is None:
        raise SourceUnreadable(f"the service offers this client nothing for the hook {hook}")
    return Offered(entry["id"], entry.get("prefetch", {}))
