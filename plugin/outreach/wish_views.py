"""The page of what somebody wants: what stands against reaching or helping them, what they agreed to, and that they changed their mind."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row, select

from fhir_adapters.referral_states import OPEN
from plugin.access import accounts
from plugin.access.web import access, scope
from plugin.findings.catalogue import rules_by_id
from plugin.outreach import acting, wishing
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import NoSuchEpisode, whole
from plugin.outreach.views import nobody, site_now
from plugin.outreach.words import CHANNELS, STANDS
from plugin.runtime import runtime
from plugin.store.tables.referrals import REFERRALS
from plugin.translations import gettext, translated
from rules.document import Rule

blueprint: Final = Blueprint("wishes", __name__, url_prefix="/outreach/<uuid:episode>/wishes")


def _rules() -> Mapping[str, Rule]:
    return rules_by_id(runtime().packs)


@blueprint.get("")
def page(episode: uuid.UUID) -> Response:
    """What is on record, and what can be said about it."""
    return _page(str(episode))


def _page(id: str, told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    now, rules = site_now(), _rules()
    with access().store.write(durable=False) as connection:
        try:
            row = whole(connection, scope(), id, now).episode.row
        except NoSuchEpisode:
            return nobody()
        found = wishing.wishes(connection, scope(), row.patient, now.date(), rules)
        sent = _sent(connection, found.given)
        names = accounts.names(connection, [each.user for each in (*found.held, *found.given)])
    values: dict[str, Any] = {
        "row": row,
        "held": found.said_together,
        "given": found.given,
        "sent": sent,
        "names": names,
        "told": told,
        "rules": rules,
        "stands": STANDS,
        "channels": CHANNELS,
        "today": now.date(),
    }
    return make_response(render_template("wishes.html", **values), status)


def _sent(connection: Connection, given: Iterable[Row[Any]]) -> dict[str, Sequence[str]]:
    """Consent → the open referrals that went out on it."""
    table = REFERRALS.c
    query = select(table.consent, table.id).where(table.consent.in_([each.id for each in given]), table.state.in_(OPEN))
    found: dict[str, list[str]] = {}
    for consent, id in connection.execute(query.order_by(table.created, table.id)):
        found.setdefault(consent, []).append(id)
    return dict(found)


@blueprint.post("/<any(restrict, lift, withdraw):verb>")
def said(episode: uuid.UUID, verb: str) -> ResponseReturnValue:
    """Keep what they said. What cannot be kept is told, and changes nothing."""
    now, fields = site_now(), request.form
    try:
        with access().store.write() as connection:
            row = acting.locked(connection, scope(), str(episode))
            if verb == "restrict":
                wishing.restrict(connection, scope(), row.patient, fields, now)
            else:
                take_back = wishing.lift if verb == "lift" else wishing.withdraw
                take_back(connection, scope(), row, fields.get("id", ""), _rules(), now)
    except NotNow as why:
        return _page(str(episode), gettext("Nothing was changed: %(why)s.", why=translated(why)), HTTPStatus.CONFLICT)
    except NoSuchEpisode:
        return nobody()
    return redirect(url_for(".page", episode=episode), HTTPStatus.SEE_OTHER)
