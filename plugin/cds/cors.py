"""Browser-based CDS clients: which origins may read our answers."""

from collections.abc import Collection, Iterable
from typing import Final

from flask import Response, request

from plugin.cds.clients.client import Client

_PREFLIGHT: Final = {
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Content-Type",
    "Access-Control-Max-Age": "600",
}


def readers(client: Client | None, clients: Iterable[Client]) -> frozenset[str]:
    """The origins that may read an answer: those of the client that called; of all clients while it is not known who calls.

    A preflight carries no token, and a page must be able to read that it was refused (401).
    """
    return frozenset(origin for each in (clients if client is None else (client,)) for origin in each.settings.allowed_origins)


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
