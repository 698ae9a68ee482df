"""What an agency may see of a referral: the least that its kind of partner needs, and nothing with which to find somebody in danger."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from fhir_adapters.referral_states import MAY_SET, TRANSITIONS, Side, Status
from plugin.referrals.consenting import Standing, standing
from plugin.referrals.disclosure import DISCLOSURES, Disclosure
from plugin.referrals.reading import is_ours
from plugin.store.tables.outreach import PEOPLE
from plugin.store.tables.referrals import CONSENTS


@dataclass(frozen=True, slots=True)
class Seen:
    """A person as an agency sees them. What is ``None`` is not told; what is empty is not recorded."""

    name: str
    phone: str | None
    language: str | None
    interpreter: bool | None
    age: int | None
    sex: str | None
    unsafe: bool
    """They must not be contacted."""
    message: str


_NOTHING: Final = Disclosure(frozenset())
_NEVER_TAKEN: Final = frozenset({Status.REJECTED, Status.CANCELLED, Status.ENTERED_IN_ERROR})


def person_of(connection: Connection, referral: Row[Any], today: date) -> Seen:
    """The person of a referral, as its partner may know them today.

    Whether contact is safe, and wanted, is looked up again. Of a referral that is over without having been taken, or whose consent was
    withdrawn, only the name is left. Of somebody whom only the agency's own server knows, nothing is told: it shows them.
    """
    disclosed = DISCLOSURES.get(referral.partner, _NOTHING)
    over = referral.state in _NEVER_TAKEN or _withdrawn(connection, referral.consent)
    told = disclosed.patient & {"name"} if over else disclosed.patient
    ours = is_ours(referral)
    person = connection.execute(select(PEOPLE).where(PEOPLE.c.patient == referral.patient)).one_or_none() if ours else None
    stands = standing(connection, referral.patient, referral.need, referral.rule, today) if ours else Standing(None, unsafe=False)
    unsafe = referral.unsafe or stands.unsafe or stands.objection is not None
    message = referral.message if "note" in disclosed.order and not over else ""
    if person is None:
        return Seen("", None, None, None, None, None, unsafe, message)
    speaks = "communication" in told
    return Seen(
        name=person.name if "name" in told else "",
        phone=person.phone if "telecom" in told and not unsafe else None,
        language=(person.language or "") if speaks else None,
        interpreter=person.interpreter if speaks else None,
        age=person.age if "birthDate" in told else None,
        sex=(person.sex or "") if "gender" in told else None,
        unsafe=unsafe,
        message=message,
    )


def _withdrawn(connection: Connection, consent: str | None) -> bool:
    return connection.scalar(select(CONSENTS.c.withdrawn).where(CONSENTS.c.id == consent)) is not None


def answers(state: str) -> list[Status]:
    """What an agency can make of a referral that is ``state``, the usual ones first."""
    usual = [*(Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED, Status.ON_HOLD), *(Status.REJECTED, Status.FAILED, Status.CANCELLED)]
    possible = TRANSITIONS.get(Status(state), frozenset()) & MAY_SET[Side.TARGET]
    # Before it was accepted, no is said by rejecting it.
    return [to for to in usual if to in possible and not (state == Status.REQUESTED and to is Status.CANCELLED)]
