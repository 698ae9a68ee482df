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
from plugin.translations import gettext, marked, translated

blueprint: Final = Blueprint("listings", __name__, url_prefix="/listings")

FIELDS: Final = {
    "opening": marked("Opening hours"),
    "hours": marked("More about hours"),
    "languages": marked("Languages"),
    "eligibility": marked("Who can come"),
    "documents": marked("Documents needed"),
    "phone": marked("Phone"),
}
"""What an agency may change, in words."""


CAPACITY: Final = {
    "capacity": marked("capacity"),
    "no-capacity": marked("no-capacity"),
    "waitlist": marked("waitlist"),
    "additional-assessment-required": marked("additional-assessment-required"),
}
"""Gravity's codes of capacity, which staff read as well."""
PAGE: Final = 50


@blueprint.get("")
def listings() -> Response:
    """A page of services: what waits for staff first, then what is old. Other views than ``all`` leave out what needs nobody."""
    return _page()


def _page(told: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.read() as connection:
        found = services(connection, scope(), sources())
        names = accounts.names(connection, [row.user for each in found for row in each.rows])
    today = access().clock().date()
    stale = {each.key: each.entry.service.stale(today, STALE_AFTER) for each in found}
    view = "all" if request.args.get("view") == "all" else "look"
    number = max(1, min(request.args.get("page", 1, type=int), 10_000))
    ordered = sorted(found, key=lambda each: (each.proposed is None, stale[each.key] is False))
    shown = [each for each in ordered if view == "all" or each.proposed is not None or stale[each.key] is not False]
    page = render_template(
        "listings.html",
        services=shown[(number - 1) * PAGE : number * PAGE],
        counts={"shown": len(shown), "all": len(found), "old": sum(each is not False for each in stale.values())},
        view=view,
        number=number,
        size=PAGE,
        stale=stale,
        names=names,
        today=today,
        fields=FIELDS,
        capacity=CAPACITY,
        told=told,
    )
    return make_response(page, status)


@blueprint.post("")
def reviewed() -> ResponseReturnValue:
    """Take over what an agency wants to change, or not."""
    grip = Grip(request.form.get("listing", ""), request.form.get("number", 0, type=int))
    directory = sources()
    try:
        with access().store.write() as connection:
            review(connection, scope(), directory, grip, request.form.get("verdict") == "yes", access().clock())
    except NotNow as why:
        return _page(gettext("Nothing was changed: %(why)s.", why=translated(why)), HTTPStatus.CONFLICT)
    return redirect(url_for(".listings"), HTTPStatus.SEE_OTHER)
