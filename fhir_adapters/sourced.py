"""Profiles as data: what is known of one kind of system, in a YAML file of its own, with where each habit is known from."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Final

import yaml
from pydantic import BaseModel, ConfigDict, Field

_ENDING: Final = ".yaml"
ResourceType = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")]


class Data(BaseModel):
    """A part of a profile: nothing unknown, nothing empty, nothing that changes."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_min_length=1)


class Source(Data):
    """Where a habit is known from."""

    fact: str
    """The habit, in a sentence."""
    where: str
    """Address of the page or thread, or the document."""
    seen: str
    """Year and month in which it was read: ``2026-11``."""


class Profile(Data):
    """What every profile has."""

    name: str
    """File name without ending, as in the settings."""
    title: str
    registration: tuple[str, ...] = ()
    """What to do at the other side, step by step."""
    sources: tuple[Source, ...] = ()


@cache
def names_in(package: str) -> tuple[str, ...]:
    """The names of the profiles that stand beside the modules of a package, sorted."""
    found = (entry.name for entry in files(package).iterdir())
    return tuple(sorted(name.removesuffix(_ENDING) for name in found if name.endswith(_ENDING)))


def read_in(package: str, name: str) -> dict[str, Any]:
    """What the file of the profile ``name`` says, with that name. Raises ``KeyError`` if there is none."""
    if name not in names_in(package):
        raise KeyError(name)
    said: dict[str, Any] = yaml.safe_load((files(package) / f"{name}{_ENDING}").read_text(encoding="utf-8"))
    return {"name": name, **said}
