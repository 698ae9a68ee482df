"""The page on which staff look at what agencies want to change, and see which entries of the directory are old."""

from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from fhir_adapters.directory.finding import STALE_AFTER
from plugin.access import accounts
from plugin.access.web import access, scope
from plugin.listings.keeping import Grip, review, services
from plugin.listings.site import sources
from plugin.outreach.acting import NotNow

blueprint: Final = Blueprint("listings", __name__, url_prefix="/listings")

FIELDS: Final = {
    "opening": "Opening hours",
    "hours": "More about hours",
    "languages": "Languages",
    "eligibility": "Who can come",
    "documents": "Documents needed",
    "phone": "Phone",
}
"""What an agency may change, in words."""


@blueprint.get("")
def listings() -> Response:
    """Every service: what waits for staff first, then what is old."""
    return _page()


def _page(told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.read() as connection:
        found = services(connection, scope(), sources())
        names = accounts.names(connection, [row.user for each in found for row in each.rows])
    today = access().clock().date()
    stale = {each.key: each.entry.service.stale(today, STALE_AFTER) for each in found}
    page = render_template(
        "listings.html",
        services=sorted(found, key=lambda each: (each.proposed is None, stale[each.key] is False)),
        stale=stale,
        names=names,
        today=today,
        fields=FIELDS,
        told=told,
    )
    return make_response(page, status)


@blueprint.post("")
def reviewed() -> ResponseReturnValue:
    """Take over what an agency wants to change, or not."""
    grip = Grip(request.form.get("listing", ""), request.form.get("number", 0, type=int))
    try:
        with access().store.write() as connection:
            review(connection, scope(), grip, request.form.get("verdict") == "yes", access().clock())
    except NotNow as why:
        return _page(f"Nothing was changed: {why}.", HTTPStatus.CONFLICT)
    return redirect(url_for(".listings"), HTTPStatus.SEE_OTHER)
