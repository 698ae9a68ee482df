"""More calls than can be worked on: those over the bounds are answered 503 at once instead of waiting for seconds.

Why 503, although some clients send a call again after any 5xx: nothing was done, and the answer says so. *No cards* (200) would look as
if there were nothing to say about the patient. Turning a call away costs a small part of what answering it costs, so that a few
repetitions do not carry the overload on; ``Retry-After`` tells clients that heed it when to come back.
"""

import logging
from typing import Final

from flask import Flask, Response, g, jsonify, make_response, request

from plugin.cds.trouble import operation_outcome
from plugin.cds.turns import Turns
from plugin.cds.views import is_for_cds

LOG = logging.getLogger(__name__)

RETRY_SECONDS: Final = 1
"""A call takes a fraction of that, unless its EHR is slow."""


def install(app: Flask, turns: Turns) -> None:
    """Let no more calls and feedbacks into the service than ``turns`` admits. Install it before the service itself.

    It stands before the door: a call that is turned away has not used up its token, and can be sent again as it is. Discovery and
    pages, and above all the health checks, are not counted.
    """

    def enter() -> Response | None:
        if request.method != "POST" or not is_for_cds():
            return None
        if turns.admit():
            g.at_work = True
            return None
        request.get_data(cache=False)  # read to its end: a server that hangs up on a client that still sends loses the answer
        LOG.warning("call_turned_away working=%d", turns.working)
        return _turned_away()

    def leave(_: BaseException | None) -> None:
        if g.pop("at_work", False):
            turns.dismiss()

    app.before_request(enter)
    app.teardown_request(leave)


def _turned_away() -> Response:
    response = make_response(jsonify(operation_outcome("throttled", "too many calls at this moment; send it again")), 503)
    response.headers["Retry-After"] = str(RETRY_SECONDS)
    return response
