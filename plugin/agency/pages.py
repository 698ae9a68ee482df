"""How pages for people outside are made: in the language of their browser, out of our own texts."""

from collections.abc import Mapping
from http import HTTPStatus

from flask import Response, make_response, render_template

from plugin.translations import language, texts


def say() -> Mapping[str, str]:
    """The texts of this request."""
    return texts("plugin.agency.texts", language())


def page(template: str, status: HTTPStatus = HTTPStatus.OK, **values: object) -> Response:
    """A page in the language of the browser."""
    response = make_response(render_template(template, say=say(), **values), status)
    response.vary.add("Accept-Language")
    return response


def not_here(what: str) -> Response:
    """It is not there, or not for whoever asks. ``what``: the key of the text that says so."""
    return page("agency_problem.html", HTTPStatus.NOT_FOUND, text=say()[what])
