"""Views of the list of conversations under a name: those of whoever asks, and those that are shared with their role."""

import uuid
from dataclasses import asdict
from typing import Any, Final

from flask import Blueprint, Response
from sqlalchemy import Connection

from plugin.access.web import access, scope
from plugin.api import PATH
from plugin.api.answering import Slice, slice_only
from plugin.api.asking import Fields, arguments, fields
from plugin.api.doing import NotHere, deed
from plugin.outreach import saving
from plugin.outreach.episodes import SORTS, VIEWS
from plugin.outreach.views import site_now, wish_from

blueprint: Final = Blueprint("api_views", __name__, url_prefix=f"{PATH}/views")

SAVE: Final[Fields] = {"name": 64, "role": saving.SHARED_WITH, "view": VIEWS, "sort": SORTS, "rule": 128, "language": 35, "owner": 128}
"""The name, with whom it is shared, and the filters. Searched text names people, and is never kept."""
NEEDED: Final = ("name",)


@blueprint.get("")
def listed() -> Response:
    """All of them, by name: there are never many."""
    arguments({})
    with access().store.read() as connection:
        found = saving.saved(connection, scope())
    return slice_only(Slice([asdict(each) for each in found], len(found)))


@blueprint.post("")
def save() -> Response:
    """Keep filters under a name; an own view of that name is replaced."""
    told = fields(SAVE, NEEDED)

    def step(connection: Connection, _: int) -> dict[str, Any]:
        return {"id": saving.save(connection, scope(), told["name"], wish_from(told), told.get("role"), site_now())}

    return deed(step, begins=True)


@blueprint.post("/<uuid:id>/forget")
def forget(id: uuid.UUID) -> Response:
    """Forget an own one."""
    fields({})

    def step(connection: Connection, _: int) -> dict[str, Any]:
        if not saving.forget(connection, scope(), str(id), site_now()):
            raise NotHere
        return {"id": str(id)}

    return deed(step, begins=True)
