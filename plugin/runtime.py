"""The composition root: builds packs, engine and the view on published sweeps once, from the settings."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from flask import current_app

from plugin.settings import Settings
from plugin.sweep.published import Published
from rules.engines import Engine, engine
from rules.errors import EngineUnavailable
from rules.pack import Pack, load_packs

EXTENSION: Final = "almoner"


@dataclass(frozen=True, slots=True)
class Runtime:
    """What requests need."""

    settings: Settings
    packs: tuple[Pack, ...]
    engine: Engine
    published: Published
    engine_note: str = ""
    """Why another engine than the configured one serves; empty if none does."""

    def today(self) -> date:
        """The day as of which rules are evaluated."""
        return self.settings.as_of or datetime.now(UTC).astimezone().date()


def build_runtime(settings: Settings) -> Runtime:
    """Load the packs and start the engine.

    Where durable_rules cannot run, the reference engine serves alone and `Runtime.engine_note` says why.
    Raises `rules.errors.RuleError` if a pack is wrong.
    """
    note = ""
    try:
        chosen = engine(settings.engine)
    except EngineUnavailable as reason:
        chosen, note = engine("reference"), str(reason)
    return Runtime(settings, load_packs(settings.packs), chosen, Published(settings.state), note)


def runtime() -> Runtime:
    """That of the application which answers."""
    found: Runtime = current_app.extensions[EXTENSION]
    return found
