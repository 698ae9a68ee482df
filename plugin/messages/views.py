"""The page on which a message to somebody is chosen, looked at to the letter, and sent, or printed where nothing carries it."""

import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

from flask import Blueprint, Flask, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import Connection

from plugin.access import Right
from plugin.access.web import access, scope
from plugin.findings.catalogue import rules_by_id
from plugin.messages import agreeing, sending
from plugin.messages.composing import Choice, Message, about, chosen, compose, is_sensitive, spoken, values
from plugin.messages.sending import Sending
from plugin.messages.settings import MessageSettings
from plugin.messages.topics import Topic, load_topics
from plugin.messages.words import CHANNELS, LEVELS
from plugin.outreach.acting import NotNow, hold
from plugin.outreach.episodes import Episode, NoSuchEpisode, whole
from plugin.outreach.forms import grip
from plugin.outreach.restricting import is_unsafe
from plugin.outreach.views import nobody, site_now
from plugin.runtime import Runtime
from plugin.translations import LANGUAGES, gettext, language, marked, translated
from plugin.wording import language_names
from rules.document import Rule
from rules.told import Told

blueprint: Final = Blueprint("messages", __name__, url_prefix="/outreach/<uuid:episode>/message")
EXTENSION: Final = "almoner.messages"
_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Desk:
    """What writing needs. One per process."""

    settings: MessageSettings
    topics: Mapping[str, Topic]
    rules: Mapping[str, Rule]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A message to somebody, as it would go out now."""

    episode: Episode
    topics: Mapping[str, Sequence[str]]
    """Those that can be chosen, with the rules that give each."""
    asked: Choice
    """What was chosen, whatever words stand in for it."""
    message: Message
    address: str
    why_not: str | None
    """What stands against sending it."""
    agreed: Mapping[str, Any]


def install(app: Flask, runtime: Runtime) -> None:
    """Put the page into the application. Raises `RuleError` if a template is wrong."""
    own = runtime.settings.messages
    app.extensions[EXTENSION] = _Desk(own, load_topics(own.templates), rules_by_id(runtime.packs))
    app.register_blueprint(blueprint)


def _desk() -> _Desk:
    found: _Desk = current_app.extensions[EXTENSION]
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
        id = _given(fields)
        hold(connection, str(episode))  # before looking at it, which is recorded
        draft = _draft(connection, str(episode), fields, now)
        by = _desk().settings.by(draft.message.choice.channel)
        said = Sending(id, grip(fields, str(episode)), fields.get("seen", ""), by)
        given_by = draft.topics[draft.message.choice.topic]
        sending.send(connection, scope(), said, draft.episode, draft.message, given_by, now)

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


def _draft(connection: Connection, id: str, wish: Mapping[str, str], now: datetime) -> _Draft:
    """Raises `NoSuchEpisode`."""
    desk, episode = _desk(), whole(connection, scope(), id, now).episode
    row = episode.row
    topics = about(desk.topics, episode.why, desk.rules)
    choice = chosen(wish, topics, row.language, row.channel)
    topic = desk.topics[choice.topic]
    unsafe = is_unsafe(connection, row.patient, now.date())
    exposed = unsafe or (choice.channel == "phone" and agreeing.is_shared(connection, row.patient, row.phone))
    sensitive = unsafe or is_sensitive(topic, topics[choice.topic], desk.rules)
    written = compose(desk.topics, choice, values(desk.settings, row.name), sensitive=sensitive, exposed=exposed)
    why_not = marked("it is closed") if row.state != "open" else None
    if scope().may(Right.REACH_OUT):
        why_not = why_not or sending.stands_against(connection, scope(), row.patient, choice.channel, now)
    address = sending.address_of(connection, episode, choice.channel)
    return _Draft(episode, topics, choice, written, address, why_not, agreeing.agreed(connection, row.patient))


def _page(episode: uuid.UUID, wish: Mapping[str, str], told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.write(durable=False) as connection:
        try:
            draft = _draft(connection, str(episode), wish, site_now())
        except NoSuchEpisode:
            return nobody()
    return make_response(render_template("message.html", told=told, **_shown(draft)), status)


def _shown(draft: _Draft) -> dict[str, Any]:
    desk, names = _desk(), language_names(language())
    return {
        "row": draft.episode.row,
        "draft": draft,
        "choice": draft.asked,
        "topics": {id: gettext(desk.topics[id].title) for id in draft.topics},
        "channels": CHANNELS,
        "names": {id: gettext(channel.name) for id, channel in CHANNELS.items()},
        "levels": {id: gettext(name) for id, name in LEVELS.items()},
        "languages": {code: names[code] for code in LANGUAGES},
        "masked": agreeing.masked(draft.address),
        "gateway": desk.settings.by(draft.asked.channel),
        "seen": draft.message.digest(draft.address),
        "message": str(uuid.uuid4()),
        "speaks_neither": draft.episode.row.language if spoken(draft.episode.row.language) is None else None,
    }
