"""What time does to referrals: reminders, withdrawals, the next agency.

Each referral has a transaction of its own; whoever runs it twice has it done once.
"""

import uuid
from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from fhir_adapters.directory import Directory
from fhir_adapters.referral_states import Move as Moving
from fhir_adapters.referral_states import Side, Status, check
from plugin.access import Role, Scope
from plugin.listings.keeping import laid_over
from plugin.outreach.acting import NotNow, hold
from plugin.referrals.acting import Grip, send
from plugin.referrals.matching import Sought, next_candidate
from plugin.referrals.moving import Step, situation, taken
from plugin.referrals.proposing import Proposal, propose
from plugin.referrals.reading import outputs
from plugin.referrals.stepping import Answers, by_meaning, next_step
from plugin.referrals.stepping import Step as Due
from plugin.referrals.words import EPISODE, NO_ANSWER, Attention
from plugin.store import Store
from plugin.store.tables.referrals import REFERRALS
from rules.facts import Coding

TIMERS: Final = Scope("timers", Role.SYSTEM)
_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:almoner:referrals")
NOBODY_ELSE: Final = "nobody else"


def run(store: Store, directory: Directory | None, at: datetime, answers: Answers = by_meaning) -> Counter[str]:
    """Do what is due; how often which step, and how often ``nobody else`` could be found. Without a ``directory`` staff must look."""
    with store.read() as connection:
        query = select(REFERRALS.c.id).where(REFERRALS.c.due <= at.date().isoformat()).order_by(REFERRALS.c.due, REFERRALS.c.id)
        ids = list(connection.scalars(query))
        directory = laid_over(connection, directory) if directory else None
    done: Counter[str] = Counter()
    for id in ids:
        with store.write() as connection:
            done[_one(connection, directory, id, at, answers)] += 1
    return Counter({name: number for name, number in done.items() if name})


def _one(connection: Connection, directory: Directory | None, id: str, at: datetime, answers: Answers) -> str:
    row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == id).with_for_update()).one()
    step = next_step(situation(row._asdict(), bool(outputs(connection, id))), at.date(), answers)
    if step is None:
        return ""
    state, today = Status(row.state), at.date().isoformat()
    match step:
        case Due.NUDGE:
            taken(connection, TIMERS, row, Step(state, "nudged"), at, nudged=today, attention=Attention.NUDGED)
        case Due.ASK:
            taken(connection, TIMERS, row, Step(state, "asked"), at, asked=today, attention=Attention.OUTCOME)
        case Due.WITHDRAW:
            _withdraw(connection, row, at)
        case Due.STUCK:
            taken(connection, TIMERS, row, Step(state, "stuck"), at, rerouted=True, attention=Attention.NO_OTHER)
        case Due.REROUTE:
            return _reroute(connection, directory, row, at)
    return str(step)


def _withdraw(connection: Connection, row: Row[Any], at: datetime) -> None:
    """Only as long as nobody has answered: an answer that comes in time at the server stands."""
    check(Status(row.state), Moving(Status.CANCELLED, Side.REQUESTER, NO_ANSWER))
    step = Step(Status.CANCELLED, reason_code=NO_ANSWER, only_from=(Status.REQUESTED,))
    taken(connection, TIMERS, row, step, at, attention=None)


def _reroute(connection: Connection, directory: Directory | None, row: Row[Any], at: datetime) -> str:
    """To the next service that surely fits; else to a person. What a clinician ordered by a card is for the clinician to order again."""
    found = None if directory is None or row.origin != EPISODE else _next(connection, directory, row, at)
    if found is not None:
        hold(connection, row.origin_id)
        try:
            with connection.begin_nested():
                version = propose(connection, TIMERS, found, at)
                send(connection, TIMERS, Grip(found.id, version), at)
        except NotNow:
            found = None
    attention = None if found else Attention.NO_OTHER
    taken(connection, TIMERS, row, Step(Status(row.state), "rerouted"), at, rerouted=True, attention=attention)
    return Due.REROUTE if found else NOBODY_ELSE


def _next(connection: Connection, directory: Directory, row: Row[Any], at: datetime) -> Proposal | None:
    sought = Sought.of_json(row.sought)
    service = next_candidate(directory, sought, at.date(), _tried(connection, row._asdict()))
    if service is None:
        return None
    return Proposal(
        id=str(uuid.uuid5(_NAMESPACE, f"{row.id} {service.listing}")),
        tenant=row.tenant,
        patient=row.patient,
        sought=sought,
        service=Coding(row.service_system, row.service_code),
        service_display=row.service_display,
        candidate=service,
        wanted=True,
        origin_id=row.origin_id,
        rule=(row.rule, row.rule_version) if row.rule else None,
        reasons=tuple(row.reasons),
        goal=row.goal,
        priority=row.priority,
        message=row.message,
        restricted=row.restricted,
        rerouted_from=row.id,
    )


def _tried(connection: Connection, row: Mapping[str, Any]) -> set[str]:
    """The services that had their turn."""
    tried = {row["listing"]}
    while row["rerouted_from"] is not None:
        row = connection.execute(select(REFERRALS).where(REFERRALS.c.id == row["rerouted_from"])).one()._asdict()
        tried.add(row["listing"])
    return tried
