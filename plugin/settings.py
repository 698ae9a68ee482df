"""Every setting, with its default. Read from a YAML file named by ``ALMONER_CONFIG``; ``ALMONER_X__Y`` in the environment wins."""

import os
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, YamlConfigSettingsSource

from rules.pack import BUILT_IN


class CdsSettings(BaseModel):
    """The CDS Hooks service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    fhir_servers: tuple[str, ...] = Field(
        default=(), description="Base URLs of FHIR servers from which missing data may be read; others are never contacted."
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(), description="Origins of browser-based CDS clients, exactly as browsers send them (CORS)."
    )
    max_cards: int = Field(default=2, ge=1, le=10, description="At most so many cards for one call; the highest priority first.")


class PlaygroundSettings(BaseModel):
    """The page on which rules are written and tried."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(
        default=False, description="Whether the page is there. Whoever reaches it makes the server work; it stores nothing."
    )
    people: int = Field(default=1_000, ge=1, le=5_000, description="On so many made-up people a rule is tried.")


class Settings(BaseSettings):
    """Settings of the application."""

    model_config = SettingsConfigDict(
        env_prefix="ALMONER_", env_nested_delimiter="__", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    packs: Path = Field(BUILT_IN, description="A folder of rule packs, one pack, or one rule file.")
    state: Path = Field(Path("state"), description="Where sweeps are published.")
    as_of: date | None = Field(None, description="Evaluate as of this day instead of today; for demonstrations.")
    engine: Literal["reference", "durable", "verify"] = Field("verify", description="The engine that answers CDS Hooks calls.")
    host: str = Field("127.0.0.1", description="Address to listen on. The default accepts connections from this machine only.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 finds a free one.")
    cds: CdsSettings = Field(CdsSettings(), description="The CDS Hooks service.")
    playground: PlaygroundSettings = Field(PlaygroundSettings(), description="The page on which rules are written and tried.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What is passed wins over the environment, the environment over the file."""
        file = os.environ.get("ALMONER_CONFIG")
        return (init_settings, env_settings, *([YamlConfigSettingsSource(settings_cls, file)] if file else []))
