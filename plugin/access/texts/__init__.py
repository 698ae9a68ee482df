"""What the pages for signing in say, in the language that the browser asks for."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import yaml
from pydantic import TypeAdapter

LANGUAGES: Final = ("en", "es")
"""The first one is for whoever speaks none of them."""


@cache
def texts(language: str) -> Mapping[str, str]:
    """The messages of one of `LANGUAGES`."""
    written = files("plugin.access.texts").joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, str]).validate_python(yaml.safe_load(written))
