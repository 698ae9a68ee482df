"""A FHIR server as an operator describes it, and how it is opened. Several stand side by side: each has its own tokens, pace and trust."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from fhir_adapters import search
from fhir_adapters.capability import Capability, read_capability
from fhir_adapters.errors import EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.smart import BackendServices, Endpoints, KeyRing, SigningKey, discover, plan, read_key
from fhir_adapters.smart.keys import ENVIRONMENT
from fhir_adapters.smart.ring import STATE_FILE
from fhir_adapters.transport import Authority, FhirServer, Limits, Pace
from fhir_adapters.transport.server import LIMITS
from fhir_adapters.vendors import GENERIC, vendor

NOTHING: Final[Mapping[str, str]] = {}
_CLIENT_ID: Final = "{client_id}"


@dataclass(frozen=True, slots=True)
class Client:
    """Who we are to a server with SMART Backend Services."""

    client_id: str = field(repr=False)
    key: str = field(repr=False)
    """A file (PEM, JWK, JWKS), the folder of a `KeyRing`, or ``env:NAME``."""
    kid: str | None = None
    algorithm: str | None = None
    scopes: tuple[str, ...] = ()
    """Empty: as few as the rules need."""


@dataclass(frozen=True, slots=True)
class Connection:
    """One server, or one tenant of a server."""

    name: str
    base_url: str
    vendor: str = GENERIC.name
    """Its profile: see `fhir_adapters.vendors`."""
    tenant: str = ""
    """Sets apart what is stored and written for several hospitals; the name of the connection if nothing else is said."""
    client: Client | None = None
    """``None``: the server is open to us."""
    ca_file: Path | None = None
    certificate: tuple[Path, Path] | None = field(default=None, repr=False)
    """Ours and its key, for a server that wants to see one (mutual TLS)."""
    per_minute: float | None = None
    """``None``, here and below: as the vendor's servers like it."""
    at_once: int | None = None
    write: tuple[str, ...] = ()
    """Resource types that may be written."""

    def rate(self) -> tuple[int, float | None]:
        """Requests at one time and a minute: as the settings say, else as the vendor's servers like it."""
        habits = vendor(self.vendor)
        return self.at_once or habits.at_once, self.per_minute or habits.per_minute


class Opened:
    """A connection in use. Nothing is sent before it is asked for something."""

    def __init__(self, connection: Connection, needs: Mapping[str, str] = NOTHING, *, limits: Limits = LIMITS) -> None:
        """``needs``: resource type → letters of what is done with it (see `smart.scopes`).

        Raises ``KeyError`` if there is no profile of the vendor.
        """
        self.connection, self.needs, self.vendor = connection, needs, vendor(connection.vendor)
        self._pace, self._limits = Pace(*connection.rate()), limits
        self.anonymous = self._server(None)
        """The server as anybody sees it: what it says about itself."""
        self.authority = self._backend_services(connection.client) if connection.client else None
        self.server = self._server(self.authority)
        self._capability: Capability | None = None

    def capability(self) -> Capability:
        """What the server says it can do, asked once. Where that is told to clients only, it is asked with a token."""
        if self._capability is None:
            self._capability = self._public_capability() or read_capability(self.server)
        return self._capability

    def plan(self) -> search.Plan:
        """How to search there: by the vendor's habits, and by what the server says of itself."""
        return search.Plan(self.vendor, {name: found.searches for name, found in self.capability().types.items()} or None)

    def scopes(self, endpoints: Endpoints) -> tuple[str, ...]:
        """What the token endpoint is asked for."""
        client = self.connection.client
        if client and client.scopes:
            return client.scopes
        self._capability = self._capability or self._public_capability()
        return plan(self.needs, endpoints, self._capability.types if self._capability else None, self.vendor).scopes

    def _public_capability(self) -> Capability | None:
        """``None``: the server tells it to clients only."""
        try:
            return read_capability(self.anonymous)
        except EhrUnavailable as problem:
            if problem.status not in (401, 403) or self.authority is None:
                raise
            return None

    def _server(self, authority: Authority | None) -> FhirServer:
        at = self.connection
        return FhirServer(
            at.base_url,
            authority=authority,
            limits=self._limits,
            pace=self._pace,
            ca_file=at.ca_file,
            certificate=at.certificate,
            headers=self._headers(),
        )

    def _headers(self) -> dict[str, str]:
        """What the vendor expects with every request; what names the client, once there is one."""
        id, expected = self.connection.client.client_id if self.connection.client else "", self.vendor.headers
        return {name: text.replace(_CLIENT_ID, id) for name, text in expected.items() if id or _CLIENT_ID not in text}

    def _backend_services(self, client: Client) -> BackendServices:
        at, key = self.connection, KeySource(client)
        return BackendServices(
            client.client_id,
            key,
            lambda: discover(self.anonymous),
            self.scopes,
            assertion_life=self.vendor.longest_assertion,
            ca_file=at.ca_file,
            certificate=at.certificate,
        )


class KeySource:
    """The key of a client: a file or variable is read once, a ring is asked each time which key is current."""

    def __init__(self, client: Client) -> None:
        self._client = client
        folder = None if client.key.startswith(ENVIRONMENT) else Path(client.key)
        self._ring = KeyRing(folder) if folder is not None and (folder / STATE_FILE).is_file() else None
        self._key: SigningKey | None = None

    def public(self) -> list[Json]:
        """The public halves that the server should know. Raises `KeyUnusable`."""
        if self._ring is None:
            return [self().public()]
        asked = self._client.algorithm
        return [key for key in self._ring.published()["keys"] if asked in (None, key["alg"])]

    def __call__(self) -> SigningKey:
        """The key that signs now. Raises `KeyUnusable`."""
        if self._ring is not None:
            return self._ring.signing(self._client.algorithm)
        if self._key is None:
            self._key = read_key(self._client.key, kid=self._client.kid, algorithm=self._client.algorithm)
        return self._key
