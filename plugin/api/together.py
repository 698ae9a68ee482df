"""The same done with several conversations: each answers for itself, and one that cannot be changed keeps no other back."""

from collections.abc import Mapping
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from plugin.access.web import scope
from plugin.api import PATH
from plugin.api.asking import Fields, seen_in
from plugin.api.doing import deed, problem_of
from plugin.outreach import forms
from plugin.outreach.acting import Grip, NotNow
from plugin.outreach.episodes import PAGE, NoSuchEpisode
from plugin.outreach.views import site_now

blueprint: Final = Blueprint("api_together", __name__, url_prefix=f"{PATH}/conversations/together")

FIELDS: Final[Mapping[str, Fields]] = {"claim": {}, "snooze": {"until": None, "why": 200}, "wake": {}}
"""Verb → the fields that it takes besides the conversations."""
MOST: Final = PAGE
"""Conversations of one request."""


@blueprint.post(f"/<any({', '.join(FIELDS)}):verb>")
def act(verb: str) -> Response:
    """Do it with each of them, on the version that was seen of it; what was refused is told beside what was done."""
    chosen, told = seen_in(FIELDS[verb], MOST)

    def step(connection: Connection, _: int) -> dict[str, Any]:
        return {"items": [_one(connection, verb, grip, told) for grip in (Grip(*each) for each in chosen)]}

    return deed(step, begins=True)


def _one(connection: Connection, verb: str, grip: Grip, told: Mapping[str, str]) -> dict[str, Any]:
    """What became of one: its new version, or why nothing did."""
    try:
        with connection.begin_nested():
            version = forms.VERBS[verb](forms.Deed(connection, scope(), grip, told, site_now()))
    except (NotNow, NoSuchEpisode) as wrong:
        if (told_as := problem_of(wrong)) is None:
            raise
        return {"id": grip.episode, "version": None, "status": told_as.code, "detail": told_as.description}
    return {"id": grip.episode, "version": version, "status": 200, "detail": None}
