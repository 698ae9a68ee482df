"""Where the inbox is."""

from functools import cache
from pathlib import Path
from typing import Final

from fhir_adapters.subscriptions import Inbox
from plugin.settings import Settings

_FILE: Final = "subscriptions.sqlite"


def inbox_file(settings: Settings) -> Path:
    """Its file in the state folder."""
    return settings.state / _FILE


def inbox_of(settings: Settings) -> Inbox | None:
    """The inbox; ``None`` if nothing was ever subscribed to. Made ready once in a process, for a server waits for each answer."""
    path = inbox_file(settings)
    return _opened(path) if path.exists() else None


@cache
def _opened(path: Path) -> Inbox:
    return Inbox(path)
