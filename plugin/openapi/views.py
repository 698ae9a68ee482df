"""The description of the HTTP interface, with the version and the address of this installation."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml
from flask import Blueprint, Response, jsonify

import plugin
from plugin.runtime import runtime

PATH: Final = "/openapi.json"
_PARTS: Final = ("document", "api", "conversations", "messages", "together", "referrals", "inbound")
"""What is written by hand: CDS Hooks and operation with all that belongs to none alone, then the API."""

blueprint = Blueprint("openapi", __name__)


@blueprint.get(PATH)
def described() -> Response:
    """The document (OpenAPI 3.1)."""
    return jsonify(document(runtime().settings.public_url))


def document(public_url: str | None) -> dict[str, Any]:
    """The description of a service that is called at ``public_url``; ``None``: where the document was found."""
    found = _written()
    return found | {"info": found["info"] | {"version": plugin.__version__}, "servers": [{"url": public_url or "/"}]}


@cache
def _written() -> dict[str, Any]:
    """The parts as one. No name stands in two of them."""
    found, *others = (_part(name) for name in _PARTS)
    for part in others:
        found["tags"] = [*found["tags"], *part.get("tags", ())]
        found["paths"] |= part.get("paths", {})
        for kind, named in part["components"].items():
            found["components"][kind] = found["components"].get(kind, {}) | named
    return found


def _part(name: str) -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(files("plugin.openapi").joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    return read
