"""What an agency may see of a referral: the least that its kind of partner needs, and nothing with which to find somebody in danger."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, select

from fhir_adapters.referral_states import MAY_SET, TRANSITIONS, Side, Status
from plugin.referrals.disclosure import DISCLOSURES
from plugin.store.tables.outreach import PEOPLE


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


def person_of(connection: Connection, referral: Row[Any]) -> Seen:
    """The person of a referral, as its partner may know them."""
    told = DISCLOSURES[referral.partner].patient
    person = connection.execute(select(PEOPLE).where(PEOPLE.c.patient == referral.patient)).one_or_none()
    if person is None:
        return Seen("", None, None, None, None, None, referral.unsafe)
    speaks = "communication" in told
    return Seen(
        name=person.name if "name" in told else "",
        phone=person.phone if "telecom" in told and not referral.unsafe else None,
        language=(person.language or "") if speaks else None,
        interpreter=person.interpreter if speaks else None,
        age=person.age if "birthDate" in told else None,
        sex=(person.sex or "") if "gender" in told else None,
        unsafe=referral.unsafe,
    )


def answers(state: str) -> list[Status]:
    """What an agency can make of a referral that is ``state``, the usual ones first."""
    usual = [*(Status.ACCEPTED, Status.IN_PROGRESS, Status.COMPLETED, Status.ON_HOLD), *(Status.REJECTED, Status.FAILED, Status.CANCELLED)]
    possible = TRANSITIONS.get(Status(state), frozenset()) & MAY_SET[Side.TARGET]
    # Before it was accepted, no is said by rejecting it.
    return [to for to in usual if to in possible and not (state == Status.REQUESTED and to is Status.CANCELLED)]
