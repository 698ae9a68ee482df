"""People at one address, whom staff may want to speak with together. Off for the whole address where that could endanger anybody.

It is off where contact with one of them is unsafe, or where something about one of them stands on no shared list: nobody can tell that from
an address that is not known.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import NamedTuple

from sqlalchemy import Connection, func, or_, select

from plugin.access import Right, Scope
from plugin.outreach.restricting import in_force
from plugin.outreach.words import Restriction
from plugin.referrals.words import RELAY
from plugin.store.tables.outreach import EPISODES, PEOPLE, REASONS
from plugin.store.tables.referrals import REFERRALS
from plugin.sweep.listing import LARGEST


class Neighbour(NamedTuple):
    """Somebody at the same address with a conversation of their own."""

    episode: str
    name: str


def neighbours(connection: Connection, scope: Scope, patients: Collection[str], today: date) -> Mapping[str, Sequence[Neighbour]]:
    """Patient → the others at their address whose conversation is open, by name; those without any are left out. Raises `Forbidden`."""
    scope.require(Right.SEE_PEOPLE)
    homes = _homes(connection, patients)
    everybody = {each: name for people in homes for each, name in people.items()}
    off = _endangered(connection, everybody, today)
    episode = EPISODES.c
    still = select(episode.patient, episode.id).where(episode.patient.in_(list(everybody)), episode.closed.is_(None))
    talking = dict(tuple(row) for row in connection.execute(still))
    found: dict[str, Sequence[Neighbour]] = {}
    for people in (people for people in homes if not off & people.keys()):
        open_ones = sorted(people.keys() & talking.keys(), key=lambda each: (everybody[each], each))
        for patient in people.keys() & set(patients):
            others = [Neighbour(talking[each], everybody[each]) for each in open_ones if each != patient]
            found |= {patient: others} if others else {}
    return found


def _homes(connection: Connection, patients: Collection[str]) -> Sequence[Mapping[str, str]]:
    """Of each household of one of ``patients`` everybody known there, with their name; only of several people, and not too many.

    The sweep, which knows all who live there, names no household that is too large; what is known here may be from several sweeps.
    """
    people = PEOPLE.c
    theirs = select(people.household).where(people.patient.in_(patients), people.household.is_not(None))
    sizes = select(people.household).where(people.household.in_(theirs)).group_by(people.household)
    small = sizes.having(func.count().between(2, LARGEST))
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for household, patient, name in connection.execute(
        select(people.household, people.patient, people.name).where(people.household.in_(small))
    ):
        found[household][patient] = name
    return list(found.values())


def _endangered(connection: Connection, patients: Collection[str], today: date) -> set[str]:
    """Those with whom contact is unsafe, or of whom something stood or stands on no shared list."""
    held = in_force(connection, patients, today)
    unsafe = {patient for patient, all_of in held.items() if any(each.kind == Restriction.UNSAFE for each in all_of)}
    hidden = select(EPISODES.c.patient).join_from(REASONS, EPISODES).where(EPISODES.c.patient.in_(patients), REASONS.c.restricted)
    table = REFERRALS.c
    referred = select(table.patient).where(table.patient.in_(patients), table.origin != RELAY, or_(table.restricted, table.unsafe))
    return unsafe.union(connection.scalars(hidden), connection.scalars(referred))
