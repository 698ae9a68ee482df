"""Saving and forgetting a view, from the page of the list."""

import uuid
from http import HTTPStatus
from typing import Final

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from plugin.access.web import access, scope
from plugin.outreach import saving
from plugin.outreach.acting import NotNow
from plugin.outreach.views import but, listing, site_now, wish_from
from plugin.translations import gettext, translated

blueprint: Final = Blueprint("saved", __name__, url_prefix="/outreach/views")


@blueprint.post("")
def keep() -> ResponseReturnValue:
    """Keep the filters of the list under a name; then the list again."""
    wish, role = wish_from(request.form), request.form.get("role") or None
    try:
        with access().store.write() as connection:
            saving.save(connection, scope(), request.form.get("name", ""), wish, role, site_now())
    except NotNow as why:
        return listing(wish, (gettext("Nothing was saved: %(why)s.", why=translated(why)),), HTTPStatus.CONFLICT)
    return redirect(url_for("outreach.page", **but(wish)), HTTPStatus.SEE_OTHER)


@blueprint.post("/<uuid:id>/forget")
def forget(id: uuid.UUID) -> ResponseReturnValue:
    """Forget an own view; then the list again."""
    with access().store.write() as connection:
        saving.forget(connection, scope(), str(id), site_now())
    return redirect(url_for("outreach.page"), HTTPStatus.SEE_OTHER)
