"""The description of the HTTP interface, with the version and the address of this installation."""

from functools import cache
from importlib.resources import files
from typing import Any, Final

import yaml
from flask import Blueprint, Response, current_app, jsonify

import plugin
from plugin.runtime import Runtime

PATH: Final = "/openapi.json"

blueprint = Blueprint("openapi", __name__)


@blueprint.get(PATH)
def described() -> Response:
    """The document (OpenAPI 3.1)."""
    runtime: Runtime = current_app.extensions["almoner"]
    return jsonify(document(runtime.settings.public_url))


def document(public_url: str | None) -> dict[str, Any]:
    """The description of a service that is called at ``public_url``; ``None``: where the document was found."""
    found = _written()
    return found | {"info": found["info"] | {"version": plugin.__version__}, "servers": [{"url": public_url or "/"}]}


@cache
def _written() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(files("plugin.openapi").joinpath("document.yaml").read_text(encoding="utf-8"))
    return read
