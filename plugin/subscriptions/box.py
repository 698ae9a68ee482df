"""Where the inbox is."""

from typing import Final

from fhir_adapters.subscriptions import Inbox
from plugin.settings import Settings

_FILE: Final = "subscriptions.sqlite"


def inbox_of(settings: Settings, *, make: bool = False) -> Inbox | None:
    """The inbox in the state folder; ``None`` if nothing was ever subscribed to, unless it is to be made."""
    path = settings.state / _FILE
    return Inbox(path) if make or path.exists() else None
