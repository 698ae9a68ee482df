"""Reasons of a conversation that no rule found: somebody asked for help, or an agency asked for them.

They are kept in English, as rules' titles are in the language of their pack; pages say them in the reader's.
"""

import re
from typing import Final

from plugin.outreach.episodes import Why
from plugin.outreach.words import ASKED
from plugin.referrals.words import NEEDS
from plugin.translations import gettext, marked

_TITLES: Final = {
    (False, True): marked("%(need)s: asked by %(by)s"),
    (True, True): marked("%(need)s: assessment, asked by %(by)s"),
    (False, False): marked("%(need)s: they asked for help themselves"),
    (True, False): marked("%(need)s: assessment, they asked for help themselves"),
}
"""Whether for an assessment only, and whether by an agency."""
_LONGEST: Final = 300


def title(need: str, by: str, *, assessment: bool) -> str:
    """What a reason is called. ``need``: a code of `plugin.referrals.words.NEEDS`; ``by``: the agency, empty if they asked themselves."""
    return (_TITLES[assessment, bool(by)] % {"need": _named(need), "by": by})[:_LONGEST]


def shown(why: Why) -> str:
    """The title of any reason, on a page: of what may not be named, and of what was asked for, in the language of the request."""
    if not why.rule:
        return gettext(why.title)
    if not why.rule.startswith(ASKED):
        return why.title
    need = why.rule.removeprefix(ASKED)
    for template in _TITLES.values():
        kept = re.escape(template % {"need": _named(need), "by": "\0"}).replace("\0", "(.+)")
        if found := re.fullmatch(kept, why.title, re.DOTALL):
            said = _capital(gettext(NEEDS.get(need, need)))
            return gettext(template, need=said, by=(*found.groups(), "")[0])
    return why.title


def _named(need: str) -> str:
    return _capital(need.replace("-", " "))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
