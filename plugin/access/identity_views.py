"""The way to the organisation's identity provider, and back."""

import logging
from http import HTTPStatus
from typing import Final

from flask import Blueprint, Response, make_response, redirect, request, url_for

from fhir_adapters.errors import AdapterError
from plugin.access.exposure import is_private
from plugin.access.identity import Attempt, NoRole, NotLetIn, Provider, begin
from plugin.access.signing_in import WrongPassword, refuse, sign_in_elsewhere
from plugin.access.views import begun, form_page, next_page
from plugin.access.web import Access, access

LOG = logging.getLogger(__name__)

blueprint: Final = Blueprint("identity", __name__, url_prefix="/sign-in")

_SECONDS: Final = 600
"""For typing a password there."""
_LONGEST: Final = 300


@blueprint.get("/elsewhere")
def leave() -> Response:
    """Off to the provider."""
    by, attempt = access(), begin()
    try:
        place = Provider(by.settings.access.oidc).address(attempt, _back(by))
    except (NotLetIn, AdapterError) as reason:
        LOG.error("identity_provider_unusable reason=%s", reason)
        return form_page(HTTPStatus.SERVICE_UNAVAILABLE, "no provider")
    response = make_response(redirect(place, HTTPStatus.SEE_OTHER))
    kept = f"{attempt.secret} {request.args.get('next', '')[:_LONGEST]}"
    response.set_cookie(_cookie(by), kept, max_age=_SECONDS, secure=is_private(by.settings), httponly=True, samesite="Lax")
    return response


@blueprint.get("/back")
def back() -> Response:
    """Back from there. An attempt is over with that, whatever came of it."""
    by = access()
    secret, _, then = request.cookies.get(_cookie(by), "").partition(" ")
    response = _let_in(by, secret, then) if secret else form_page(HTTPStatus.BAD_REQUEST, "not let in")
    response.delete_cookie(_cookie(by), secure=is_private(by.settings), httponly=True, samesite="Lax")
    return response


def _let_in(by: Access, secret: str, then: str) -> Response:
    now = by.clock()
    try:
        person = Provider(by.settings.access.oidc).person(Attempt(secret), _back(by), request.args, now)
        return begun(by, sign_in_elsewhere(by.store, person, now), next_page(then))
    except AdapterError as reason:
        LOG.error("identity_provider_unusable reason=%s", reason)
        return form_page(HTTPStatus.SERVICE_UNAVAILABLE, "no provider")
    except WrongPassword:
        return form_page(HTTPStatus.FORBIDDEN, "no role")
    except NotLetIn as reason:
        LOG.warning("sign_in_refused reason=%s", reason)
        with by.store.write() as connection:
            refuse(connection, now)
        return form_page(HTTPStatus.FORBIDDEN, "no role" if isinstance(reason, NoRole) else "not let in")


def _back(by: Access) -> str:
    """The address to which the provider sends people back, as it was registered there."""
    return (by.settings.public_url or request.host_url).rstrip("/") + url_for(".back")


def _cookie(by: Access) -> str:
    return f"{by.cookie}-way"
