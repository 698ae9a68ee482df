"""Who an inbound referral may be about. Only whose details are the same to the letter is shown; that it is them, a person says."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

from sqlalchemy import Connection, Row, select

from plugin.access import Right, Scope
from plugin.findings.index import folded
from plugin.outreach.telephone import comparable
from plugin.store.tables.outreach import PEOPLE


def same(connection: Connection, scope: Scope, row: Row[Any], today: date) -> Sequence[Row[Any]]:
    """People of the last sweeps with the same name (but for case, accents and the order of its parts), the same age and the same phone.

    What a sweep knows of an age is as old as the sweep: who had a birthday since is a year older. Raises `Forbidden`.
    """
    scope.require(Right.SEE_PEOPLE)
    scope.require(Right.REFER)
    ages = _ages(row.birth_date, today)
    people = connection.execute(select(PEOPLE).where(PEOPLE.c.age.in_(ages), PEOPLE.c.phone != "").order_by(PEOPLE.c.patient))
    number = comparable(row.phone)
    return [each for each in people if number and _parts(each.name) == _parts(row.name) and comparable(each.phone) == number]


def differs(row: Row[Any], person: Row[Any], today: date) -> list[str]:
    """What of a name and an age is another one than on record; what the record does not say is none."""
    other_name = bool(person.name) and _parts(person.name) != _parts(row.name)
    other_age = person.age is not None and person.age not in _ages(row.birth_date, today)
    return [what for what, other in (("name", other_name), ("age", other_age)) if other]


def _ages(born: str | None, today: date) -> tuple[int, ...]:
    if born is None:
        return ()
    age = age_of(born, today)
    return (age, age - 1)


def age_of(born: str, today: date) -> int:
    """In whole years. ``born``: the day, in ISO's form."""
    day = date.fromisoformat(born)
    return today.year - day.year - ((today.month, today.day) < (day.month, day.day))


def _parts(name: str) -> list[str]:
    return sorted(re.findall(r"\w+", folded(name)))
