"""``config/almoner.yaml``: every setting with its meaning and its default, written from the settings themselves.

``python -m plugin.annotated > config/almoner.yaml``
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from plugin.settings import Settings
from rules.pack import BUILT_IN

_HEAD: Final = """\
# Almoner's settings. Every value below is the default: keep the lines that you change, delete the rest.
# Name the file by ALMONER_CONFIG, or by --config. A variable of the environment wins over the file:
# ALMONER_PORT=8080, ALMONER_CDS__MAX_CARDS=3.
"""


def annotated() -> str:
    """The text of the file."""
    return "\n".join([_HEAD, *_lines(Settings.model_fields, "")]) + "\n"


def _lines(fields: Mapping[str, FieldInfo], indent: str) -> Iterator[str]:
    for name, field in fields.items():
        yield f"{indent}# {field.description}{_choices(field)}"
        if isinstance(field.default, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(type(field.default).model_fields, indent + "  ")
        elif field.default == BUILT_IN:
            yield f"{indent}# {name}: (the packs that come with Almoner)"
        elif isinstance(field.default, dict):
            yield f"{indent}{name}: {{}}"
            yield from (f"{indent}#   {line}" for line in _entry(field))
        elif field.is_required():
            yield f"{indent}{name}: (it has no default)"
        else:
            yield f"{indent}{name}: {_yaml(field.default)}"


def _entry(field: FieldInfo) -> Iterator[str]:
    """What stands under each name of a mapping."""
    kind = get_args(field.annotation)[1]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield "NAME:"
        yield from _lines(kind.model_fields, "  ")
    else:
        yield '"THIS": "THAT"'


def _choices(field: FieldInfo) -> str:
    return f" One of: {', '.join(get_args(field.annotation))}." if get_origin(field.annotation) is Literal else ""


def _yaml(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case tuple():
            return f"[{', '.join(map(_yaml, value))}]"
        case str() | Path():
            return f'"{value}"'
    return str(value)


if __name__ == "__main__":
    sys.stdout.write(annotated())
