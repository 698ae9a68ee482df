"""More calls than can be worked on: those over the bound are answered 503 at once instead of waiting for seconds.

Why 503, although some clients send a call again after any 5xx: nothing was done, and the answer says so. *No cards* (200) would look as
if there were nothing to say about the patient. Turning a call away costs a small part of what answering it costs, so that a few
repetitions do not carry the overload on; ``Retry-After`` tells clients that heed it when to come back.
"""

import logging
from threading import BoundedSemaphore
from typing import Final

from flask import Flask, Response, g, jsonify, make_response, request

from plugin.cds.trouble import operation_outcome
from plugin.cds.views import is_for_cds

LOG = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1
"""A call takes a fraction of that, unless its EHR is slow."""


def install(app: Flask, most: int) -> None:
    """Let at most so many calls and feedbacks into the service at one time. Install it before the service itself.

    It stands before the door: a call that is turned away has not used up its token, and can be sent again as it is. Discovery and
    pages, and above all the health checks, are not counted.
    """
    free = BoundedSemaphore(most)

    def enter() -> Response | None:
        if request.method != "POST" or not is_for_cds():
            return None
        if free.acquire(blocking=False):
            g.at_work = True
            return None
        request.get_data(cache=False)  # read to its end: a server that hangs up on a client that still sends loses the answer
        LOG.warning("call_turned_away at_work=%d", most)
        return _turned_away()

    def leave(_: BaseException | None) -> None:
        if g.pop("at_work", False):
            free.release()

    app.before_request(enter)
    app.teardown_request(leave)


def _turned_away() -> Response:
    response = make_response(jsonify(operation_outcome("throttled", "too many calls at this moment; send it again")), 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
