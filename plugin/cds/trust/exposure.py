"""Before the service starts: whether what the settings say lets anybody in whom nobody meant to let in."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from plugin.cds.clients.client import Client
from plugin.cds.trust.agreed import PUBLISHED_KEYS, Agreed, agreed
from plugin.cds.trust.places import is_key_place, is_loopback, is_origin, is_safe
from plugin.errors import SettingsUnreadable
from plugin.settings import Settings

_LONGEST_NAME = 64


def check(settings: Settings, clients: Sequence[Client]) -> None:
    """Call it before the application is made.

    Raises:
        SettingsUnreadable: the service must not start like this; every reason, and what to do about each.
    """
    if found := list(problems(settings, clients)):
        raise SettingsUnreadable("\n".join(["the CDS Hooks service does not start like this:", *(f"- {each}" for each in found)]))


def listens_on_loopback(settings: Settings) -> bool:
    """Whether only this machine can call."""
    return is_loopback(settings.host)


def problems(settings: Settings, clients: Sequence[Client]) -> Iterator[str]:
    """What is wrong with the settings of clients, each with its remedy; nothing if the service may start."""
    tokens = [found for client in clients if (found := agreed(client)) is not None]
    yield from _who(settings, clients, len(tokens))
    yield from _twice(tokens)
    for client in clients:
        yield from _of_client(client)
    for found in tokens:
        yield from _of_tokens(found, settings)


def _who(settings: Settings, clients: Sequence[Client], with_tokens: int) -> Iterator[str]:
    without, host = len(clients) - with_tokens, settings.host
    if without > 1:
        yield "cds.clients: several have no issuer, and nothing would tell them apart; leave one of them, or give each its issuer"
    if not listens_on_loopback(settings):
        if without and not settings.cds.anonymous:
            yield (
                f"cds: other machines can reach it (host is {host}), and callers need no token: give every client under cds.clients its"
                " issuer, or listen on 127.0.0.1, or say cds.anonymous: true for a trial behind a gate"
            )
        for client in clients:
            if client.profile.name in PUBLISHED_KEYS:
                yield (
                    f"{_at(client)}: the private key of the {client.profile.name} is published, so anybody could be it, and other machines"
                    f" can reach the service (host is {host}): remove this client, or listen on 127.0.0.1"
                )


def _twice(tokens: Iterable[Agreed]) -> Iterator[str]:
    for (issuer, tenant), count in Counter((each.issuer, each.tenant) for each in tokens).items():
        if count > 1:
            which = f"the issuer {issuer}" + (f" and the tenant {tenant}" if tenant else " and no tenant")
            yield f"cds.clients: {count} have {which}; give each a tenant of its own"


def _of_client(client: Client) -> Iterator[str]:
    at, own = _at(client), client.settings
    if not 0 < len(client.name) <= _LONGEST_NAME:
        yield f"{at}: a name has {_LONGEST_NAME} characters at most"
    for url in own.fhir_servers:
        if not is_safe(url):
            yield f"{at}.fhir_servers: {_shown(url)} would never be read: name base URLs over https (http for this machine only)"
    for origin in own.allowed_origins:
        if not is_origin(origin):
            yield f"{at}.allowed_origins: {_shown(origin)} is no origin: write it as browsers send it, such as https://ehr.example.org"


def _of_tokens(by: Agreed, settings: Settings) -> Iterator[str]:
    at = _at(by.client)
    if by.jwks_url is None and by.jwks_file is None:
        yield f"{at}: say where its keys are: jwks_url or jwks_file"
    if by.jwks_url is not None and not is_key_place(by.jwks_url):
        yield f"{at}.jwks_url: keys are fetched over https only, from a plain address"
    ca_file = by.client.settings.ca_file
    if ca_file is not None and not ca_file.is_file():
        yield f"{at}.ca_file: there is no such file"
    if not (by.audience or settings.public_url) and not listens_on_loopback(settings):
        yield f"{at}: say by which address it calls this service (audience, or public_url for all): its tokens are meant for that one"
    for url in (*by.audience, *([settings.public_url] if settings.public_url else [])):
        if not url.startswith(("https://", "http://")):
            yield f"{at}: {_shown(url)} is no address for a token to be meant for: write https://…"


def _at(client: Client) -> str:
    return f"cds.clients.{client.name}"


def _shown(url: str) -> str:
    """``url`` without what may be a secret in it."""
    return url.rpartition("@")[2].partition("?")[0]
