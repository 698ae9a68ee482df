"""A message to the person of a conversation: looked at to the letter, with what stands against it, and sent as it was seen."""

import uuid
from collections.abc import Collection, Mapping
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from plugin.access.web import scope
from plugin.api import PATH, telling
from plugin.api.answering import whole
from plugin.api.asking import Fields, arguments, check, fields
from plugin.api.doing import deed, looking
from plugin.messages import drafting
from plugin.messages.views import desk
from plugin.messages.words import CHANNELS, LEVELS
from plugin.outreach.acting import Grip, locked
from plugin.outreach.views import site_now
from plugin.translations import LANGUAGES

blueprint: Final = Blueprint("api_messages", __name__, url_prefix=f"{PATH}/conversations/<uuid:id>/message")

CHOICE: Final[Fields] = {"topic": 64, "channel": CHANNELS, "language": LANGUAGES, "level": LEVELS}
"""What can be chosen; what is not said is as on the page: the most urgent topic, what the person wants, plain words."""
SEND: Final[Fields] = {**CHOICE, "seen": 64}
NEEDED: Final = ("topic", "channel", "language", "level", "seen")


@blueprint.get("")
def looked_at(id: uuid.UUID) -> Response:
    """The message as chosen, to the letter; that the person was looked at is recorded."""
    told = arguments(CHOICE)
    with looking() as connection:
        found = drafting.draft(connection, scope(), desk(), str(id), told, site_now())
    _known(told, found.topics)
    return whole(telling.message(found, desk()))


@blueprint.post("/send")
def send(id: uuid.UUID) -> Response:
    """Send what was looked at."""
    told, new = fields(SEND, NEEDED), str(uuid.uuid4())
    _known(told, desk().topics)

    def step(connection: Connection, version: int) -> dict[str, Any]:
        drafting.send(connection, scope(), desk(), Grip(str(id), version), told, new, site_now())
        return {"id": str(id), "version": locked(connection, scope(), str(id)).version, "message": new}

    return deed(step)


def _known(told: Mapping[str, str], topics: Collection[str]) -> None:
    if "topic" in told:
        check("topic", told["topic"], topics)
