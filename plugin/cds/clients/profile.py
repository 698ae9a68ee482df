"""The form of a client profile, and the reader of its file."""

from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

_FOLDER: Final = files("plugin.cds.clients")
_ENDING: Final = ".yaml"


class _Data(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)


class Jwt(_Data):
    """What the tokens of such a client look like."""

    algorithms: tuple[Literal["ES384", "RS384"], ...] = ("ES384", "RS384")
    leeway: int = Field(default=60, ge=0, le=300)
    """Seconds by which its clock may differ from ours."""
    issuer: str | None = None
    """``iss``, where every tenant has the same; ``None``: the client's settings say it."""
    jwks_url: str | None = None
    """Where its keys are, where every tenant has the same."""


class ClientProfile(_Data):
    """How one kind of client differs from what the specification lets one hope for."""

    name: str
    """File name without ending, as in the settings."""
    title: str
    jwt: Jwt | None = Jwt()
    """``None``: it sends no token of CDS Hooks."""


def known_profiles() -> list[str]:
    """Their names, sorted."""
    return sorted(entry.name.removesuffix(_ENDING) for entry in _FOLDER.iterdir() if entry.name.endswith(_ENDING))


@cache
def profile(name: str) -> ClientProfile:
    """The profile called ``name``. Raises ``KeyError`` if there is none."""
    if name not in known_profiles():
        raise KeyError(name)
    data: Any = yaml.safe_load((_FOLDER / f"{name}{_ENDING}").read_text(encoding="utf-8"))
    return ClientProfile.model_validate({"name": name, **data})
