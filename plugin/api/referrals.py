"""Referrals: from a conversation to a service, and what became of it."""

import uuid
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from plugin.access.web import access, scope
from plugin.api import PATH, telling
from plugin.api.answering import Slice, listing, slice_only, whole
from plugin.api.asking import AFTER, YES_OR_NO, Fields, arguments, check, fields, place
from plugin.api.conversations import held
from plugin.api.doing import deed, looking
from plugin.listings.site import directory
from plugin.outreach import episodes
from plugin.outreach.acting import locked
from plugin.outreach.episodes import Episode, NoSuchEpisode
from plugin.outreach.views import site_now
from plugin.referrals import acting, offering, reading
from plugin.referrals.acting import Grip
from plugin.referrals.consenting import GIVEN_BY
from plugin.referrals.offering import Answers, Offer, answers_of
from plugin.referrals.reading import VIEWS
from plugin.referrals.views import tenant
from plugin.referrals.words import CHOSEN
from plugin.runtime import runtime

blueprint: Final = Blueprint("api_referrals", __name__, url_prefix=PATH)

FILTERS: Final[Fields] = {"view": VIEWS, "after": AFTER}
CANCEL: Final[Fields] = {"reason_code": CHOSEN, "reason": 200}
WANTING: Final[Fields] = {"partner": None, "postcode": 16}
"""For what kind of partner services are looked for, and where somebody lives."""
ANSWERS: Final[Fields] = {
    **WANTING,
    **{"wanted": YES_OR_NO, "given_by": GIVEN_BY, "listing": None, "message": 1_000, "assessment": YES_OR_NO},
}
"""What somebody said, and what was chosen."""


@blueprint.get("/referrals")
def listed() -> Response:
    """A page of referrals; those that somebody must look at have a view of their own."""
    told = arguments(FILTERS)
    after = place(told)
    with access().store.read() as connection:
        found = reading.walked(connection, scope(), told.get("view", "open"), after)
        names = reading.names(connection, scope(), found.rows)
    return listing(Slice([telling.referral(row, names) for row in found.rows], found.total, found.last), told)


@blueprint.get("/referrals/<uuid:id>")
def one(id: uuid.UUID) -> Response:
    """One of them; that it was looked at is recorded."""
    with looking() as connection:
        found = reading.one(connection, scope(), str(id), site_now())
        names = reading.names(connection, scope(), [found.row])
    return whole(telling.referral_whole(found, names))


@blueprint.post("/referrals/<uuid:id>/<any(cancel, seen, mistaken):verb>")
def act(id: uuid.UUID, verb: str) -> Response:
    """Take it back, say that it should never have been, or that somebody has seen to what asked for attention."""
    told = fields(CANCEL if verb == "cancel" else {})

    def step(connection: Connection, version: int) -> dict[str, Any]:
        grip, now = Grip(str(id), version), site_now()
        if verb == "cancel":
            new = acting.cancel(connection, scope(), grip, told.get("reason_code", ""), now, told.get("reason", "").strip())
        else:
            new = (acting.mistaken if verb == "mistaken" else acting.looked_into)(connection, scope(), grip, now)
        return {"id": str(id), "version": new}

    return deed(step)


@blueprint.post("/conversations/<uuid:episode>/offers/<rule>/candidates")
def candidates(episode: uuid.UUID, rule: str) -> Response:
    """The services of the directory, each with the reasons why and why not: those that fit first. It changes nothing.

    It is posted because somebody's postcode may be in it, and because that the person was looked at is recorded.
    """
    told, now = fields(WANTING), site_now()
    with looking() as connection:
        found, offer = _offer(connection, str(episode), rule)
    with access().store.read() as connection:
        known = directory(connection)
    # All services are looked at, which takes its time: nobody who wants to write waits for it.
    services = offering.services(known, offering.sought(offer, _answers(told, offer), found.row), now.date())
    return slice_only(Slice([telling.candidate(each) for each in services], len(services)))


@blueprint.post("/conversations/<uuid:episode>/offers/<rule>/refer")
def refer(episode: uuid.UUID, rule: str) -> Response:
    """Keep what they said, and send the referral if they want it."""
    told, new = fields(ANSWERS), str(uuid.uuid4())

    def step(connection: Connection, version: int) -> dict[str, Any]:
        held(connection, str(episode), version)
        found, offer = _offer(connection, str(episode), rule)
        answers = _answers({**told, "id": new}, offer)
        sent = offering.refer(connection, scope(), found, offer, answers, directory(connection), tenant(), site_now())
        return {"id": str(episode), "version": locked(connection, scope(), str(episode)).version, "referral": sent}

    return deed(step)


def _offer(connection: Connection, episode: str, rule: str) -> tuple[Episode, Offer]:
    """Raises `NoSuchEpisode`, also if it cannot be referred for what ``rule`` offers."""
    found = episodes.whole(connection, scope(), episode, site_now()).episode
    offer = offering.offer_of(found, runtime().packs, rule)
    if offer is None:
        raise NoSuchEpisode(episode)
    return found, offer


def _answers(told: dict[str, str], offer: Offer) -> Answers:
    """Whoever calls names the partner of which the person was asked. Raises 400 for one that the rule does not."""
    kinds = offer.referral.partner_types
    partner = told.get("partner", kinds[0])
    check("partner", partner, kinds)
    return answers_of({**told, "partner": partner, "shown": partner}, offer)
