"""From what was typed into a form to what is asked for."""

from collections.abc import Mapping
from datetime import date

from plugin.inbound.asking import HELP, MOST_TEXT, Asked


def asked_of(form: Mapping[str, str], given_by: str) -> Asked:
    """As far as it can be read; `Asked.check` says what is wrong. ``given_by``: who agreed, if the box is ticked that they did."""
    return Asked(
        id=form.get("id", ""),
        name=_line(form, "name", 200),
        birth_date=_day(form.get("birth_date", "")),
        phone=_line(form, "phone", 32),
        postcode=_line(form, "postcode", 12),
        need=form.get("need", ""),
        given_by=given_by,
        purpose=form.get("purpose", HELP),
        language=form.get("language", ""),
        best_time=_line(form, "best_time", 64),
        message=form.get("message", "").strip()[:MOST_TEXT],
        safe={"yes": True, "no": False}.get(form.get("safe", "")),
    )


def _line(form: Mapping[str, str], name: str, most: int) -> str:
    """One line, without doubled spaces; a little more than is allowed, so that what is too long is told and not cut off."""
    return " ".join(form.get(name, "").split())[: most + 1]


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
