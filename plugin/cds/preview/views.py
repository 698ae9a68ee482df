"""The page on which one card is shown as each kind of client would show it, with what is lost. It stores nothing."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import orjson
from flask import Blueprint, Response, make_response, render_template, request
from werkzeug.exceptions import NotFound, RequestEntityTooLarge

from plugin.cds.clients.client import Client, clients
from plugin.cds.clients.profile import known_profiles, profile
from plugin.cds.compiler import compile_card
from plugin.cds.preview.people import advice_about_example, examples
from plugin.cds.preview.view import Shown, shown, shown_elsewhere
from plugin.cds.validate import response_problems
from plugin.runtime import runtime
from plugin.settings import ClientSettings
from plugin.translations import gettext

blueprint: Final = Blueprint("cds_preview", __name__, url_prefix="/cds/preview")

MOST_BYTES: Final = 100_000
"""Of a card; a long one has a tenth of that."""
_MOST_ON_THE_WAY: Final = 4 * MOST_BYTES


@blueprint.get("")
def page() -> Response:
    """The card about a rule's example, for every kind of client."""
    people = examples(runtime().packs)
    rule = request.args.get("rule") or next(iter(people), "")
    if rule not in people:
        raise NotFound(gettext("No loaded pack has a rule of this name with an example that it answers with yes."))
    advice = advice_about_example(runtime().packs, rule)
    if advice is None:
        return _page(rule, [], problems=[gettext("The rule is not effective on the day of its example.")])
    made = [(compile_card(advice, client, lambda: str(uuid4())), client) for client in _clients()]
    whole = next(compiled.card for compiled, client in made if client.profile.name == "generic")
    return _page(rule, [shown(compiled.card, compiled.lost, client) for compiled, client in made], _written(whole))


@blueprint.post("")
def pasted() -> Response:
    """A card, or the first card of an answer, from anywhere."""
    if (request.content_length or 0) > _MOST_ON_THE_WAY or len(text := request.form.get("card", "")) > MOST_BYTES:
        raise RequestEntityTooLarge(gettext("A card has at most %(size)s kB here.", size=MOST_BYTES // 1000))
    card, problems = _read(text)
    views = [] if problems else [shown_elsewhere(card, client) for client in _clients()]
    return _page("", views, text, problems)


def _read(text: str) -> tuple[dict[str, Any], list[str]]:
    try:
        found: Any = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {}, [gettext("This is not JSON.")]
    if isinstance(found, dict) and isinstance(found.get("cards"), list):
        found = next(iter(found["cards"]), None)
    if not isinstance(found, dict):
        return {}, [gettext("There is no card in it.")]
    return found, response_problems({"cards": [found]})


def _clients() -> list[Client]:
    """One for each profile: the one that is configured, if there is one, for its order codes and links."""
    configured = {client.profile.name: client for client in reversed(clients(runtime().settings))}
    return [configured.get(name) or Client(name, profile(name), ClientSettings(profile=name)) for name in _in_order()]


def _in_order() -> list[str]:
    """The one that shows everything first."""
    return sorted(known_profiles(), key=lambda name: (name != "generic", name))


def _written(card: dict[str, Any]) -> str:
    return orjson.dumps(card, option=orjson.OPT_INDENT_2).decode()


def _page(rule: str, views: Sequence[Shown], text: str = "", problems: Sequence[str] = ()) -> Response:
    written = {view.client: _written(dict(view.card)) for view in views}
    filled = {"people": examples(runtime().packs), "rule": rule, "views": views, "text": text, "problems": problems, "written": written}
    return make_response(render_template("cds_preview.html", **filled))
