"""What pages say in several languages.

Pages for staff are written in English and translated as GNU gettext does it: ``_('Worklist')`` in a template or a view, the Spanish in
``plugin/texts/es.po``; a text without a translation is shown in English. Texts that are written for each language on its own (for people
outside, for messages) stand in YAML files beside the package that says them, with the same keys in all.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import cache, lru_cache
from gettext import GNUTranslations, NullTranslations
from importlib.resources import files
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final

import yaml
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from pydantic import TypeAdapter

from plugin.wording import FILTERS, day, moment
from plugin.wording import language as named
from rules.told import Told

if TYPE_CHECKING:
    from flask import Flask

LANGUAGES: Final = ("en", "es")
"""The first one is for whoever speaks none of them."""
COOKIE: Final = "almoner-language"
"""Holds the language that somebody chose on a page; without it the browser's is taken."""


@cache
def texts(package: str, language: str) -> Mapping[str, str]:
    """The messages of ``package`` (``plugin.access.texts``) in one of `LANGUAGES`."""
    written = files(package).joinpath(f"{language}.yaml").read_text(encoding="utf-8")
    return TypeAdapter(dict[str, str]).validate_python(yaml.safe_load(written))


def language() -> str:
    """The one of ours that whoever asks chose, or their browser likes best; outside a request the first."""
    from flask import has_request_context, request  # commands have texts marked too, and start without it

    if not has_request_context():
        return LANGUAGES[0]
    return _understood(request.cookies.get(COOKIE, ""), request.environ.get("HTTP_ACCEPT_LANGUAGE", ""))


@lru_cache(maxsize=256)
def _understood(chosen: str, liked: str) -> str:
    """Asked for with every text of a page. ``liked``: the header of a browser."""
    from werkzeug.datastructures import LanguageAccept
    from werkzeug.http import parse_accept_header

    return chosen if chosen in LANGUAGES else parse_accept_header(liked, LanguageAccept).best_match(LANGUAGES) or LANGUAGES[0]


def marked(text: str) -> str:
    """The text itself. Says to who gathers texts that this one is translated where it is shown."""
    return text


def gettext(text: str, /, **values: object) -> str:
    """``text`` in the language of the request, with ``%(name)s`` filled from ``values``."""
    found = _found(text)
    return found % values if values else found


def translated(said: object) -> str:
    """What somebody is told (a marked text, a `Told`, or an exception that says one), in the language of the request.

    Days and whole numbers among the values of a `Told` are written as they are there.
    """
    text = said.args[0] if isinstance(said, Exception) and said.args else said
    if not isinstance(text, Told):
        return gettext(str(text))
    if language() == LANGUAGES[0]:
        return str(text)
    return gettext(text.template, **{name: _filled(each) for name, each in text.values.items()})


def _filled(value: object) -> object:
    if isinstance(value, Told):
        return translated(value)
    return day(value, language()) if isinstance(value, date) else grouped(value) if isinstance(value, int) else value


def pgettext(context: str, text: str) -> str:
    """The same for a text that means something else elsewhere, or goes with a word of another gender."""
    return _catalogue(language()).pgettext(context, text)


def ngettext(one: str, many: str, num: int, /, **values: object) -> str:
    """The same for one or many; ``%(num)s`` is the number as it is written there."""
    return _catalogue(language()).ngettext(one, many, num) % {"num": grouped(num), **values}


def grouped(number: float, places: int | None = None) -> str:
    """A number with its thousands apart: 12,345, and 12.345 in Spanish. ``places``: of decimals; ``None``: as it needs, at most three."""
    written = None if places is None else f"#,##0.{'0' * places}"
    return format_decimal(number, written, locale=language())


def install(app: "Flask") -> None:
    """Let templates say ``_()``, ``{% trans %}``, and write days and numbers in the language of the request."""
    app.jinja_env.add_extension("jinja2.ext.i18n")
    app.jinja_env.install_gettext_callables(  # type: ignore[attr-defined]  # of the extension
        _found,
        lambda one, many, num: _catalogue(language()).ngettext(one, many, num),
        newstyle=True,
        pgettext=pgettext,
    )
    spoken = {"day": _spoken(day), "moment": _spoken(moment), "language": _spoken(named)}
    app.jinja_env.filters.update(FILTERS | spoken | {"grouped": grouped, "translated": translated})
    app.jinja_env.globals.update(page_language=language, LANGUAGES=LANGUAGES)


def _spoken(write: Callable[..., str]) -> Callable[[Any], str]:
    return lambda value: write(value, language())


def _found(text: str) -> str:
    return _catalogue(language()).gettext(text) if text else ""  # under no text at all a catalogue tells of itself


@cache
def _catalogue(language: str) -> NullTranslations:
    """The texts of ``plugin/texts``; of English there are none, because the texts are English."""
    if language == LANGUAGES[0]:
        return NullTranslations()
    with files("plugin.texts").joinpath(f"{language}.po").open("rb") as written:
        read = read_po(written, locale=language, abort_invalid=True)
    compiled = BytesIO()
    write_mo(compiled, read)
    compiled.seek(0)
    return GNUTranslations(compiled)
