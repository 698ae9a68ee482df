"""The pages of those who refer: from a conversation to a service, and what became of it."""

import uuid
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fhir_adapters.referral_states import IllegalMove, Status, sources
from plugin.access.web import access, scope
from plugin.listings.site import directory
from plugin.outreach.acting import NotNow, Refused
from plugin.outreach.episodes import Episode, NoSuchEpisode, whole
from plugin.outreach.views import site_now
from plugin.referrals import acting
from plugin.referrals.acting import Grip
from plugin.referrals.offering import Answers, Offer, answers_of, given_by, offer_of, refer, services, sought
from plugin.referrals.reading import PAGE, VIEWS, NoSuchReferral, listed, names, one
from plugin.referrals.words import ATTENTION, CHOSEN, REASONS, STATES, STEPS
from plugin.runtime import runtime
from plugin.translations import gettext, translated

blueprint: Final = Blueprint("referrals", __name__)


def _not_here(title: str) -> Response:
    text = gettext("There is none, or none that you may see.")
    return make_response(render_template("problem.html", title=title, text=text), HTTPStatus.NOT_FOUND)


@blueprint.route("/outreach/<uuid:episode>/refer/<rule>", methods=["GET", "POST"])
def offer(episode: uuid.UUID, rule: str) -> ResponseReturnValue:
    """The form, with what the directory has; posted with an answer, the referral is sent or the refusal kept."""
    now = site_now()
    found = _offer(str(episode), rule, now)
    if found is None:
        return _not_here(gettext("Nothing to refer for"))
    whom, what = found
    answers = answers_of(request.form, what)
    if request.method == "GET" or "look" in request.form:
        return _form(whom, what, answers, now)
    try:
        with access().store.write() as connection:
            sent = refer(connection, scope(), whom, what, answers, directory(connection), tenant(), now)
    except (NotNow, IllegalMove, Refused) as why:
        return _form(whom, what, answers, now, told=gettext("Nothing was sent: %(why)s.", why=translated(why)), status=HTTPStatus.CONFLICT)
    there = url_for(".referral", id=sent) if sent else url_for("outreach.episode", id=episode)
    return redirect(there, HTTPStatus.SEE_OTHER)


def tenant() -> str:
    """Whose EHR is told of referrals from conversations."""
    settings = runtime().settings
    return settings.referrals.tenant({name: server.tenant or name for name, server in settings.servers.items()})


def _offer(id: str, rule: str, now: datetime) -> tuple[Episode, Offer] | None:
    with access().store.write(durable=False) as connection:
        try:
            episode = whole(connection, scope(), id, now).episode
        except NoSuchEpisode:
            return None
    found = offer_of(episode, runtime().packs, rule)
    return (episode, found) if found else None


def _form(episode: Episode, offer: Offer, answers: Answers, now: datetime, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    wish = sought(offer, answers, episode.row)
    with access().store.read() as connection:
        listed = directory(connection)
    page = render_template(
        "refer.html",
        episode=episode,
        row=episode.row,
        offer=offer,
        answers=answers,
        candidates=services(listed, wish, now.date()),
        directory=listed is not None,
        given_by=given_by(answers.partner),
        id=answers.id or str(uuid.uuid4()),
        told=told,
    )
    return make_response(page, status)


@blueprint.get("/referrals")
def referrals() -> Response:
    """A page of referrals; those that somebody must look at have a view of their own."""
    asked = request.args.get("view", "")
    view = asked if asked in VIEWS else "open"
    number = max(1, min(request.args.get("page", 1, type=int), 10_000))
    with access().store.read() as connection:
        rows, total = listed(connection, scope(), view, number)
        people = names(connection, scope(), rows)
    shown = {"rows": rows, "total": total, "number": number, "size": PAGE, "view": view, "names": people}
    page = render_template("referrals.html", attention=ATTENTION, states=STATES, **shown)
    return make_response(page)


@blueprint.get("/referrals/<uuid:id>")
def referral(id: uuid.UUID) -> Response:
    """One referral, and what those who refer can do with it."""
    return _one(str(id))


def _one(id: str, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.write(durable=False) as connection:
        try:
            found = one(connection, scope(), id, site_now())
        except NoSuchReferral:
            return _not_here(gettext("No such referral"))
        name = names(connection, scope(), [found.row]).get(str(id))
    values: dict[str, Any] = {
        "whole": found,
        "row": found.row,
        "name": name,
        "reasons": REASONS,
        "steps": STEPS,
        "states": STATES,
        "chosen": CHOSEN,
        "attention": ATTENTION,
        "may_be_mistaken": found.row.state in sources(Status.ENTERED_IN_ERROR),
        "told": told,
    }
    return make_response(render_template("referral.html", **values), status)


@blueprint.post("/referrals/<uuid:id>/<any(cancel, seen, mistaken):verb>")
def act(id: uuid.UUID, verb: str) -> ResponseReturnValue:
    """Take a referral back, say that it should never have been, or that somebody has seen to what asked for attention."""
    grip = Grip(str(id), request.form.get("version", 0, type=int))
    now = site_now()
    try:
        with access().store.write() as connection:
            if verb == "cancel":
                reason = request.form.get("reason", "").strip()
                acting.cancel(connection, scope(), grip, request.form.get("reason_code", ""), now, reason)
            elif verb == "mistaken":
                acting.mistaken(connection, scope(), grip, now)
            else:
                acting.looked_into(connection, scope(), grip, now)
    except (NotNow, IllegalMove, Refused) as why:
        return _one(str(id), gettext("Nothing was changed: %(why)s.", why=translated(why)), HTTPStatus.CONFLICT)
    except NoSuchReferral:
        return _not_here(gettext("No such referral"))
    return redirect(url_for(".referral", id=id), HTTPStatus.SEE_OTHER)
