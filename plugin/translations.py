"""What pages say in several languages: one YAML file for each beside the package that says it, with the same keys in all."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Final

import yaml
from pydantic import TypeAdapter

LANGUAGES: Final = ("en", "es")
"""The first one is for whoever speaks none of them."""


@cache
def texts(package: str, language: str) -> Mapping[str, str]:
    """The messages of ``package`` (``plugin.access.texts``) in one of `LANGUAGES`."""
    written = files(package).joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, str]).validate_python(yaml.safe_load(written))
