"""The pages on which an agency says whether it has places, and keeps its entry in the directory right."""

from collections.abc import Mapping
from datetime import date
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from fhir_adapters.directory.finding import STALE_AFTER
from plugin.access import accounts
from plugin.access.web import access, scope
from plugin.agency.pages import not_here, page, say
from plugin.listings.keeping import Grip, NoSuchService
from plugin.listings.keeping import say as keep
from plugin.listings.keeping import services as said_of
from plugin.listings.saying import STATES, Details, NotSaid, Opening, Room, lines_of, words_of
from plugin.listings.site import sources
from plugin.outreach.acting import NotNow
from plugin.runtime import runtime

blueprint: Final = Blueprint("agency_services", __name__, url_prefix="/agency/services")

_DAYS: Final = range(7)


@blueprint.get("")
def services() -> Response:
    """The agency's own services, with what they say about places and how old their entries are."""
    with access().store.read() as connection:
        found = said_of(connection, scope(), sources())
        names = accounts.names(connection, [each.room.user for each in found if each.room])
    return page("agency_services.html", services=found, names=names, today=_today(), stale_after=STALE_AFTER)


@blueprint.get("/<path:listing>")
def service(listing: str) -> Response:
    """One of them, with a form for places and one for the entry."""
    return _one(listing, told=say()["kept"] if "kept" in request.args else "")


def _one(listing: str, told: str = "", why_not: str = "", status: HTTPStatus = HTTPStatus.OK) -> Response:
    with access().store.read() as connection:
        found = next((each for each in said_of(connection, scope(), sources()) if listing in each.keys), None)
        names = accounts.names(connection, [row.user for row in found.rows] if found else [])
    if found is None:
        return not_here("no such service")
    # What staff have not looked at yet is shown, too.
    shown = found.proposed or found.now
    week = {each.weekday: each for each in shown.opening}
    return page("agency_service.html", status, said=found, shown=shown, week=week, names=names, told=told, why_not=why_not, **_words())


def _words() -> dict[str, object]:
    return {
        "days": _DAYS,
        "states": STATES,
        "today": _today(),
        "stale_after": STALE_AFTER,
    }


@blueprint.post("/<path:listing>")
def stated(listing: str) -> ResponseReturnValue:
    """Keep what they say. What cannot be kept is told, and changes nothing."""
    form = request.form
    directory = sources()
    try:
        what = _room(form) if form.get("what") == "room" else _details(form)
        if directory is None:
            raise NoSuchService(listing)
        with access().store.write() as connection:
            grip = Grip(listing, form.get("number", 0, type=int))
            keep(connection, scope(), directory, grip, what, access().clock(), review=runtime().settings.referrals.review_listings)
    except NotSaid as wrong:
        return _one(listing, why_not=say()[wrong.what], status=HTTPStatus.CONFLICT)
    except NotNow:
        return _one(listing, why_not=say()["changed meanwhile"], status=HTTPStatus.CONFLICT)
    except NoSuchService:
        return not_here("no such service")
    return redirect(url_for(".service", listing=listing, kept=1), HTTPStatus.SEE_OTHER)


def _room(form: Mapping[str, str]) -> Room:
    until = form.get("until", "")
    try:
        return Room(form.get("state", ""), date.fromisoformat(until) if until else None)
    except ValueError:
        raise NotSaid("until wrong") from None


def _details(form: Mapping[str, str]) -> Details:
    def lines(name: str) -> tuple[str, ...]:
        return lines_of(form.get(name, ""))

    return Details(
        opening=tuple(Opening(day, *times) for day in _DAYS if any(times := _times(form, day))),
        hours=lines("hours"),
        languages=words_of(form.get("languages", "")),
        eligibility=lines("eligibility"),
        documents=lines("documents"),
        phone=" ".join(form.get("phone", "").split()),
    )


def _times(form: Mapping[str, str], day: int) -> tuple[str, str]:
    """Browsers write seconds, or leave them out."""
    return form.get(f"opens{day}", "")[:5], form.get(f"closes{day}", "")[:5]


def _today() -> date:
    return access().clock().date()
