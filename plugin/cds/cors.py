"""Browser-based CDS clients: which origins may read our answers."""

from collections.abc import Collection
from typing import Final

from flask import Response, request

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def allow_origin(response: Response, allowed: Collection[str], exposed: str) -> None:
    """Let the asking origin read the answer if it is, to the letter, one of ``allowed``; of our own headers, ``exposed``."""
    response.vary.add("Origin")
    origin = request.headers.get("Origin")
    if origin is None or origin not in allowed:
        return
    response.headers["Access-Control-Allow-Origin"] = origin
    response.headers["Access-Control-Expose-Headers"] = exposed
    if request.method == "OPTIONS":
        response.headers.update(_PREFLIGHT)
