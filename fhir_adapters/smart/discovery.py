"""Where a FHIR server gives tokens, and what it says about them."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from fhir_adapters.errors import AccessRefused, EhrUnavailable
from fhir_adapters.quarantine import Json
from fhir_adapters.transport import FhirServer, origin
from fhir_adapters.transport.urls import LOOPBACK

_CONFIGURATION: Final = ".well-known/smart-configuration"
_OAUTH_URIS: Final = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What discovery found. Empty collections: the server does not say."""

    token: str
    """The address of the token endpoint."""
    source: str
    """The document that says so."""
    algorithms: frozenset[str] = frozenset()
    scopes: tuple[str, ...] = ()
    capabilities: frozenset[str] = frozenset()


def discover(server: FhirServer) -> Endpoints:
    """Read the SMART configuration of ``server`` (which needs no token), or, where there is none, the one in its CapabilityStatement.

    Raises `AccessRefused` if neither names a token endpoint that may be used: over https, or on this machine.
    """
    try:
        found = server.ask("GET", _CONFIGURATION, headers={"Accept": "application/json"}).body or {}
    except EhrUnavailable as problem:
        if problem.status is None or problem.status >= 500:
            raise
        found = {}
    token = found.get("token_endpoint")
    if isinstance(token, str):
        return Endpoints(
            safe_endpoint(token),
            _CONFIGURATION,
            frozenset(_texts(found.get("token_endpoint_auth_signing_alg_values_supported"))),
            tuple(_texts(found.get("scopes_supported"))),
            frozenset(_texts(found.get("capabilities"))),
        )
    token = _from_statement(server.get("metadata"))
    if token is None:
        raise AccessRefused(f"the server names no token endpoint, neither in {_CONFIGURATION} nor in its CapabilityStatement")
    return Endpoints(safe_endpoint(token), "metadata")


def safe_endpoint(url: str) -> str:
    """``url``, if what proves who we are may be sent there. Raises `AccessRefused` if it is not https, or carries credentials."""
    scheme, host, _ = origin(url)
    if not host or (scheme != "https" and not (scheme == "http" and host in LOOPBACK)) or urlsplit(url).username is not None:
        raise AccessRefused("the server names a token endpoint that is not https; nothing was sent there")
    return url


def _from_statement(statement: Json) -> str | None:
    for rest in _dicts(statement.get("rest")):
        security = rest.get("security")
        for extension in _dicts(security.get("extension") if isinstance(security, dict) else None):
            if extension.get("url") == _OAUTH_URIS:
                uris = {each.get("url"): each.get("valueUri") for each in _dicts(extension.get("extension"))}
                if isinstance(uris.get("token"), str):
                    return str(uris["token"])
    return None


def _dicts(value: Any) -> list[Json]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
