"""The page on which a message to somebody is chosen, looked at to the letter, and sent, or printed where nothing carries it."""

import re
import uuid
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from plugin.access.web import access, scope
from plugin.findings.catalogue import rules_by_id
from plugin.messages import agreeing, drafting, sending
from plugin.messages.composing import spoken
from plugin.messages.drafting import Desk, Draft
from plugin.messages.topics import load_topics
from plugin.messages.words import CHANNELS, LEVELS
from plugin.outreach.acting import NotNow
from plugin.outreach.episodes import NoSuchEpisode
from plugin.outreach.forms import grip
from plugin.outreach.views import nobody, site_now
from plugin.runtime import Runtime
from plugin.translations import LANGUAGES, gettext, language, marked, translated
from plugin.wording import language_names
from rules.told import Told

blueprint: Final = Blueprint("messages", __name__, url_prefix="/outreach/<uuid:episode>/message")
EXTENSION: Final = "almoner.messages"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


def install(app: Flask, runtime: Runtime) -> None:
    """Put the page into the application. Raises `RuleError` if a template is wrong."""
    own = runtime.settings.messages
    app.extensions[EXTENSION] = Desk(own, load_topics(own.templates), rules_by_id(runtime.packs))
    app.register_blueprint(blueprint)


def desk() -> Desk:
    """What writing needs, of this application."""
    found: Desk = current_app.extensions[EXTENSION]
    return found


@blueprint.get("")
def message(episode: uuid.UUID) -> Response:
    """The message as chosen, to the letter."""
    return _page(episode, request.args)


@blueprint.post("")
def sent(episode: uuid.UUID) -> ResponseReturnValue:
    """Send what was looked at; then the conversation again."""
    fields, now = request.form, site_now()

    def send(connection: Connection) -> None:
        drafting.send(connection, scope(), desk(), grip(fields, str(episode)), fields, _given(fields), now)

    return _done(episode, send, marked("Nothing was sent: %(why)s."), url_for("outreach.episode", id=episode))


@blueprint.post("/agreed")
def agreed(episode: uuid.UUID) -> ResponseReturnValue:
    """Keep to which address they agreed; then the page again."""
    fields, now = request.form, site_now()

    def agree(connection: Connection) -> None:
        agreeing.agree(connection, scope(), str(episode), fields.get("channel", ""), fields.get("address", ""), now)

    there = url_for(".message", episode=episode, **_wish(fields))
    return _done(episode, agree, marked("Nothing was kept: %(why)s."), there)


@blueprint.post("/came-back/<uuid:id>")
def came_back(episode: uuid.UUID, id: uuid.UUID) -> ResponseReturnValue:
    """A letter or a mail came back; then the conversation again."""

    def learn(connection: Connection) -> None:
        if not sending.came_back(connection, scope(), str(id), site_now()):
            raise NotNow(Told("no such message counts as sent"))

    return _done(episode, learn, marked("Nothing was changed: %(why)s."), url_for("outreach.episode", id=episode))


def _done(episode: uuid.UUID, deed: Callable[[Connection], None], failed: str, there: str) -> ResponseReturnValue:
    try:
        with access().store.write() as connection:
            deed(connection)
    except NotNow as why:
        return _page(episode, request.form, told=gettext(failed, why=translated(why)), status=HTTPStatus.CONFLICT)
    except NoSuchEpisode:
        return nobody()
    return redirect(there, HTTPStatus.SEE_OTHER)


def _given(fields: Mapping[str, str]) -> str:
    """The id of a message, as the page gave it: it becomes the name of a file, and stands in mail. Raises `NotNow` if it is another."""
    found = fields.get("message", "")
    if not _ID.fullmatch(found):
        raise NotNow(Told("the form does not say which message it is; load the page again"))
    return found


def _wish(fields: Mapping[str, str]) -> dict[str, Any]:
    """What was chosen, for the next address. Nothing of it says anything about anybody."""
    return {name: fields[name] for name in ("topic", "channel", "language", "level") if fields.get(name)}


def _page(episode: uuid.UUID, wish: Mapping[str, str], told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.write(durable=False) as connection:
        try:
            draft = drafting.draft(connection, scope(), desk(), str(episode), wish, site_now())
        except NoSuchEpisode:
            return nobody()
    return make_response(render_template("message.html", told=told, **_shown(draft)), status)


def _shown(draft: Draft) -> dict[str, Any]:
    known, names = desk(), language_names(language())
    return {
        "row": draft.episode.row,
        "draft": draft,
        "choice": draft.asked,
        "topics": {id: gettext(known.topics[id].title) for id in draft.topics},
        "channels": CHANNELS,
        "names": {id: gettext(channel.name) for id, channel in CHANNELS.items()},
        "levels": {id: gettext(name) for id, name in LEVELS.items()},
        "languages": {code: names[code] for code in LANGUAGES},
        "masked": agreeing.masked(draft.address),
        "gateway": known.settings.by(draft.asked.channel),
        "seen": draft.seen,
        "message": str(uuid.uuid4()),
        "speaks_neither": draft.episode.row.language if spoken(draft.episode.row.language) is None else None,
    }
