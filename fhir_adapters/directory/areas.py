"""The area that a service is for, and whether somebody who lives somewhere belongs to it."""

import re
from typing import Final, NamedTuple

_ONE_CODE: Final = re.compile(
    r"\d{5}-\d{4}|\d{4,6}|[A-Z]{1,2}\d[A-Z\d]?(?: ?\d[A-Z]{2})?|[A-Z]\d[A-Z](?: ?\d[A-Z]\d)?|[A-Z\d][A-Z\d ]{0,7}\*",
    re.ASCII,
)
"""ZIP, ZIP+4 and other numeric codes, British and Canadian ones (whole, or the outward half), and a beginning with ``*``."""
_INWARD: Final = re.compile(r"\d[A-Z]{2}|\d[A-Z]\d", re.ASCII)
_LETTERED: Final = re.compile(r"[A-Z]{1,2}\d[A-Z\d]?", re.ASCII)
_BETWEEN: Final = re.compile(r"[,;|\n]+")


class Area(NamedTuple):
    """A part of an area served. ``kind``: postcode, county, state, country, name, or outline (a polygon: only a map can tell)."""

    kind: str
    value: str

    def __str__(self) -> str:
        if self.kind == "outline":
            return "an area drawn on a map"
        return self.value if self.kind in ("name", "postcode") else f"{self.kind} {self.value}"


class Residence(NamedTuple):
    """Where somebody lives, as far as it is known; ``names`` are further areas that they are known to live in."""

    postcode: str | None = None
    county: str | None = None
    state: str | None = None
    country: str | None = None
    names: tuple[str, ...] = ()


NOWHERE: Final = Residence()
"""It is not known where somebody lives."""


def postcodes(text: str) -> tuple[str, ...] | None:
    """The postcodes that ``text`` lists; ``None`` if it is anything but a list of postcodes."""
    found = [part.strip().upper() for part in _BETWEEN.split(text) if part.strip()]
    return tuple(found) if found and all(_ONE_CODE.fullmatch(code) for code in found) else None


def named(text: str) -> tuple[Area, ...]:
    """An area that a source names in words, which may be a list of postcodes."""
    codes = postcodes(text)
    return (Area("name", text),) if codes is None else tuple(Area("postcode", code) for code in codes)


def belongs(area: Area, home: Residence) -> bool | None:
    """Whether ``home`` lies in ``area``; ``None`` if it cannot be told from names."""
    if area.kind == "postcode":
        return None if home.postcode is None else _in_postcode(area.value, home.postcode)
    names = [name for name in (home.county, home.state, home.country, *home.names) if name is not None]
    if area.kind == "name":
        # One name may lie inside another: that they differ proves nothing.
        return True if _plain(area.value) in map(_plain, names) else None
    same_kind = {"county": home.county, "state": home.state, "country": home.country}.get(area.kind)
    return None if same_kind is None else _plain(area.value) == _plain(same_kind)


def _in_postcode(area: str, postcode: str) -> bool:
    code, own = (re.sub(r"[\s-]+", "", text.upper()) for text in (area, postcode))
    if code.endswith("*"):
        return own.startswith(code[:-1])
    if len(own) == 9 and own.isdigit() and len(code) == 5:
        return own.startswith(code)
    return own == code or (
        _LETTERED.fullmatch(code) is not None and own.startswith(code) and _INWARD.fullmatch(own[len(code) :]) is not None
    )


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
