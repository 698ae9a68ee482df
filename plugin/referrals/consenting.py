"""What somebody said about being referred: asked first, kept, and looked up again whenever anything is to go out."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, insert, or_, select, update

from plugin.access import Entry, Right, Scope, record
from plugin.outreach.deciding import NOBODY
from plugin.outreach.restricting import in_force, restrict
from plugin.outreach.words import DECLINED_FOR, Restriction
from plugin.referrals.disclosure import DISCLOSURES
from plugin.referrals.words import BY_ITS_NATURE_UNSAFE
from plugin.store.tables.referrals import CONSENTS
from rules.document import Rule
from rules.told import Told

GIVEN_BY: Final = ("patient", "guardian", "agreement")
"""The patient, somebody for them, or an agreement with the partner that makes it part of the care."""


@dataclass(frozen=True, slots=True)
class Consent:
    """Leave to tell one kind of partner, or one agency, of one need."""

    patient: str
    need: str
    partner: str
    given_by: str
    agency: str | None = None
    until: date | None = None
    place: str | None = None
    """The Consent on the server, ``Consent/7``."""

    def __post_init__(self) -> None:
        if self.given_by not in GIVEN_BY or self.partner not in DISCLOSURES:
            raise ValueError("a consent says who gave it, and for which kind of partner")


def agree(connection: Connection, scope: Scope, consent: Consent, at: datetime) -> str:
    """Keep a consent; its id.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.REFER)
    id = str(uuid.uuid4())
    row = {
        "id": id,
        "patient": consent.patient,
        "need": consent.need,
        "partner": consent.partner,
        "agency": consent.agency,
        "given_by": consent.given_by,
        "place": consent.place,
        "since": at,
        "until": consent.until.isoformat() if consent.until else None,
        "user": scope.user,
        "withdrawn": None,
    }
    connection.execute(insert(CONSENTS), row)
    detail = {"need": consent.need, "partner": consent.partner, "given by": consent.given_by}
    record(connection, scope, Entry("consent.give", f"consent/{id}", consent.patient, detail), at)
    return id


def given(connection: Connection, scope: Scope, patient: str, today: date) -> Sequence[Row[Any]]:
    """The consents of ``patient`` that hold on ``today``, the oldest first.

    Raises:
        Forbidden: see `plugin.access.scope`.
    """
    scope.require(Right.SEE_PEOPLE)
    table = CONSENTS.c
    query = select(CONSENTS).where(table.patient == patient, *_holds(today))
    return connection.execute(query.order_by(table.since, table.id)).all()


def _holds(today: date) -> tuple[ColumnElement[bool], ...]:
    table = CONSENTS.c
    return table.withdrawn.is_(None), or_(table.until.is_(None), table.until >= today.isoformat())


def withdraw(connection: Connection, scope: Scope, patient: str, id: str, at: datetime) -> bool:
    """They changed their mind: nothing more goes out on it. Whether there was such a consent of ``patient`` in force."""
    scope.require(Right.REFER)
    table = CONSENTS.c
    found = connection.execute(
        update(CONSENTS).where(table.id == id, table.patient == patient, table.withdrawn.is_(None)).values(withdrawn=at)
    )
    if found.rowcount:
        record(connection, scope, Entry("consent.withdraw", f"consent/{id}", patient), at)
    return bool(found.rowcount)


def refuse(connection: Connection, scope: Scope, patient: str, need: str, rules: Collection[str], at: datetime) -> None:
    """They do not want help with ``need``: neither it nor any of ``rules`` that would offer it comes up again for a year."""
    until = at.date() + timedelta(days=DECLINED_FOR)
    for of in (of_need(need), *sorted(rules)):
        restrict(connection, scope, patient, Restriction.DECLINED, at, of=of, until=until)


def of_need(need: str) -> str:
    """The scope of a refusal of help with a need."""
    return f"need:{need}"


def untold(scope: Scope, rules: Mapping[str, Rule]) -> frozenset[str]:
    """The scopes of refusals that are not told to ``scope``: whoever declined what stands on no shared list was offered it."""
    if scope.may(Right.SEE_RESTRICTED):
        return frozenset()
    restricted = [rule for rule in rules.values() if rule.restricted]
    needs = BY_ITS_NATURE_UNSAFE | {rule.referral.category for rule in restricted if rule.referral}
    return frozenset({rule.id.text for rule in restricted} | {of_need(need) for need in needs})


def agreed(connection: Connection, patient: str, need: str, partner: str, agency: str | None, today: date) -> Row[Any] | None:
    """The consent on which ``agency`` may be told of ``need`` today; ``None``: there is none."""
    table = CONSENTS.c
    query = select(CONSENTS).where(
        table.patient == patient,
        table.need == need,
        table.partner == partner,
        or_(table.agency.is_(None), table.agency == agency),
        *_holds(today),
    )
    rows = connection.execute(query.order_by(table.since.desc(), table.id)).all()
    guardian = DISCLOSURES[partner].guardian
    return next((row for row in rows if not guardian or row.given_by == "guardian"), None)


_NOBODY: Final = {
    Restriction.DECEASED: Told("on record: deceased"),
    Restriction.MOVED: Told("on record: moved"),
    Restriction.OPTED_OUT: Told("on record: opted-out"),
}


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands against referring somebody, and whether an agency may get in touch with them."""

    objection: Told | None
    """In words; ``None``: nothing does."""
    unsafe: bool


def standing(connection: Connection, patient: str, need: str, rule: str | None, today: date) -> Standing:
    """Looked up anew each time."""
    held = in_force(connection, [patient], today).get(patient, ())
    scopes = {of_need(need), "all", rule}
    objection = next((_NOBODY[Restriction(each.kind)] for each in held if each.kind in NOBODY and each.scope == "all"), None)
    if objection is None and any(each.kind == Restriction.DECLINED and each.scope in scopes for each in held):
        objection = Told("on record: they do not want this help")
    return Standing(objection, any(each.kind == Restriction.UNSAFE for each in held))
