"""Choosing the language of the pages, for everybody who comes: kept in a cookie, which says nothing else."""

from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote, urlsplit

from flask import Blueprint, current_app, redirect, request
from flask.sansio.blueprints import BlueprintSetupState
from flask.typing import ResponseReturnValue

from plugin.access.exposure import is_private
from plugin.access.views import next_page
from plugin.access.web import access
from plugin.translations import COOKIE, LANGUAGES

blueprint: Final = Blueprint("language", __name__)

NAMES: Final = {"en": "English", "es": "Español"}
"""Each language as those call it who speak it."""
_LASTS: Final = timedelta(days=365)


@blueprint.record
def _tell_templates(state: BlueprintSetupState) -> None:
    """For the form at the foot of each page."""
    state.app.jinja_env.globals["language_names"] = NAMES


@blueprint.post("/language")
def choose() -> ResponseReturnValue:
    """Keep it, and go back to the page. A language that we do not speak is not kept."""
    response = redirect(next_page(_page_before()), HTTPStatus.SEE_OTHER)
    chosen = request.form.get("language", "")
    if chosen in LANGUAGES:
        private = is_private(access().settings)
        response.set_cookie(COOKIE, chosen, max_age=_LASTS, secure=private, httponly=True, samesite="Lax", path="/")
    return response


def _page_before() -> str:
    """The address of ours on whose page it was chosen; empty if nobody says, or it cannot be asked for again (an answer to a form)."""
    try:
        came = urlsplit(request.referrer or "")
    except ValueError:
        return ""
    adapter = current_app.create_url_adapter(request)
    again = adapter is not None and adapter.test(unquote(came.path), "GET")
    return came._replace(scheme="", netloc="", fragment="").geturl() if again else ""
