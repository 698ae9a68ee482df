"""The clients that are configured."""

from dataclasses import dataclass
from typing import Final

from plugin.cds.clients.profile import ClientProfile, profile
from plugin.settings import CdsSettings, ClientSettings, Settings

OPEN: Final = "open"
"""The name of the only client where none is configured."""


@dataclass(frozen=True, slots=True)
class Client:
    """One EHR, or one tenant of it."""

    name: str
    profile: ClientProfile
    settings: ClientSettings
    """As configured; ``max_cards`` is that of the service where the client has none of its own."""

    @property
    def max_cards(self) -> int:
        """At most so many cards for one call."""
        limits = [limit for limit in (self.settings.max_cards, self.profile.max_cards) if limit is not None]
        return min(limits) if limits else 1


def clients(settings: Settings) -> tuple[Client, ...]:
    """One for each of ``cds.clients``, in that order; where there are none, the open one with what is said for the whole service.

    Raises:
        KeyError: a client names a profile that does not exist.
    """
    cds = settings.cds
    configured = cds.clients or {OPEN: ClientSettings(fhir_servers=cds.fhir_servers, allowed_origins=cds.allowed_origins)}
    return tuple(Client(name, profile(each.profile), _filled(each, cds)) for name, each in configured.items())


def _filled(own: ClientSettings, cds: CdsSettings) -> ClientSettings:
    return own if own.max_cards is not None else own.model_copy(update={"max_cards": cds.max_cards})
