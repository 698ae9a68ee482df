"""The page of what somebody wants: what stands against reaching or helping them, what they agreed to, and that they changed their mind."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection, Row, select

from fhir_adapters.referral_states import OPEN
from plugin.access import accounts
from plugin.access.web import access, scope
from plugin.findings.catalogue import rules_by_id
from plugin.outreach import acting, restricting
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import NoSuchEpisode, whole
from plugin.outreach.views import site_now
from plugin.outreach.words import CHANNELS, STANDS, Restriction
from plugin.referrals import consenting
from plugin.referrals.consenting import of_need
from plugin.runtime import Runtime
from plugin.store.tables.referrals import REFERRALS
from rules.document import Rule

blueprint: Final = Blueprint("wishes", __name__, url_prefix="/outreach/<uuid:episode>/wishes")


def _rules() -> Mapping[str, Rule]:
    runtime: Runtime = current_app.extensions["almoner"]
    return rules_by_id(runtime.packs)


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
            return _nobody()
        held, given = _seen(connection, row.patient, now.date(), rules)
        sent = _sent(connection, given)
        names = accounts.names(connection, [each.user for each in (*held, *given)])
    values: dict[str, Any] = {
        "row": row,
        "held": _said_together(held),
        "given": given,
        "sent": sent,
        "names": names,
        "told": told,
        "rules": rules,
        "stands": STANDS,
        "channels": CHANNELS,
        "today": now.date(),
    }
    return make_response(render_template("wishes.html", **values), status)


def _seen(connection: Connection, patient: str, today: date, rules: Mapping[str, Rule]) -> tuple[list[Row[Any]], list[Row[Any]]]:
    """The restrictions and the consents that may be told to whoever asks."""
    unseen = consenting.untold(scope(), rules)
    held = [each for each in restricting.on_record(connection, scope(), patient, today) if each.scope not in unseen]
    given = [each for each in consenting.given(connection, scope(), patient, today) if of_need(each.need) not in unseen]
    return held, given


def _sent(connection: Connection, given: Iterable[Row[Any]]) -> dict[str, Sequence[str]]:
    """Consent → the open referrals that went out on it."""
    table = REFERRALS.c
    query = select(table.consent, table.id).where(table.consent.in_([each.id for each in given]), table.state.in_(OPEN))
    found: dict[str, list[str]] = {}
    for consent, id in connection.execute(query.order_by(table.created, table.id)):
        found.setdefault(consent, []).append(id)
    return dict(found)


def _nobody() -> Response:
    text = "There is no such episode, or none that you may see."
    return make_response(render_template("problem.html", title="Nobody stands here", text=text), HTTPStatus.NOT_FOUND)


@blueprint.post("/<any(restrict, lift, withdraw):verb>")
def said(episode: uuid.UUID, verb: str) -> ResponseReturnValue:
    """Keep what they said. What cannot be kept is told, and changes nothing."""
    now, fields = site_now(), request.form
    try:
        with access().store.write() as connection:
            row = acting.locked(connection, scope(), str(episode))
            if verb == "restrict":
                _restrict(connection, row.patient, fields, now)
            else:
                _take_back(connection, row, verb, fields.get("id", ""), now)
    except NotNow as why:
        return _page(str(episode), f"Nothing was changed: {why}.", HTTPStatus.CONFLICT)
    except NoSuchEpisode:
        return _nobody()
    return redirect(url_for(".page", episode=episode), HTTPStatus.SEE_OTHER)


def _take_back(connection: Connection, episode: Row[Any], verb: str, id: str, now: datetime) -> None:
    held, given = _seen(connection, episode.patient, now.date(), _rules())
    if verb == "lift":
        together = next((each for each in _said_together(held) if id == each[0].id), ())
        acting.lift(connection, scope(), episode, [each.id for each in together], now)
    elif id not in {each.id for each in given} or not consenting.withdraw(connection, scope(), episode.patient, id, now):
        raise NotNow("it is not on record any more")


def _said_together(held: Iterable[Row[Any]]) -> list[list[Row[Any]]]:
    """What was said in one breath is taken back in one: a refusal of a need is also one of each rule that would offer help with it."""
    found: dict[tuple[Any, ...], list[Row[Any]]] = {}
    for each in held:
        found.setdefault((each.kind, each.since, each.user, each.until), []).append(each)
    return list(found.values())


def _restrict(connection: Connection, patient: str, fields: Mapping[str, str], now: datetime) -> None:
    what = fields.get("what", "")
    if what != Restriction.UNSAFE and what not in CHANNELS:
        raise NotNow("choose what they said")
    kind, of = (Restriction.UNSAFE, "all") if what == Restriction.UNSAFE else (Restriction.OPTED_OUT, what)
    try:
        until = date.fromisoformat(fields["until"]) if fields.get("until") else None
    except ValueError:
        raise NotNow("choose the last day on which it holds, or none") from None
    if until is not None and until < now.date():
        raise NotNow("the last day on which it holds is over")
    note = fields.get("note", "").strip()[:200]
    on_record = restricting.on_record(connection, scope(), patient, now.date())
    if not any((each.kind, each.scope) == (kind, of) and _covers(each, until, note) for each in on_record):
        restricting.restrict(connection, scope(), patient, kind, now, of=of, until=until, note=note)


def _covers(known: Row[Any], until: date | None, note: str) -> bool:
    """Whether what is on record holds at least as long, and says what a new note would."""
    as_long = known.until is None or (until is not None and known.until >= until.isoformat())
    return as_long and note in ("", known.note)
