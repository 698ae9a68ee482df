"""How a program does something: it says which version it saw, and under which key the answer is kept: sent twice, it is done once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from flask import Response, request
from sqlalchemy import Connection
from werkzeug.exceptions import BadRequest, Conflict, HTTPException, NotFound, PreconditionFailed, UnprocessableEntity

from fhir_adapters.referral_states import IllegalMove
from plugin.access.web import access, scope
from plugin.api import once
from plugin.api.answering import done
from plugin.api.asking import version
from plugin.inbound.keeping import NoSuchInbound
from plugin.outreach.acting import ChangedMeanwhile, NotNow, Refused
from plugin.outreach.episodes import NoSuchEpisode
from plugin.referrals.reading import NoSuchReferral

Json = dict[str, Any]
Step = Callable[[Connection, int], Json]
"""From the version that was seen to ids and the new version, all in the transaction of the connection."""
NOT_THERE: Final = "There is none, or none that you may see."


class NotHere(Exception):
    """There is none, or none of whoever asked."""


NOT_FOUND: Final = (NoSuchEpisode, NoSuchReferral, NoSuchInbound, NotHere)


def deed(step: Step, *, begins: bool = False) -> Response:
    """Do it once. Raises the problem that whoever calls is told; nothing was done then.

    ``begins``: it makes something that nobody can have seen, or is of several things, or of one without versions: If-Match is not asked
    for, and ``step`` gets 0.
    """
    seen, key, now = 0 if begins else version(), _key(), access().clock()
    claimed = _claimed(key, now)
    if not isinstance(claimed, once.Claim):
        return done(claimed)
    try:
        with access().store.write() as connection:
            answer = step(connection, seen)
            once.keep(connection, claimed, answer)
    except BaseException as wrong:
        with access().store.write() as connection:
            once.give_back(connection, claimed)
        if (told := problem_of(wrong)) is not None:
            raise told from None
        raise
    return done(answer)


@contextmanager
def looking() -> Iterator[Connection]:
    """A transaction in which somebody is looked at, which is recorded. Raises 404 for what is not there, or not for whoever asks."""
    with access().store.write(durable=False) as connection:
        try:
            yield connection
        except NOT_FOUND:
            raise NotFound(NOT_THERE) from None


def problem_of(wrong: BaseException) -> HTTPException | None:
    """What a refusal of ours means over HTTP; ``None``: it is a defect, whose text may hold anything, or means something already."""
    if isinstance(wrong, NOT_FOUND):
        return NotFound(NOT_THERE)
    if isinstance(wrong, ChangedMeanwhile):
        return PreconditionFailed(f"Nothing was changed: {wrong}.")
    if isinstance(wrong, once.InFlight):
        return Conflict("The same request is being worked on. Send it again in a few seconds.")
    if isinstance(wrong, NotNow | IllegalMove | Refused):
        return Conflict(f"Nothing was changed: {wrong}.")
    return None


def _key() -> str:
    key = request.headers.get("Idempotency-Key", "")
    if not 0 < len(key) <= once.LONGEST or not key.isprintable():
        raise BadRequest(
            f"Send an Idempotency-Key of 1 to {once.LONGEST} characters: a new one for each deed, the same when it is sent again."
        )
    return key


def _claimed(key: str, now: datetime) -> once.Claim | Json:
    asked = "\0".join((request.method, request.path, request.headers.get("If-Match", ""), request.get_data(as_text=True)))
    try:
        with access().store.write(durable=False) as connection:
            return once.claim(connection, scope(), key, asked, now)
    except once.AnotherRequest:
        raise UnprocessableEntity("This Idempotency-Key was sent with another request. Give each deed a key of its own.") from None
    except once.InFlight as wrong:
        raise problem_of(wrong) or wrong from None
