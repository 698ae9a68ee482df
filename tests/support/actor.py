"""A process in which staff and agencies act, one act after another, for tests that kill it: ``python actor.py DATABASE JOURNAL``.

Before each act its number goes into the journal, and again when the store has said that it is kept. Acts follow from their numbers alone,
so that one that was cut off can be told again, as a browser would that got no answer.
"""

import random
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from sqlalchemy import Connection, Row, select
from support.forking import Forks, serve
from support.referrals import CARE, NOON, agency, consent, proposal

from fhir_adapters.referral_states import OPEN, Status
from plugin.outreach import acting
from plugin.outreach.acting import Attempt
from plugin.outreach.restricting import in_force, lift, on_record, restrict
from plugin.outreach.words import Restriction
from plugin.referrals.acting import Answer, Grip, answer, cancel, send
from plugin.referrals.moving import Output
from plugin.referrals.proposing import propose
from plugin.store import open_store
from plugin.store.tables.outreach import EPISODES
from plugin.store.tables.referrals import REFERRALS

PEOPLE = [f"p{number}" for number in range(12)]
ACTS_AT_ONCE = 400
"""Of one fork; more than it lives to do."""
_OUTCOMES = ("no-answer", "left-message", "reached", "call-back")
_FOOD = (Output("resulting-activity", {"text": "A food parcel"}),)


def name_of(number: int) -> str:
    """The id of what act ``number`` keeps."""
    return str(uuid5(NAMESPACE_OID, f"act {number}"))


def act(connection: Connection, number: int) -> str:
    """Do act ``number`` in the transaction; its kind."""
    draw = random.Random(number)  # noqa: S311 the same each time
    patient, kind = draw.choice(PEOPLE), draw.choice(list(_ACTS))
    row = connection.execute(select(EPISODES).where(EPISODES.c.id == f"episode-{patient}").with_for_update()).one()
    if row.state == "closed" and kind in ("attempt", "snooze"):
        acting.reopen(connection, CARE, acting.Grip(row.id, row.version), NOON)
        row = connection.execute(select(EPISODES).where(EPISODES.c.id == row.id)).one()
    _ACTS[kind](connection, row, number, draw)
    return kind


def _attempt(connection: Connection, row: Row, number: int, draw: random.Random) -> None:  # type: ignore[type-arg]
    outcome = draw.choice(_OUTCOMES)
    again = NOON.date() + timedelta(days=3) if outcome == "call-back" else None
    tried = Attempt(name_of(number), "phone", outcome, again, f"act {number}")
    acting.attempt(connection, CARE, acting.Grip(row.id, row.version), tried, NOON)


def _snooze(connection: Connection, row: Row, number: int, draw: random.Random) -> None:  # type: ignore[type-arg]
    until = NOON.date() + timedelta(days=draw.randrange(1, 90))
    acting.snooze(connection, CARE, acting.Grip(row.id, row.version), until, f"act {number}", NOON)


def _restrict(connection: Connection, row: Row, number: int, draw: random.Random) -> None:  # type: ignore[type-arg]
    if in_force(connection, [row.patient], NOON.date()):
        for each in on_record(connection, CARE, row.patient, NOON.date()):
            lift(connection, CARE, row.patient, each.id, NOON)
    else:
        restrict(connection, CARE, row.patient, Restriction.OPTED_OUT, NOON, of="letter", note=f"act {number}")


def _refer(connection: Connection, row: Row, number: int, draw: random.Random) -> None:  # type: ignore[type-arg]
    """A referral for them goes one step on, whatever that is now; a new one if none is open."""
    found = connection.execute(
        select(REFERRALS).where(REFERRALS.c.patient == row.patient, REFERRALS.c.state.in_(OPEN)).with_for_update()
    ).one_or_none()
    if found is None:
        consent(connection, row.patient)
        propose(connection, CARE, proposal(row.patient, id=name_of(number), origin_id=row.id), NOON)
        return
    grip = Grip(found.id, found.version)
    steps: dict[str, Callable[[], int]] = {
        Status.DRAFT: partial(send, connection, CARE, grip, NOON),
        Status.REQUESTED: partial(answer, connection, agency(1), grip, Answer(Status.ACCEPTED), NOON),
        Status.ACCEPTED: partial(answer, connection, agency(1), grip, Answer(Status.IN_PROGRESS), NOON),
        Status.IN_PROGRESS: partial(answer, connection, agency(1), grip, Answer(Status.COMPLETED, outputs=_FOOD), NOON),
    }
    if found.state != Status.DRAFT and draw.random() < 0.2:
        cancel(connection, CARE, grip, "no-longer-wanted", NOON)
    else:
        steps[found.state]()


_ACTS: dict[str, Callable[[Connection, Row, int, random.Random], None]] = {  # type: ignore[type-arg]
    "attempt": _attempt,
    "snooze": _snooze,
    "restrict": _restrict,
    "refer": _refer,
}


def work(database: str, journal: Path, first: int) -> None:
    """The acts from ``first`` on, each a transaction."""
    with closing(open_store(database)) as store, journal.open("a") as told:
        for number in range(first, first + ACTS_AT_ONCE):
            told.write(f"begun {number}\n")
            told.flush()
            with store.write() as connection:
                kind = act(connection, number)
            told.write(f"kept {number} {kind}\n")
            told.flush()


class Actor(Forks):
    """The process, seen from a test."""

    def __init__(self, database: str, journal: Path) -> None:
        super().__init__(__file__, database, str(journal))


if __name__ == "__main__":
    open_store(sys.argv[1]).close()  # its driver is loaded once, not by each fork
    serve({"act": partial(work, sys.argv[1], Path(sys.argv[2]))})
