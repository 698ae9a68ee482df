"""From the settings to a server that can be asked."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from fhir_adapters.connections import Client, Connection, KeySource, Opened
from fhir_adapters.transport import Limits
from fhir_adapters.transport.server import LIMITS
from plugin.errors import UnknownServer
from plugin.servers.needs import letters, needs
from plugin.settings import ServerSettings, Settings
from rules.errors import did_you_mean
from rules.pack import Pack


def connection(settings: Settings, name: str) -> Connection:
    """The server called ``name``. Raises `UnknownServer`, whose message names those that there are."""
    found = settings.servers.get(name)
    if found is None:
        known = ", ".join(settings.servers) or "none: describe it under servers: in the file that ALMONER_CONFIG names"
        raise UnknownServer(f"the settings know no server '{name}'; there are: {known} {did_you_mean(name, settings.servers)}".rstrip())
    return Connection(
        name=name,
        base_url=found.base_url,
        vendor=found.vendor,
        tenant=found.tenant or name,
        client=_client(found, settings.keys),
        ca_file=found.ca_file,
        certificate=(found.certificate, found.certificate_key or found.certificate) if found.certificate else None,
        per_minute=found.per_minute,
        at_once=found.at_once,
        write=found.write,
    )


def open_server(settings: Settings, name: str, packs: Iterable[Pack], *, writes: bool = False, limits: Limits = LIMITS) -> Opened:
    """The server called ``name``, for what ``packs`` read and, if this job ``writes``, for what may be written there.

    Raises as `connection`.
    """
    write = connection(settings, name).write if writes else ()
    return open_for(settings, name, letters(needs(packs), write), limits=limits)


def open_for(settings: Settings, name: str, done: Mapping[str, str], *, limits: Limits = LIMITS) -> Opened:
    """The server called ``name``, for what is ``done`` there: resource type → letters of SMART scopes. Raises as `connection`."""
    return Opened(connection(settings, name), done, limits=limits)


def snapshot_file(settings: Settings, name: str) -> Path:
    """Where what a server said it can do is kept until the next time."""
    return settings.state / "servers" / f"{name}.json"


def public_keys(settings: Settings, name: str) -> list[dict[str, Any]]:
    """The public halves of the keys by which a server knows us, or is to know us. Raises `KeyUnusable` if a key cannot be read."""
    server = settings.servers[name]
    source = KeySource(Client("", server.key or str(settings.keys), server.kid, server.algorithm))
    return source.public()


def _client(server: ServerSettings, keys: Path) -> Client | None:
    """Without a client id we are not registered there. Without a key of its own a server gets the one of our key ring."""
    if server.client_id is None:
        return None
    return Client(server.client_id, server.key or str(keys), server.kid, server.algorithm, server.scopes)
