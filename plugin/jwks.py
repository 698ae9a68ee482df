"""Our public keys, for the FHIR servers at which we are registered: the next one, the current one, and those just retired."""

from typing import Final

from flask import Blueprint, Response, jsonify

from fhir_adapters.smart import KeyRing
from plugin.runtime import runtime

PATH: Final = "/.well-known/jwks.json"
_FRESH_FOR: Final = 300
"""Seconds for which a server may use its copy."""

blueprint = Blueprint("jwks", __name__)


@blueprint.get(PATH)
def keys() -> Response:
    """The key set (JWKS); empty before ``almoner keys new``."""
    response = jsonify(KeyRing(runtime().settings.keys).published())
    response.headers["Cache-Control"] = f"public, max-age={_FRESH_FOR}"
    return response
