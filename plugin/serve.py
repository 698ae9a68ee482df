"""Serve the application: gunicorn with threads, started from here and not from a command line of its own."""

import gc
import logging
import os
import socket
import sys
from collections.abc import Callable
from threading import Thread
from typing import Any, Final

from flask import Flask

from plugin.cds.trouble import logged
from plugin.errors import ServeError
from plugin.observe import metrics
from plugin.runtime import EXTENSION as RUNTIME
from plugin.runtime import Runtime
from plugin.settings import Settings

SPARE_THREADS: Final = 8
"""Beside those that answer calls: for health checks, pages, and turning calls away, which must never wait for calls."""
_SWITCH: Final = 0.0001
"""Seconds after which a thread that computes lets others on. Beside the one call that computes (`plugin.cds.turns`) others only have the
next statement for the database, or a call to turn away: with Python's own 5 ms each of their steps would take so long.
"""
_OBJECTS: Final = 50_000
"""So many new objects before Python looks for garbage among them. Reading one call makes some ten thousand, and no garbage."""


def application(runtime: Runtime | None = None) -> Flask:
    """The application for a server's worker process: it makes itself ready for the first call while it already answers."""
    # Read in the worker: what counts must know by then where all workers count together.
    from plugin.app import create_app

    sys.setswitchinterval(_SWITCH)
    app = create_app(runtime)
    Thread(target=_make_ready, args=(app,), name="warm-up", daemon=True).start()
    return app


def _make_ready(app: Flask) -> None:
    from plugin.cds.views import EXTENSION
    from plugin.cds.warming import warm_up

    try:
        warm_up(app.extensions[EXTENSION], app.extensions[RUNTIME])
    except Exception as error:
        logged("warm_up_failed", error)
    gc.collect()
    gc.freeze()  # what is there now stays: it need not be looked at again
    gc.set_threshold(_OBJECTS)


def serve(runtime: Runtime, *, workers: int = 2, on_ready: Callable[[str], None] | None = None) -> None:
    """Serve until stopped by SIGINT or SIGTERM. ``on_ready`` gets the address, with the port that was found if it was to be any.

    Each worker process makes its own application after the fork: engines start their child processes there.

    Raises:
        ServeError: there is no gunicorn on this platform, or it could not listen.
    """
    server = _gunicorn(runtime, workers, on_ready)
    metrics.share(runtime.settings.state / "metrics")
    master = os.getpid()
    try:
        server.run()
    except SystemExit as stop:
        # Workers are forks and end by SystemExit too: they must not come back to our caller.
        if os.getpid() != master:
            raise
        if stop.code:
            raise ServeError("the server could not go on; its own messages above say why") from None


def free_port(host: str, wanted: int) -> int:
    """``wanted`` if nothing listens there on ``host``, else any free port."""
    for port in (wanted, 0):
        try:
            with socket.create_server((host, port), family=_family(host)) as server:
                found: int = server.getsockname()[1]
                return found
        except OSError:
            continue
    raise ServeError("this machine has no free port, or the host is not one of its addresses")


def gunicorn_settings(settings: Settings, workers: int) -> dict[str, Any]:
    """How gunicorn serves the application, whoever starts it."""
    return {
        "bind": f"{_shown(settings.host)}:{settings.port}",
        "worker_class": "gthread",
        "workers": workers,
        "threads": settings.cds.calls_at_once + SPARE_THREADS,
        "keepalive": 75,
        "graceful_timeout": 10,
        "max_requests": 20_000,
        "max_requests_jitter": 2_000,
        "loglevel": "warning",
        "control_socket_disable": True,
    }


def _shown(host: str) -> str:
    """A host as addresses write it."""
    return f"[{host}]" if ":" in host else host


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _gunicorn(runtime: Runtime, workers: int, on_ready: Callable[[str], None] | None) -> Any:
    try:
        from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]
    except ImportError as error:
        raise ServeError(
            f"gunicorn does not run on {sys.platform}: use Linux or macOS, or give plugin.serve:application to another WSGI server"
        ) from error
    settings = gunicorn_settings(runtime.settings, workers)

    def ready(arbiter: Any) -> None:
        if on_ready:
            on_ready(f"http://{_shown(runtime.settings.host)}:{arbiter.LISTENERS[0].sock.getsockname()[1]}")

    class Application(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in settings.items():
                self.cfg.set(name, value)
            self.cfg.set("when_ready", ready)

        def load(self) -> Any:
            logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
            return application(runtime)

    return Application()
