"""An application answering on this machine, for browsers and servers of tests."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import TYPE_CHECKING

from flask import Flask
from werkzeug.serving import make_server

from plugin.playground.views import EXTENSION

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


@contextmanager
def serving_app(app: Flask) -> Iterator[str]:
    """The address at which the application answers while the block runs, without a slash at its end."""
    server = make_server("127.0.0.1", 0, closing(app.wsgi_app), threaded=True)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        for bench in app.extensions.get(EXTENSION, {}).values():
            bench.close()


def closing(app: "WSGIApplication") -> "WSGIApplication":
    """The same application, whose answers are closed also when a browser hangs up in the middle of one.

    The server does not do so when reading the rest of the request fails as well; a file that is sent would stay open.
    """

    def call(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        answer = app(environ, start_response)
        try:
            yield from answer
        finally:
            if hasattr(answer, "close"):
                answer.close()

    return call
