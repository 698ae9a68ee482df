"""What was agreed with a client about its tokens: from its settings and, where they are silent, from the profile of its kind."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plugin.cds.clients.client import Client
from plugin.cds.trust.key_source import KeyFile, KeySource, KeysUnavailable, PublishedKeys, fetched
from plugin.cds.trust.places import is_key_place
from plugin.errors import SettingsUnreadable

PUBLISHED_KEYS: Final = frozenset({"sandbox"})
"""Profiles of clients whose private keys anybody can read: whoever calls could be one of them."""


@dataclass(frozen=True, slots=True)
class Agreed:
    """How the tokens of a client look."""

    client: Client
    issuer: str
    tenant: str | None
    """``None``: its tokens name none."""
    audience: tuple[str, ...]
    """Base addresses of this service, as the client knows them; empty: the public address."""
    algorithms: tuple[str, ...]
    leeway: float
    """Seconds by which its clock may differ from ours."""
    jwks_url: str | None
    """The only ``jku`` that a token may name, and where the keys are fetched if they are not in a file."""
    jwks_file: Path | None


def agreed(client: Client) -> Agreed | None:
    """``None``: it is an open client, which sends no tokens."""
    own, usual = client.settings, client.profile.jwt
    issuer = own.issuer or (usual.issuer if usual else None)
    if usual is None or issuer is None:
        return None
    return Agreed(client, issuer, own.tenant, own.audience, usual.algorithms, usual.leeway, own.jwks_url or usual.jwks_url, own.jwks_file)


def key_source(by: Agreed) -> KeySource:
    """Where the keys of the client come from: its file, else its address.

    Raises `SettingsUnreadable` if there is neither, or if it cannot be used.
    """
    if by.jwks_file is not None:
        try:
            return KeyFile(by.jwks_file, by.client.name)
        except KeysUnavailable as problem:
            raise SettingsUnreadable(f"cds.clients.{by.client.name}.jwks_file: {problem}") from None
    if by.jwks_url is None or not is_key_place(by.jwks_url):
        raise SettingsUnreadable(f"cds.clients.{by.client.name}: say where its keys are: jwks_url (https) or jwks_file")
    url, ca_file = by.jwks_url, by.client.settings.ca_file
    return PublishedKeys(lambda: fetched(url, ca_file), by.client.name)
