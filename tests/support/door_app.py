"""What stands at the door of the CDS Hooks service, put together as the service does, before a service that says who called.

``python -m support.door_app DATABASE_URL JWKS_FILE`` serves it by two workers of gunicorn and says at which port.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask, Response, g, jsonify, request
from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
from support.cds_tokens import GONE, PATH, PUBLIC_URL, client

from plugin.cds import door
from plugin.cds.body import LIMIT, read_json
from plugin.cds.clients.client import Client
from plugin.cds.cors import allow_origin, readers
from plugin.cds.trust import Trust, Unauthorized
from plugin.store import open_store


def door_app(clients: Sequence[Client], trust: Trust) -> Flask:
    """Who calls comes first, whatever is called; a preflight carries no token."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = LIMIT + 1

    @app.before_request
    def ask() -> Response | None:
        try:
            g.client = None if request.method == "OPTIONS" else door.caller(trust)
        except Unauthorized:
            return door.refusal()
        return None

    @app.after_request
    def add(response: Response) -> Response:
        found: Client | None = g.get("client")
        allow_origin(response, readers(found, clients), "X-Almoner-Error-Id")
        response.headers.update(door.HEADERS)
        return response

    @app.route("/cds-services", methods=["GET"], endpoint="discovery")
    @app.route(PATH, methods=["POST"], endpoint="call")
    @app.route(f"{PATH}/feedback", methods=["POST"], endpoint="feedback")
    def answer() -> Response:
        return jsonify({"client": g.client.name, "body": None if request.method == "GET" else read_json()})

    return app


class _Served(BaseApplication):  # type: ignore[misc]
    """Each worker has a trust, a cache of keys and connections of its own."""

    def __init__(self, database: str, jwks: str) -> None:
        self._database, self._client = database, client(jwks_file=Path(jwks), jwks_url=GONE)
        super().__init__()

    def load_config(self) -> None:
        """As ``almoner serve`` does."""

        def ready(arbiter: Any) -> None:
            sys.stdout.write(f"{arbiter.LISTENERS[0].sock.getsockname()[1]}\n")
            sys.stdout.flush()

        settings = {"bind": "127.0.0.1:0", "worker_class": "gthread", "workers": 2, "threads": 4, "when_ready": ready}
        for name, value in (settings | {"control_socket_disable": True, "loglevel": "critical"}).items():
            self.cfg.set(name, value)

    def load(self) -> Flask:
        """After the fork."""
        return door_app((self._client,), Trust([self._client], open_store(self._database), PUBLIC_URL))


if __name__ == "__main__":
    _Served(*sys.argv[1:]).run()
