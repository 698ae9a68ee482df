"""The clients that are configured."""

from dataclasses import dataclass
from typing import Final

from plugin.cds.clients.profile import ClientProfile, profile
from plugin.settings import ClientSettings, Settings

OPEN: Final = "open"
"""The name of the only client where none is configured."""


@dataclass(frozen=True, slots=True)
class Client:
    """One EHR, or one tenant of it."""

    name: str
    profile: ClientProfile
    settings: ClientSettings


def clients(settings: Settings) -> tuple[Client, ...]:
    """One for each of ``cds.clients``, in that order; where there are none, the open one with what is said for the whole service.

    Raises:
        KeyError: a client names a profile that does not exist.
    """
    cds = settings.cds
    configured = cds.clients or {OPEN: ClientSettings(fhir_servers=cds.fhir_servers, allowed_origins=cds.allowed_origins)}
    return tuple(Client(name, profile(each.profile), each) for name, each in configured.items())
