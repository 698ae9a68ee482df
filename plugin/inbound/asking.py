"""What somebody tells us when they refer a person to us, or ask for help themselves: the least that is needed to find and help them."""

import re
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from fhir_adapters.gravity import DOMAINS
from plugin.wording import LANGUAGES

NEEDS: Final = tuple(name for name in DOMAINS if name not in ("protective-factor", "veteran-status"))
"""What can be asked for; the first one is *something else*."""
HELP, ASSESSMENT = "help", "assessment"
PURPOSES: Final = (HELP, ASSESSMENT)
"""Help, or that we find out what is needed: Gravity's referral for assessment."""
GIVEN_BY: Final = ("patient", "guardian")
"""Who agreed that we are told: the person, or a parent or guardian."""
MOST_TEXT: Final = 1_000
_OLDEST: Final = 125
_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REACHABLE: Final = re.compile(r"\+?[0-9(). \-/]{5,32}")
_POSTCODE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 \-]{1,11}")


class NotAsked(ValueError):
    """What was typed cannot be kept. ``what`` is the key of the text that says why."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Asked:
    """A person, and what is asked for them. Only these words are kept."""

    id: str
    """A UUID, given with the form: sent twice, it is one."""
    name: str
    birth_date: date | None
    phone: str
    postcode: str
    need: str
    given_by: str = ""
    """Empty: nobody has agreed."""
    purpose: str = HELP
    language: str = ""
    best_time: str = ""
    message: str = ""
    safe: bool | None = None
    """They can be phoned, and a message can be left; ``None``: nobody has said."""

    def check(self, today: date) -> None:
        """Raises `NotAsked`."""
        if not _ID.fullmatch(self.id):
            raise NotAsked("form old")
        if not 2 <= len(self.name) <= 200 or not self.name.isprintable():
            raise NotAsked("name wrong")
        if self.birth_date is None or not today.year - _OLDEST <= self.birth_date.year or self.birth_date > today:
            raise NotAsked("birth date wrong")
        if not _REACHABLE.fullmatch(self.phone):
            raise NotAsked("phone missing")
        if self.safe is None:
            raise NotAsked("safe missing")
        if self.postcode and not _POSTCODE.fullmatch(self.postcode):
            raise NotAsked("postcode wrong")
        if self.need not in NEEDS or self.purpose not in PURPOSES or (self.language and self.language not in LANGUAGES):
            raise NotAsked("need missing")
        if self.given_by not in GIVEN_BY:
            raise NotAsked("consent missing")
        if len(self.message) > MOST_TEXT or len(self.best_time) > 64:
            raise NotAsked("too long")

    def row(self) -> dict[str, Any]:
        """As it is kept."""
        names = ("id", "name", "phone", "postcode", "need", "given_by", "purpose", "message", "safe")
        born = self.birth_date.isoformat() if self.birth_date else None
        return {name: getattr(self, name) for name in names} | {
            "birth_date": born,
            "language": self.language or None,
            "best_time": self.best_time or None,
        }
